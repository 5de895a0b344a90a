"""Reading cases and results: what the pages here and the reports above ask for."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Min

from endpoints.models import Assignment, EndpointResult, Measurement, Read, Segmentation
from endpoints.selectors.days import day_of
from trials.agreement import Gate
from trials.models import Subject, TimePoint, Trial
from trials.selectors import subjects_of
from trials.services.consent import allows


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionRow:
    """One lesion at one read; `value_mm` only where measured; `state` and `kind` are stored values."""

    label: str
    kind: str
    organ: str
    is_node: bool
    state: str
    quantity: str
    value_mm: Decimal | None
    instance_uid: str
    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One measured segment of a SEG or RTSTRUCT of the time point; millilitres and mm."""

    label: str
    number: int
    voxels: int
    volume_ml: Decimal
    longest_axial_mm: Decimal | None
    short_axis_mm: Decimal | None
    software: dict[str, str]
    input_sha256: str
    instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePointRow:
    """One locked read with its response as it stood at the cut-off; lengths in mm, changes in percent.

    `overall` is BASELINE at the first time point. `target`, `non_target` and `change_pct` are empty or None where
    baseline had no such lesions. `day` is the study day of the images, or the planned day where `is_day_planned`.
    """

    code: str
    position: int
    day: int
    is_day_planned: bool
    read_id: UUID
    locked_at: dt.datetime
    record_sha256: str
    comment: str
    sum_mm: Decimal | None
    nadir_mm: Decimal | None
    change_pct: Decimal | None
    target: str
    non_target: str
    new_lesion: bool
    overall: str
    explanation: str
    criteria_version: str
    input_sha256: str
    lesions: tuple[LesionRow, ...]
    segments: tuple[SegmentRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BestRow:
    """A best overall response as it stood at the cut-off."""

    value: str
    explanation: str
    charter_version: int
    criteria_version: str
    input_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRow:
    """A subject as one reader saw it. `reader` is a position (R1, R2 …), never a name; "" where nothing is read yet.

    `may_be_exported` tells whether consent covers giving coded results to the sponsor now.
    """

    subject_code: str
    site_number: str
    reader: str
    may_be_exported: bool
    best: BestRow | None
    time_points: tuple[TimePointRow, ...]


def subject_rows(trial: Trial, cut_off: dt.date) -> list[SubjectRow]:
    """Return one row per subject and reader, by site number, subject code and reader.

    Counts reads locked, responses derived and segments measured up to and including `cut_off` (a UTC day), and
    subjects whose first consent was recorded by then.
    """
    end = dt.datetime.combine(cut_off + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
    positions = reader_positions(trial)
    subjects = subjects_of(trial).annotate(registered_at=Min("consents__recorded_at")).filter(registered_at__lt=end)
    return [
        row for subject in subjects.order_by("trial_site__number", "code") for row in _rows_of(subject, positions, end)
    ]


def rows_of(subject: Subject, cut_off: dt.date) -> list[SubjectRow]:
    """Return one row per reader of one subject; counts as `subject_rows`."""
    end = dt.datetime.combine(cut_off + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
    return _rows_of(subject, reader_positions(subject.trial_site.trial), end)


def reader_positions(trial: Trial) -> dict[int, str]:
    """Map each reader's key to R1, R2 …, in the order in which they were first given a case."""
    assigned = Assignment.objects.filter(time_point__subject__trial_site__trial=trial)
    order = assigned.order_by("assigned_at", "reader").values_list("reader", flat=True)
    return {reader: f"R{number}" for number, reader in enumerate(dict.fromkeys(order), start=1)}


def _rows_of(subject: Subject, positions: dict[int, str], end: dt.datetime) -> list[SubjectRow]:
    locked = Read.objects.filter(
        assignment__time_point__subject=subject, state=Read.State.LOCKED, locked_at__lt=end, void__isnull=True
    )
    reads = list(locked.select_related("assignment__time_point__scheduled").order_by("assignment__position"))
    readers = sorted({read.assignment.reader_id for read in reads}, key=positions.__getitem__)
    return [_row(subject, reader, positions, reads, end) for reader in readers] or [
        _row(subject, None, positions, [], end)
    ]


def _row(
    subject: Subject, reader: int | None, positions: dict[int, str], reads: list[Read], end: dt.datetime
) -> SubjectRow:
    return SubjectRow(
        subject_code=subject.code,
        site_number=subject.trial_site.number,
        reader=positions[reader] if reader else "",
        may_be_exported=allows(subject, Gate.EXPORT),
        best=_best(subject, reader, end) if reader else None,
        time_points=tuple(_time_point(read, end) for read in reads if read.assignment.reader_id == reader),
    )


def _best(subject: Subject, reader: int, end: dt.datetime) -> BestRow | None:
    found = EndpointResult.objects.filter(
        subject=subject,
        reader=reader,
        kind=EndpointResult.Kind.BEST_OVERALL_RESPONSE,
        derived_at__lt=end,
    )
    latest = found.select_related("charter").order_by("-id").first()
    if latest is None:
        return None
    return BestRow(
        value=latest.value,
        explanation=latest.explanation,
        charter_version=latest.charter.version,
        criteria_version=latest.criteria_version,
        input_sha256=latest.input_sha256,
    )


def _time_point(read: Read, end: dt.datetime) -> TimePointRow:
    assignment, day = read.assignment, day_of(read.assignment.time_point)
    response = read.responses.filter(derived_at__lt=end).latest("id")
    return TimePointRow(
        code=assignment.time_point.scheduled.code,
        position=assignment.position,
        day=day.day,
        is_day_planned=day.is_planned,
        read_id=read.pk,
        locked_at=_locked_at(read),
        record_sha256=read.record_sha256,
        comment=read.comment,
        sum_mm=response.sum_mm,
        nadir_mm=response.nadir_mm,
        change_pct=response.change_from_baseline,
        target=response.target,
        non_target=response.non_target,
        new_lesion=response.new_lesion,
        overall=response.overall,
        explanation=response.explanation,
        criteria_version=response.criteria_version,
        input_sha256=response.input_sha256,
        lesions=tuple(_lesion(row) for row in read.measurements.select_related("lesion").order_by("lesion__label")),
        segments=segments_of(assignment.time_point, end),
    )


def _locked_at(read: Read) -> dt.datetime:
    if read.locked_at is None:
        raise ValueError("a locked read has its time: the database holds that")
    return read.locked_at


def _lesion(row: Measurement) -> LesionRow:
    return LesionRow(
        label=row.lesion.label,
        kind=row.lesion.kind,
        organ=row.lesion.organ,
        is_node=row.lesion.is_node,
        state=row.state,
        quantity=row.quantity,
        value_mm=row.value,
        instance_uid=row.instance_uid,
        frame=row.frame,
    )


def segments_of(time_point: TimePoint, end: dt.datetime) -> tuple[SegmentRow, ...]:
    """Return what was measured on the segmentations of a time point before `end`."""
    found = Segmentation.objects.filter(series__study__time_point=time_point, computed_at__lt=end)
    return tuple(_segment(row) for row in found.select_related("instance").order_by("instance_id", "number"))


def _segment(row: Segmentation) -> SegmentRow:
    return SegmentRow(
        label=row.label,
        number=row.number,
        voxels=row.voxels,
        volume_ml=row.volume_ml,
        longest_axial_mm=row.longest_axial_mm,
        short_axis_mm=row.short_axis_mm,
        software=row.software,
        input_sha256=row.input_sha256,
        instance_uid=row.instance.uid,
    )

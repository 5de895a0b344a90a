"""Reading cases and results: what the pages here and the reports above ask for."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Min, Prefetch

from endpoints.models import Assignment, EndpointResult, Measurement, Read, Response, Segmentation
from endpoints.selectors.days import Day, days_of
from trials.agreement import Gate
from trials.models import Subject, Trial
from trials.selectors import subjects_of
from trials.services.consent import answers

# In place of a reader's key, where nobody has read yet.
_NOBODY = 0


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
    """Return one row per subject and reader, by site number, subject code and reader, in a fixed number of questions.

    Counts reads locked, responses derived and segments measured up to and including `cut_off` (a UTC day), and
    subjects whose first consent was recorded by then.
    """
    end = _end_of(cut_off)
    subjects = subjects_of(trial).annotate(registered_at=Min("consents__recorded_at")).filter(registered_at__lt=end)
    return _rows(list(subjects.order_by("trial_site__number", "code")), reader_positions(trial), end)


def rows_of(subject: Subject, cut_off: dt.date) -> list[SubjectRow]:
    """Return one row per reader of one subject; counts as `subject_rows`."""
    return _rows([subject], reader_positions(subject.trial_site.trial), _end_of(cut_off))


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)


def reader_positions(trial: Trial) -> dict[int, str]:
    """Map each reader's key to R1, R2 …, in the order in which they were first given a case."""
    assigned = Assignment.objects.filter(time_point__subject__trial_site__trial=trial)
    order = assigned.order_by("assigned_at", "reader").values_list("reader", flat=True)
    return {reader: f"R{number}" for number, reader in enumerate(dict.fromkeys(order), start=1)}


def _rows(subjects: Sequence[Subject], positions: dict[int, str], end: dt.datetime) -> list[SubjectRow]:
    reads, consents = _reads(subjects, end), answers(subjects, Gate.EXPORT)
    points, bests = _time_points(reads, end), _bests(subjects, end)
    by_subject: dict[int, dict[int, list[TimePointRow]]] = {each.pk: {} for each in subjects}
    for read in reads:
        assignment = read.assignment
        seen = by_subject[assignment.time_point.subject_id].setdefault(assignment.reader_id, [])
        seen.append(points[read.pk])
    return [
        SubjectRow(
            subject_code=subject.code,
            site_number=subject.trial_site.number,
            reader=positions[reader] if reader else "",
            may_be_exported=consents[subject.pk].is_open,
            best=bests.get((subject.pk, reader)),
            time_points=tuple(by_subject[subject.pk].get(reader, ())),
        )
        for subject in subjects
        for reader in sorted(by_subject[subject.pk], key=positions.__getitem__) or [_NOBODY]
    ]


def _reads(subjects: Sequence[Subject], end: dt.datetime) -> list[Read]:
    """Return the reads that count, in reading order, each with its measurements and its responses until `end`."""
    locked = Read.objects.filter(
        assignment__time_point__subject__in=subjects, state=Read.State.LOCKED, locked_at__lt=end, void__isnull=True
    )
    measured = Measurement.objects.select_related("lesion").order_by("lesion__label")
    derived = Response.objects.filter(derived_at__lt=end).order_by("id")
    told = (Prefetch("measurements", measured), Prefetch("responses", derived, to_attr="responses_then"))
    found = locked.select_related("assignment__time_point__scheduled").prefetch_related(*told)
    return list(found.order_by("assignment__position"))


def _bests(subjects: Sequence[Subject], end: dt.datetime) -> dict[tuple[int, int], BestRow]:
    """Return the latest best response of each subject and reader, by their keys."""
    kind = EndpointResult.Kind.BEST_OVERALL_RESPONSE
    found = EndpointResult.objects.filter(subject__in=subjects, kind=kind, derived_at__lt=end)
    latest = {(row.subject_id, row.reader_id): row for row in found.select_related("charter").order_by("id")}
    return {key: _best(row) for key, row in latest.items()}


def _best(row: EndpointResult) -> BestRow:
    return BestRow(
        value=row.value,
        explanation=row.explanation,
        charter_version=row.charter.version,
        criteria_version=row.criteria_version,
        input_sha256=row.input_sha256,
    )


def _time_points(reads: Sequence[Read], end: dt.datetime) -> dict[UUID, TimePointRow]:
    """Return each read's row, by the read's key."""
    visits = {read.assignment.time_point_id: read.assignment.time_point for read in reads}
    days, segments = days_of(visits.values()), _segments_of(visits, end)
    return {
        read.pk: _time_point(read, days[key], tuple(segments[key]))
        for read in reads
        for key in [read.assignment.time_point_id]
    }


def _time_point(read: Read, day: Day, segments: tuple[SegmentRow, ...]) -> TimePointRow:
    assignment, response = read.assignment, _latest(read)
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
        lesions=tuple(_lesion(row) for row in read.measurements.all()),
        segments=segments,
    )


def _latest(read: Read) -> Response:
    """Return the response that counted. Raises Response.DoesNotExist: a locked read has one."""
    then: list[Response] = read.responses_then  # type: ignore[attr-defined]  # prefetched under this name
    if not then:
        raise Response.DoesNotExist("a locked read has its response: they are committed together")
    return then[-1]


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


def _segments_of(visits: Iterable[int], end: dt.datetime) -> dict[int, list[SegmentRow]]:
    """Return what was measured on the segmentations of each time point before `end`, by its key."""
    found: dict[int, list[SegmentRow]] = {key: [] for key in visits}
    rows = Segmentation.objects.filter(series__study__time_point__in=found, computed_at__lt=end)
    chosen = rows.select_related("instance", "series__study").order_by("instance_id", "number")
    for row in chosen:
        found[row.series.study.time_point_id].append(_segment(row))
    return found


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

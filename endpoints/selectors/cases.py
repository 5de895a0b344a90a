"""A blinded case as its reader meets it: series, frames and findings by position, nothing about subject or site."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from django.db.models import QuerySet

from endpoints.models import Assignment, Lesion, Measurement, Read, Response
from imaging.models import Instance, Series
from imaging.selectors import image_series_of, instances_of
from trials.models import TimePoint

State = Measurement.State
BASELINE = 1
_AT_BASELINE = {
    Lesion.Kind.TARGET: (State.MEASURED,),
    Lesion.Kind.NON_TARGET: (State.PRESENT,),
}
_AT_FIRST_SIGHT = (State.UNEQUIVOCAL, State.EQUIVOCAL)
_LATER = {
    Lesion.Kind.TARGET: (State.MEASURED, State.TOO_SMALL, State.ABSENT, State.NOT_EVALUATED),
    Lesion.Kind.NON_TARGET: (State.PRESENT, State.ABSENT, State.PROGRESSED, State.NOT_EVALUATED),
    Lesion.Kind.NEW: (*_AT_FIRST_SIGHT, State.ABSENT, State.NOT_EVALUATED),
}
_KIND_ORDER = (Lesion.Kind.TARGET, Lesion.Kind.NON_TARGET, Lesion.Kind.NEW)


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlace:
    """One frame of a series: the instance it lies in and its number there, from 1 as DICOM counts."""

    instance: Instance
    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPlace:
    """One series of a case by its position (from 0), with its frames in reading order."""

    position: int
    modality: str
    frames: tuple[FramePlace, ...]

    @property
    def token(self) -> str:
        """Tell, without naming, which images stand here: it changes when more are filed, and so does their order."""
        return hashlib.sha256("|".join(place.instance.uid for place in self.frames).encode()).hexdigest()[:16]

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Row and column spacing in mm of the first frame, None where the header does not say."""
        spacing = self.frames[0].instance.facts.get("pixel_spacing") if self.frames else None
        return (float(spacing[0]), float(spacing[1])) if spacing else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an earlier scan of the same case showed of a lesion."""

    position: int
    state: str
    value_mm: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A lesion on the reading page: what was, what is recorded now (None: nothing yet), and what may be."""

    lesion: Lesion
    now: Measurement | None
    past: tuple[Past, ...]
    states: tuple[Measurement.State, ...]
    is_found_here: bool

    @property
    def is_measurable(self) -> bool:
        return State.MEASURED in self.states


def series_places(time_point: TimePoint) -> list[SeriesPlace]:
    return [_place(position, series) for position, series in enumerate(image_series_of(time_point))]


def _place(position: int, series: Series) -> SeriesPlace:
    frames = chain.from_iterable(_frames(instance) for instance in instances_of(series))
    return SeriesPlace(position=position, modality=series.modality, frames=tuple(frames))


def _frames(instance: Instance) -> list[FramePlace]:
    count = int(instance.facts.get("frames") or 1)
    return [FramePlace(instance=instance, frame=number) for number in range(1, count + 1)]


def series_place(time_point: TimePoint, *, position: int) -> SeriesPlace | None:
    """Return the series at a position (from 0), or None where there is none."""
    return next((_place(position, series) for series in image_series_of(time_point)[position : position + 1]), None)


def earlier(assignment: Assignment) -> QuerySet[Assignment]:
    """The same reader's earlier scans of the same case, stopped ones left out."""
    return Assignment.objects.filter(
        time_point__subject=assignment.time_point.subject_id,
        reader=assignment.reader_id,
        position__lt=assignment.position,
    ).exclude(state=Assignment.State.STOPPED)


def is_baseline(read: Read) -> bool:
    return read.assignment.position == BASELINE


def lesions_of(read: Read) -> list[Lesion]:
    """Every lesion of the case that this reader named up to this scan: targets, non-targets, new ones."""
    lesions = Lesion.objects.filter(
        subject=read.assignment.time_point.subject_id,
        reader=read.assignment.reader_id,
        found_in__assignment__position__lte=read.assignment.position,
    )
    return sorted(lesions, key=lambda lesion: (_KIND_ORDER.index(Lesion.Kind(lesion.kind)), lesion.label))


def allowed_states(lesion: Lesion, read: Read) -> tuple[Measurement.State, ...]:
    """Return what may be recorded of a lesion in this read; at first sight it is there (RECIST 1.1 section 4)."""
    kind = Lesion.Kind(lesion.kind)
    if kind is Lesion.Kind.NEW and lesion.found_in_id == read.pk:
        return _AT_FIRST_SIGHT
    return _AT_BASELINE[kind] if is_baseline(read) else _LATER[kind]


def findings(read: Read) -> list[FindingRow]:
    lesions = lesions_of(read)
    measured = Measurement.objects.filter(lesion__in=lesions, read__assignment__position__lte=read.assignment.position)
    rows = list(measured.select_related("read__assignment").order_by("read__assignment__position"))
    return [_finding(lesion, read, [row for row in rows if row.lesion_id == lesion.pk]) for lesion in lesions]


def _finding(lesion: Lesion, read: Read, rows: list[Measurement]) -> FindingRow:
    return FindingRow(
        lesion=lesion,
        now=next((row for row in rows if row.read_id == read.pk), None),
        past=tuple(_past(row) for row in rows if row.read_id != read.pk),
        states=allowed_states(lesion, read),
        is_found_here=lesion.found_in_id == read.pk,
    )


def _past(row: Measurement) -> Past:
    return Past(
        position=row.read.assignment.position,
        state=str(Measurement.State(row.state).label),
        value_mm=row.value,
    )


def latest_response(read: Read) -> Response | None:
    return read.responses.order_by("-id").first()

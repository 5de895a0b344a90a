"""Naming lesions in a draft read and saying how each stands; lengths are computed here, never in the browser."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from endpoints.measure.geometry import PixelPoint, PixelSpacing
from endpoints.measure.lengths import measure_length
from endpoints.models import Lesion, Measurement, Read
from endpoints.selectors.cases import FramePlace, allowed_states, is_baseline, lesions_of, series_place
from endpoints.services.cases import require_draft, trial_code
from imaging import fence
from imaging.archive import load
from imaging.frames import FrameRefused, RenderedFrame

State = Measurement.State
_PREFIX = {Lesion.Kind.TARGET: "T", Lesion.Kind.NON_TARGET: "N", Lesion.Kind.NEW: "NEW"}
_LONGEST_MM = Decimal(1000)
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLesion:
    """What a reader says of a lesion when first naming it."""

    kind: Lesion.Kind
    organ: str
    is_node: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Two ends in pixels of one frame, (0, 0) at the outer corner of the first; series and frame from 0.

    `token` is that of the series as it was shown.
    """

    series: int
    token: str
    frame: int
    start: PixelPoint
    end: PixelPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFinding:
    """How a lesion stands: MEASURED comes with a line or a typed length in mm, anything else with neither."""

    state: Measurement.State
    line: Line | None = None
    typed_mm: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    mm: Decimal
    geometry: list[list[float]]
    instance_uid: str
    frame: int


@transaction.atomic
def add_lesion(*, by: Actor, read: Read, new: NewLesion) -> Lesion:
    """Name a lesion: targets and non-targets at baseline, new lesions afterwards (RECIST 1.1 section 4).

    Raises ValidationError: `locked`, `no-consent`, or `kind` where this kind cannot be named at this scan.
    """
    by, read = require_draft(by, read)
    if (new.kind is Lesion.Kind.NEW) == is_baseline(read):
        raise ValidationError(
            _("Targets and non-targets are named at the first scan, new lesions at later ones."), code="kind"
        )
    lesion = Lesion(
        subject=read.assignment.time_point.subject,
        reader=read.assignment.reader,
        found_in=read,
        kind=new.kind,
        label=_next_label(read, new.kind),
        organ=new.organ.strip(),
        is_node=new.is_node,
    )
    lesion.full_clean()
    lesion.save()
    record(by=by, act="lesion.named", obj=lesion, trial_code=trial_code(read.assignment), after=_told(lesion))
    return lesion


def _next_label(read: Read, kind: Lesion.Kind) -> str:
    taken = Lesion.objects.filter(
        subject=read.assignment.time_point.subject_id, reader=read.assignment.reader_id, kind=kind
    ).values_list("label", flat=True)
    prefix = _PREFIX[kind]
    highest = max((int(label.removeprefix(prefix)) for label in taken), default=0)
    return f"{prefix}{highest + 1:02d}"


def _told(lesion: Lesion) -> dict[str, Any]:
    return {"label": lesion.label, "kind": lesion.kind, "organ": lesion.organ, "is_node": lesion.is_node}


@transaction.atomic
def remove_lesion(*, by: Actor, read: Read, lesion: Lesion) -> None:
    """Take back a lesion named in this very draft. Raises ValidationError (`locked`, `found-earlier`)."""
    by, read = require_draft(by, read)
    if lesion.found_in_id != read.pk:
        raise ValidationError(
            _("This lesion was named at an earlier scan. Say how it stands instead."), code="found-earlier"
        )
    record(by=by, act="lesion.removed", obj=lesion, trial_code=trial_code(read.assignment), before=_told(lesion))
    Measurement.objects.filter(lesion=lesion).delete()
    lesion.delete()


@transaction.atomic
def measure(*, by: Actor, read: Read, lesion: Lesion, finding: NewFinding) -> Measurement:
    """Say how a lesion stands in this draft; the length of a line is worked out from the stored geometry.

    Raises ValidationError: `locked`, `no-consent`, `foreign`, `state`, `value`, `no-frame` or `no-geometry`.
    """
    by, read = require_draft(by, read)
    _refuse_misfit(read, lesion, finding)
    value = _value_of(read, finding)
    before = Measurement.objects.filter(read=read, lesion=lesion).first()
    row, _made = Measurement.objects.update_or_create(
        read=read, lesion=lesion, defaults=_columns(lesion, finding.state, value)
    )
    record(
        by=by,
        act="lesion.measured",
        obj=row,
        trial_code=trial_code(read.assignment),
        before=_summary(before) if before else {},
        after=_summary(row),
    )
    return row


def _refuse_misfit(read: Read, lesion: Lesion, finding: NewFinding) -> None:
    if lesion not in lesions_of(read):
        raise ValidationError(_("This lesion does not belong to this read."), code="foreign")
    if finding.state not in allowed_states(lesion, read):
        raise ValidationError(
            _("%(label)s cannot be “%(state)s” at this scan."),
            code="state",
            params={"label": lesion.label, "state": finding.state.label},
        )
    given = [told for told in (finding.line, finding.typed_mm) if told is not None]
    if len(given) != (finding.state is State.MEASURED):
        raise ValidationError(
            _("A measured lesion needs one length: draw a line or type millimetres. Any other state has none."),
            code="value",
        )


def _value_of(read: Read, finding: NewFinding) -> _Value | None:
    if finding.line is not None:
        return _check_length(_measure_line(read, finding.line))
    if finding.typed_mm is not None:
        typed = finding.typed_mm.quantize(_TENTH)
        return _check_length(_Value(mm=typed, geometry=[], instance_uid="", frame=0))
    return None


def _check_length(value: _Value) -> _Value:
    if not 0 < value.mm < _LONGEST_MM:
        raise ValidationError(_("A length lies between 0.1 and 999.9 mm."), code="value")
    return value


def _measure_line(read: Read, line: Line) -> _Value:
    place = _find_frame(read, line)
    shown = _show(place)
    _refuse_outside(line, shown)
    return _Value(
        mm=measure_length(line.start, line.end, _spacing(shown)),
        geometry=[[point.row, point.column] for point in (line.start, line.end)],
        instance_uid=place.instance.uid,
        frame=place.frame,
    )


def _find_frame(read: Read, line: Line) -> FramePlace:
    series = series_place(read.assignment.time_point, position=line.series)
    if series is None or line.frame >= len(series.frames):
        raise ValidationError(_("There is no such image in this case."), code="no-frame")
    if series.token != line.token:
        raise ValidationError(
            _("More images of this case were filed meanwhile. Load the page again and measure anew."), code="no-frame"
        )
    return series.frames[line.frame]


def _show(place: FramePlace) -> RenderedFrame:
    try:
        return fence.render(load(place.instance.sha256), frame=place.frame)
    except FrameRefused as refusal:
        raise ValidationError(refusal.sentence, code="no-frame") from None


def _refuse_outside(line: Line, shown: RenderedFrame) -> None:
    for point in (line.start, line.end):
        # Written so that a NaN is outside, too.
        if not (0 <= point.row <= shown.rows and 0 <= point.column <= shown.columns):
            raise ValidationError(_("An end of the line lies outside the image."), code="value")


def _spacing(shown: RenderedFrame) -> PixelSpacing:
    if shown.pixel_spacing is None:
        raise ValidationError(
            _("This image does not say how large its pixels are. Measure on another series or type the length."),
            code="no-geometry",
        )
    row, column = (Decimal(repr(float(step))) for step in shown.pixel_spacing)
    return PixelSpacing(row_mm=row, column_mm=column)


def _columns(lesion: Lesion, state: Measurement.State, value: _Value | None) -> dict[str, Any]:
    kind = Measurement.Quantity.SHORT_AXIS if lesion.is_node else Measurement.Quantity.LONGEST_DIAMETER
    return {
        "state": state,
        "quantity": kind if value else Measurement.Quantity.NONE,
        "value": value.mm if value else None,
        "unit": "mm" if value else "",
        "geometry": value.geometry if value else [],
        "instance_uid": value.instance_uid if value else "",
        "frame": value.frame if value else 0,
    }


def _summary(row: Measurement) -> dict[str, Any]:
    return {
        "lesion": row.lesion.label,
        "state": row.state,
        "value": row.value,
        "geometry": row.geometry,
        "instance_uid": row.instance_uid,
        "frame": row.frame,
    }

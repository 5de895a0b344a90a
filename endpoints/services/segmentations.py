"""Measuring filed segmentations: volume and diameters of each segment on the very series it was drawn on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import admit
from audit.services import canonical, record
from audit.version import VERSION
from endpoints.measure.diameters import AxialDiameters, measure_diameters
from endpoints.measure.errors import MeasureError
from endpoints.measure.geometry import Grid, PixelSpacing
from endpoints.measure.volumes import measure_volume
from endpoints.models import Segmentation, SegmentationRun
from imaging.archive import load
from imaging.fence import volumes
from imaging.models import Instance, Series
from imaging.selectors import files_of, image_series_of, instances_of
from imaging.volumes import Cause, Segment, Volume, VolumeRefused
from trials.agreement import Gate
from trials.models import Subject
from trials.services import consent

State = SegmentationRun.State
# Longer than a task may live, so that a claim is only taken over from the dead.
_LEASE = timedelta(minutes=45)
_SOFTWARE = ("highdicom", "numpy", "pydicom", "scipy", "SimpleITK")
_STEP_DIGITS = 6
_LABEL_LENGTH = 64


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawing:
    """A segmentation object laid on its series; `input_sha256` names the bytes of both."""

    series: Series
    volume: Volume
    segments: tuple[Segment, ...]
    input_sha256: str


def measure_segments(*, by: Actor, instance: Instance) -> list[Segmentation]:
    """Measure every segment of a filed SEG or RTSTRUCT once; [] where another worker has it, or it is refused.

    A refusal is recorded with its sentence and stands for this software version. `by` is the worker: no person
    asks for this. Raises ValidationError (`no-consent`) where consent does not cover computing.
    """
    admit(by)
    consent.require(_subject(instance), Gate.COMPUTE)
    if not _claim(instance):
        return []
    try:
        return _work_out(by, instance)
    except (ValidationError, DatabaseError):
        _give_back(instance)
        raise


def _work_out(by: Actor, instance: Instance) -> list[Segmentation]:
    try:
        drawing = draw(instance)
        rows = [_measure(instance, drawing, segment) for segment in drawing.segments]
    except VolumeRefused as refusal:
        refuse(by=by, instance=instance, cause=refusal.cause, sentence=refusal.sentence)
        return []
    except MeasureError as error:
        refuse(by=by, instance=instance, cause="measure", sentence=str(error))
        return []
    return _keep(by, instance, rows)


def _give_back(instance: Instance) -> None:
    # What this worker did not finish, the next sweep takes up again.
    SegmentationRun.objects.filter(instance=instance, state=State.MEASURING).update(leased_until=timezone.now())


def software() -> dict[str, str]:
    """Return what computes here, each with its version."""
    return {"Corelab": VERSION} | {name: version(name) for name in _SOFTWARE}


@transaction.atomic
def _claim(instance: Instance) -> bool:
    """Take the instance for this worker: new, or with a claim that ran out or a refusal by other software."""
    until = timezone.now() + _LEASE
    try:
        with transaction.atomic():
            SegmentationRun.objects.create(instance=instance, leased_until=until, software_version=VERSION)
    except IntegrityError:
        stale = Q(state=State.MEASURING, leased_until__lt=timezone.now())
        outdated = Q(state=State.REFUSED) & ~Q(software_version=VERSION)
        free = SegmentationRun.objects.filter(stale | outdated, instance=instance)
        claimed = {
            "state": State.MEASURING,
            "leased_until": until,
            "software_version": VERSION,
            "refusal": "",
            "cause": "",
        }
        return bool(free.update(**claimed))
    return True


def draw(instance: Instance) -> Drawing:
    """Lay a segmentation on the first of its series that it fits. Raises VolumeRefused."""
    data = load(instance.sha256)
    refusals = []
    for series in _candidates(instance, data):
        try:
            return _draw_on(instance, data, series)
        except VolumeRefused as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _draw_on(instance: Instance, data: bytes, series: Series) -> Drawing:
    is_outlined = instance.series.modality == "RTSTRUCT"
    volume, segments = volumes.draw(data, files_of(series), is_outlined=is_outlined)
    if not segments:
        raise VolumeRefused(Cause.UNREADABLE, str(_("This object outlines nothing, so there is nothing to measure.")))
    told = {"segmentation": instance.sha256, "images": [one.sha256 for one in instances_of(series)]}
    return Drawing(
        series=series,
        volume=volume,
        segments=segments,
        input_sha256=hashlib.sha256(canonical(told).encode()).hexdigest(),
    )


def _candidates(instance: Instance, data: bytes) -> Sequence[Series]:
    """Return the series to try: those it refers to, else the only one in its frame of reference."""
    images = image_series_of(instance.series.study.time_point)
    if named := volumes.referenced_series(data):
        found = list(images.filter(uid__in=named))
        if not found:
            _refuse_foreign(_("The images this segmentation was drawn on are not filed at this time point. Send them."))
        return found
    frame = instance.series.frame_of_reference_uid
    near = list(images.filter(frame_of_reference_uid=frame)) if frame else []
    if len(near) != 1:
        _refuse_foreign(_("This segmentation does not say on which images it was drawn."))
    return near


def _refuse_foreign(sentence: Any) -> None:
    raise VolumeRefused(Cause.FOREIGN, str(sentence))


def _measure(instance: Instance, drawing: Drawing, segment: Segment) -> Segmentation:
    row = Segmentation(
        instance=instance,
        series=drawing.series,
        number=segment.number,
        label=segment.label[:_LABEL_LENGTH],
        voxels=0,
        volume_ml=Decimal(0),
        software=software(),
        input_sha256=drawing.input_sha256,
        computed_at=timezone.now(),
    )
    if segment.mask.any():
        _fill(row, drawing.volume, segment)
    return row


def _fill(row: Segmentation, volume: Volume, segment: Segment) -> None:
    measured = measure_volume(segment.mask, Grid.from_affine(volume.affine))
    found = measure_diameters(segment.mask, _pixel_spacing(volume))
    row.voxels, row.volume_ml = measured.voxels, measured.volume_ml
    row.longest_axial_mm, row.short_axis_mm = found.longest.length_mm, found.perpendicular.length_mm
    row.geometry = _geometry(volume, found)


def _pixel_spacing(volume: Volume) -> PixelSpacing:
    # An affine turns 0.7 mm into 0.7000000000000001; no scanner states a step finer than these digits.
    row, column = (Decimal(repr(round(step, _STEP_DIGITS))) for step in volume.spacing[1:])
    return PixelSpacing(row_mm=row, column_mm=column)


def _geometry(volume: Volume, found: AxialDiameters) -> dict[str, Any]:
    return {
        "instance_uid": volume.sop_instance_uids[found.slice_index],
        "frame": volume.frame_numbers[found.slice_index],
        "slice": found.slice_index,
        "long": [[point.row, point.column] for point in (found.longest.start, found.longest.end)],
        "short": [[point.row, point.column] for point in (found.perpendicular.start, found.perpendicular.end)],
    }


@transaction.atomic
def _keep(by: Actor, instance: Instance, rows: list[Segmentation]) -> list[Segmentation]:
    subject = _subject(instance)
    # Asked again: measuring takes a while, and consent may have gone meanwhile.
    consent.require(subject, Gate.COMPUTE)
    _finish(instance, state=State.MEASURED)
    for row in rows:
        row.save(force_insert=True)
        after = {"label": row.label, "volume_ml": row.volume_ml, "input_sha256": row.input_sha256}
        record(by=by, act="segmentation.measured", obj=row, trial_code=subject.trial_site.trial.code, after=after)
    return rows


@transaction.atomic
def refuse(*, by: Actor, instance: Instance, cause: str, sentence: str) -> None:
    """Say why a claimed segmentation cannot be measured; it is not tried again by this software version."""
    admit(by)
    _finish(instance, state=State.REFUSED, cause=cause, refusal=sentence)
    trial_code = _subject(instance).trial_site.trial.code
    after = {"cause": cause, "software": VERSION}
    record(by=by, act="segmentation.refused", obj=instance, trial_code=trial_code, after=after, reason=sentence)


def _finish(instance: Instance, *, state: SegmentationRun.State, cause: str = "", refusal: str = "") -> None:
    claimed = SegmentationRun.objects.filter(instance=instance, state=State.MEASURING)
    if not claimed.update(state=state, cause=cause, refusal=refusal):
        raise ValidationError(_("Another worker has finished this segmentation."), code="wrong-state")


def _subject(instance: Instance) -> Subject:
    return instance.series.study.time_point.subject

"""Radiomics of a measured segment, where the charter asks for it, under settings that the product fixes."""

import json
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.context import admit
from audit.services import record
from endpoints.measure.errors import MeasureError
from endpoints.measure.geometry import Grid
from endpoints.measure.radiomics import RadiomicsResult, extract
from endpoints.measure.settings import Settings
from endpoints.models import RadiomicsRun, Segmentation
from endpoints.services.segmentations import draw, software
from imaging.volumes import VolumeRefused
from trials.agreement import Gate
from trials.services import consent

# CT has a scale of its own: bins of 25 HU counted from air mean the same in every lesion.
CT_SETTINGS = Settings(bin_width=Decimal(25), bin_anchor=Decimal(-1000), range_low=Decimal(-1000))
# Any other modality: a fixed number of bins, since its values have no common zero.
OTHER_SETTINGS = Settings(bin_count=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    result: RadiomicsResult | None
    refusal: str


def run_radiomics(*, by: Actor, segmentation: Segmentation) -> RadiomicsRun:
    """Extract the features of one segment and keep them, or keep the sentence why there are none.

    Running twice adds nothing. `by` is the worker. Raises ValidationError (`no-consent`) where consent does not
    cover computing.
    """
    subject = segmentation.series.study.time_point.subject
    consent.require(subject, Gate.COMPUTE)
    settings = _settings_for(segmentation)
    outcome = _extract(segmentation, settings)
    with transaction.atomic():
        consent.require(subject, Gate.COMPUTE)
        return _keep(by, segmentation, settings, outcome)


@transaction.atomic
def refuse_radiomics(*, by: Actor, segmentation: Segmentation, sentence: str) -> RadiomicsRun:
    """Keep why a segment has no features, so that the sweep does not try it for ever."""
    return _keep(by, segmentation, _settings_for(segmentation), _Outcome(result=None, refusal=sentence))


def _settings_for(segmentation: Segmentation) -> Settings:
    return CT_SETTINGS if segmentation.series.modality == "CT" else OTHER_SETTINGS


def _extract(segmentation: Segmentation, settings: Settings) -> _Outcome:
    try:
        drawing = draw(segmentation.instance)
        segment = next(one for one in drawing.segments if one.number == segmentation.number)
        grid = Grid.from_affine(drawing.volume.affine)
        result = extract(drawing.volume.array, segment.mask, grid, settings)
    except VolumeRefused as refusal:
        return _Outcome(result=None, refusal=refusal.sentence)
    except MeasureError as error:
        return _Outcome(result=None, refusal=str(error))
    return _Outcome(result=result, refusal="")


def _keep(by: Actor, segmentation: Segmentation, settings: Settings, outcome: _Outcome) -> RadiomicsRun:
    admit(by)
    result = outcome.result
    row, made = RadiomicsRun.objects.get_or_create(
        segmentation=segmentation,
        settings_sha256=settings.digest,
        input_sha256=result.input_sha256 if result else segmentation.input_sha256,
        defaults={
            "settings": json.loads(settings.to_json()),
            "versions": dict(result.versions) if result else software(),
            "values": dict(result.values) if result else {},
            "refusal": outcome.refusal,
            "computed_at": timezone.now(),
        },
    )
    if made:
        record(
            by=by,
            act="radiomics.refused" if outcome.refusal else "radiomics.computed",
            obj=row,
            trial_code=segmentation.series.study.time_point.subject.trial_site.trial.code,
            after={"settings": row.settings_sha256, "input_sha256": row.input_sha256, "values": len(row.values)},
            reason=outcome.refusal,
        )
    return row

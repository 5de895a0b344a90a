"""What waits for the worker: segmentations to measure, and segments whose features the charter asks for."""

from collections.abc import Iterator

from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.version import VERSION
from endpoints.models import Segmentation, SegmentationRun
from imaging.models import Instance
from trials.agreement import Gate
from trials.models import Charter, Subject, TimePoint, Trial
from trials.services.consent import allows

DRAWN = ("SEG", "RTSTRUCT")


def pending_segmentations() -> Iterator[Instance]:
    """Give every SEG and RTSTRUCT of accepted time points that no worker has measured, refused or claimed.

    Only trials whose charter asks for volumes, only subjects whose consent covers computing; a refusal counts for
    the software version that gave it.
    """
    now = timezone.now()
    settled = Q(segmentation_run__state=SegmentationRun.State.MEASURED)
    claimed = Q(segmentation_run__state=SegmentationRun.State.MEASURING, segmentation_run__leased_until__gte=now)
    refused = Q(segmentation_run__state=SegmentationRun.State.REFUSED, segmentation_run__software_version=VERSION)
    waiting = Instance.objects.filter(
        series__modality__in=DRAWN,
        series__study__time_point__state=TimePoint.State.ACCEPTED,
        series__study__time_point__subject__trial_site__trial__in=_trials(volumetry=True),
    ).exclude(settled | claimed | refused)
    found = waiting.select_related("series__study__time_point__subject__trial_site__trial").order_by("pk")
    return (instance for instance in found if _may_compute(instance.series.study.time_point.subject))


def pending_radiomics() -> Iterator[Segmentation]:
    """Give every measured, non-empty segment without features, where the charter asks for them."""
    waiting = Segmentation.objects.filter(
        voxels__gt=0,
        radiomics_runs__isnull=True,
        series__study__time_point__subject__trial_site__trial__in=_trials(radiomics=True),
    )
    found = waiting.select_related(
        "instance__series__study__time_point", "series__study__time_point__subject__trial_site__trial"
    )
    return (row for row in found.order_by("pk") if _may_compute(row.series.study.time_point.subject))


def _trials(**asked: bool) -> QuerySet[Trial]:
    return Trial.objects.filter(charters__in=Charter.objects.filter(state=Charter.State.APPROVED, **asked))


def _may_compute(subject: Subject) -> bool:
    return allows(subject, Gate.COMPUTE)

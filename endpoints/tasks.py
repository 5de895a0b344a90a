"""The worker's sweep over segmentations; the rows are the queue, so a lost broker loses nothing."""

import logging
import time

from celery import shared_task
from django.core.exceptions import ValidationError
from django.db import DatabaseError

from audit.actor import Actor, machine
from endpoints.models import Segmentation, SegmentationRun
from endpoints.selectors.pending import pending_radiomics, pending_segmentations
from endpoints.services.radiomics import refuse_radiomics, run_radiomics
from endpoints.services.segmentations import measure_segments, refuse
from imaging.models import Instance

_logger = logging.getLogger("corelab.endpoints")
# Past this no new work is begun, so that whatever meets the time limit of the task was itself too long.
_BEGIN_FOR_SECONDS = 600
_UNEXPECTED = (
    "This segmentation could not be measured because of a fault in the software, which was logged. The object is kept; "
    "the next version of the software tries again."
)
_NO_FEATURES = "The features could not be computed because of a fault in the software, which was logged."


@shared_task(name="endpoints.tasks.measure_pending")
def measure_pending() -> None:
    """Measure what waits, one transaction each; safe to run twice at once, and again."""
    started = time.monotonic()
    by = machine("worker", source="worker", request_id=_request_id())
    for instance in list(pending_segmentations()):
        if time.monotonic() - started > _BEGIN_FOR_SECONDS:
            return
        _measure(by, instance)
    for segmentation in list(pending_radiomics()):
        if time.monotonic() - started > _BEGIN_FOR_SECONDS:
            return
        _extract(by, segmentation)


def _request_id() -> str:
    return f"task-{measure_pending.request.id or 'direct'}"


def _measure(by: Actor, instance: Instance) -> None:
    try:
        measure_segments(by=by, instance=instance)
    except (ValidationError, DatabaseError):
        # Consent gone or the database busy: a later sweep looks again.
        _logger.warning("segmentation %s was not measured this time", instance.pk, exc_info=True)
    except Exception:  # the time limit is one, too
        _logger.exception("segmentation %s met a fault", instance.pk)
        if SegmentationRun.objects.filter(instance=instance, state=SegmentationRun.State.MEASURING).exists():
            refuse(by=by, instance=instance, cause="fault", sentence=_UNEXPECTED)


def _extract(by: Actor, segmentation: Segmentation) -> None:
    if segmentation.radiomics_runs.exists():
        return
    try:
        run_radiomics(by=by, segmentation=segmentation)
    except (ValidationError, DatabaseError):
        _logger.warning("radiomics of segment %s were not computed this time", segmentation.pk, exc_info=True)
    except Exception:
        _logger.exception("radiomics of segment %s met a fault", segmentation.pk)
        refuse_radiomics(by=by, segmentation=segmentation, sentence=_NO_FEATURES)

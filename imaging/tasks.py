"""The worker's way along the road: one stage a task, ids only; the sweep finds what a lost broker forgot."""

import logging
import time
import uuid

from celery import shared_task

from audit.actor import machine
from imaging.services import housekeeping, road, scrubbing, seclusion, stages
from imaging.services.scrubbing import MEGABYTE, Pace

log = logging.getLogger("corelab.road")
# One slow turn of the standing scrub: short and gentle, since deliveries share the worker and the disk with it.
SCRUB_SECONDS = 20.0
SCRUB_BYTES_A_SECOND = 20 * MEGABYTE


@shared_task(name="imaging.tasks.advance")
def advance(submission_id: str) -> None:
    """Claim the submission, run its next stage; the stage's move queues the one after."""
    submission = road.claim(submission_id)
    if submission is None:
        return
    try:
        stages.run(submission)
    except Exception:
        # Transient until proven otherwise: the lease runs out and the sweep tries again, a bounded number of times.
        log.exception("stage failed for submission %s in state %s", submission_id, submission.state)
        road.back_off(submission)


@shared_task(name="imaging.tasks.resume")
def resume() -> None:
    """Queue again what stands without a living claim, and close deliveries that have gone silent."""
    housekeeping.close_silent()
    for submission_id in road.standing():
        advance.delay(submission_id)
    for seclusion_id in seclusion.standing():
        seclude.delay(seclusion_id)


@shared_task(name="imaging.tasks.seclude")
def seclude(seclusion_id: str) -> None:
    """Take the images of one subject out of the archive."""
    seclusion.move(seclusion_id)


@shared_task(name="imaging.tasks.tidy")
def tidy() -> None:
    """Remove what a killed process left in the quarantine."""
    housekeeping.tidy_quarantine()


@shared_task(name="imaging.tasks.scrub")
def scrub() -> None:
    """Read a stretch of the archive again, where a walk is due."""
    if scrubbing.is_due():
        by = machine("worker", source="worker", request_id=uuid.uuid4().hex)
        pace = Pace(bytes_a_second=SCRUB_BYTES_A_SECOND, deadline=time.monotonic() + SCRUB_SECONDS)
        scrubbing.scrub(by=by, pace=pace)

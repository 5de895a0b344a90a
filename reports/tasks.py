"""The worker's sweep over released reports that wait for their sealed document."""

import logging

from celery import shared_task

from audit.sealing import CannotSeal
from reports import sealing
from reports.authority import AuthorityUnusable

_logger = logging.getLogger("corelab.reports")


@shared_task(name="reports.tasks.seal_released")
def seal_released() -> None:
    """Seal what a checkpoint covers by now; what cannot be sealed waits, and the operator reads why."""
    try:
        sealing.seal_released()
    except (AuthorityUnusable, CannotSeal) as refused:
        _logger.warning("%s", refused)

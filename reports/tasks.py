"""The worker's sweep over released reports that wait for their sealed document."""

import logging

from celery import shared_task

from audit.sealing import CannotSeal
from reports import sealing
from reports.authority import AuthorityUnusable
from reports.seal import SealFailed

_logger = logging.getLogger("corelab.reports")


@shared_task(name="reports.tasks.seal_released")
def seal_released() -> None:
    """Seal what a checkpoint covers by now; what cannot be sealed waits, and the operator reads why."""
    try:
        sealing.seal_released()
    except (AuthorityUnusable, CannotSeal, SealFailed) as refused:
        _logger.error("%s", refused)  # noqa: TRY400  a sentence for the operator, not a fault of the program

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections

from audit.ending import Ending
from audit.sealing import CannotSeal, seal_all
from audit.stamping import stamp_if_due
from audit.stamps import StampFailed

log = logging.getLogger("corelab.sealer")


class Command(BaseCommand):
    requires_system_checks = []
    help = "Seal what the audit trail has gained; with --every, go on until told to stop."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="go on, with this pause between two looks")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["every"] is None:
            self._once()
        else:
            self._go_on(options["every"])

    def _once(self) -> None:
        try:
            seal_all()
        except CannotSeal as refused:
            raise CommandError(str(refused)) from None

    def _go_on(self, pause: float) -> None:
        ending = Ending()
        while not ending.is_told:
            _look()
            ending.wait(pause)
        # What the others wrote while they ended, as far as they were quicker.
        _look()


def _look() -> None:
    close_old_connections()
    try:
        seal_all()
        stamp_if_due()
    except (CannotSeal, StampFailed) as refused:
        log.warning("%s", refused)
    except DatabaseError:
        log.exception("sealing waits for the database")

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from privacy.services.reapplying import reapply
from privacy.services.tombstones import TombstonesDamaged


class Command(BaseCommand):
    help = "Carry out every erasure again on data that a backup brought back; nothing is served before this is done."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            count = reapply()
        except TombstonesDamaged as damaged:
            raise CommandError(str(damaged)) from None
        self.stdout.write(f"{count} erasures were carried out again.")

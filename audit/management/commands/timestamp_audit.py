from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.stamping import stamp_last
from audit.stamps import StampFailed


class Command(BaseCommand):
    help = "Have an outside clock (RFC 3161, CORELAB_TSA_URL) stamp the last checkpoint of the audit trail."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            stamp = stamp_last()
        except StampFailed as refused:
            raise CommandError(str(refused)) from None
        if stamp is None:
            self.stdout.write("nothing to stamp: no checkpoint is newer than the last stamp")
        else:
            self.stdout.write(f"the checkpoint over {stamp.size} records is stamped: {stamp.at.isoformat()}")

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import selectors


class Command(BaseCommand):
    help = "Check every record of the audit log; name the first bad one and exit with 1."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if fault := selectors.verify():
            raise CommandError(f"record {fault.sequence} {fault.sentence}")
        head = selectors.head()
        self.stdout.write(f"audit log holds: {head.sequence} is the last record, its hash is {head.hash}")

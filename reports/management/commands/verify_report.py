from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from audit.context import current
from reports.verifying import verify


class Command(BaseCommand):
    help = "Say line by line whether a PDF is a report of this installation; exit with 1 where a line does not hold."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        here = current()
        if here is None:
            raise CommandError("nobody acts: run this by manage.py", returncode=2)
        try:
            told = verify(by=here.actor, pdf=options["file"].read_bytes())
        except OSError as error:
            raise CommandError(f"the file cannot be read: {error.strerror}", returncode=2) from None
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages), returncode=2) from None
        self.stdout.write(f"SHA-256 {told.sha256}")
        for finding in told.findings:
            self.stdout.write(f"{'holds' if finding.holds else 'DOES NOT HOLD'}: {finding.sentence}")
        if not told.holds:
            raise CommandError("do not rely on this file")
        self.stdout.write("everything holds")

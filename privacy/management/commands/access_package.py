from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.context import current
from privacy.management.files import refuse_taken, write
from privacy.services.access_packages import hand_out
from trials.codes import normalise
from trials.models import Subject


class Command(BaseCommand):
    help = "Write what is held about one subject as PDF and JSON: the answer to an access request (GDPR 15)."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("subject")
        parser.add_argument("--out", type=Path, required=True, help="the folder to write into")

    def handle(self, *_args: Any, **options: Any) -> None:
        here = current()
        if here is None:
            raise CommandError("nobody acts: run this by manage.py", returncode=2)
        rows = Subject.objects.select_related("trial_site__trial__sponsor", "trial_site__site")
        subject = rows.filter(code=normalise(options["subject"]) or "").first()
        if subject is None:
            raise CommandError("No subject has this code. Nothing was written.")
        names = (f"access-{subject.code}.pdf", f"access-{subject.code}.json")
        refuse_taken(options["out"], names)
        package = hand_out(by=here.actor, subject=subject)
        write(options["out"], dict(zip(names, (package.pdf, package.data), strict=True)))
        self.stdout.write(f"{names[0]} and {names[1]} written, SHA-256 of the data {package.sha256}")

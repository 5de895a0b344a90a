from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from audit.context import current
from privacy.management.files import refuse_taken, write
from privacy.models import Permit
from privacy.services.secondary import DATA, MANIFEST, export


class Command(BaseCommand):
    help = "Write coded results for the holder of a permit, of subjects alone who agree to secondary use (EHDS 66, 71)."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("trial")
        parser.add_argument("--permit", required=True, help="the number under which the permit is recorded")
        parser.add_argument("--out", type=Path, required=True, help="the folder to write into")

    def handle(self, *_args: Any, **options: Any) -> None:
        here = current()
        if here is None:
            raise CommandError("nobody acts: run this by manage.py", returncode=2)
        permits = Permit.objects.select_related("trial")
        permit = permits.filter(trial__code=options["trial"], number=options["permit"]).first()
        if permit is None:
            raise CommandError("This trial has no permit of that number. A coordinator records it on the privacy page.")
        refuse_taken(options["out"], (DATA, MANIFEST))
        try:
            made = export(by=here.actor, permit=permit)
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from None
        write(options["out"], made.files)
        self.stdout.write(f"{made.count} subjects written, SHA-256 of the manifest {made.sha256}")

import hashlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from privacy.management.files import refuse_taken, write
from privacy.services.papers import as_json, draw_record
from privacy.services.records import DutyFieldEmpty, Side, make


class Command(BaseCommand):
    help = "Write the record of processing (GDPR 30) from live trials; an empty duty field fails and is named."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--role", choices=[side.value for side in Side], default=Side.CONTROLLER.value)
        parser.add_argument("--out", type=Path, required=True, help="the folder to write into")

    def handle(self, *_args: Any, **options: Any) -> None:
        names = (f"article30-{options['role']}.json", f"article30-{options['role']}.pdf")
        refuse_taken(options["out"], names)
        try:
            told = make(side=Side(options["role"]))
        except DutyFieldEmpty as refused:
            empty = "\n".join(f"  {missing}" for missing in refused.missing)
            raise CommandError(f"These duty fields are empty, so no record was made:\n{empty}") from None
        data = as_json(told)
        write(options["out"], dict(zip(names, (data, draw_record(told)), strict=True)))
        self.stdout.write(f"{names[0]} and {names[1]} written, SHA-256 {hashlib.sha256(data).hexdigest()}")

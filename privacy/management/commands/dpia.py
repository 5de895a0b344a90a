from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from privacy.management.files import refuse_taken, write
from privacy.services.assessments import make_assessment
from privacy.services.papers import as_json, draw_assessment
from privacy.services.records import DutyFieldEmpty
from trials.models import Trial


class Command(BaseCommand):
    help = "Write a trial's data protection impact assessment (GDPR 35); an empty duty field fails and is named."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("trial")
        parser.add_argument("--out", type=Path, required=True, help="the folder to write into")

    def handle(self, *_args: Any, **options: Any) -> None:
        trial = Trial.objects.filter(code=options["trial"]).select_related("sponsor").first()
        if trial is None:
            raise CommandError("No trial has this code.")
        names = (f"dpia-{trial.code}.json", f"dpia-{trial.code}.pdf")
        refuse_taken(options["out"], names)
        try:
            told = make_assessment(trial=trial)
        except DutyFieldEmpty as refused:
            empty = "\n".join(f"  {missing}" for missing in refused.missing)
            raise CommandError(f"These duty fields are empty, so no assessment was made:\n{empty}") from None
        write(options["out"], dict(zip(names, (as_json(told), draw_assessment(told)), strict=True)))
        self.stdout.write(f"{names[0]} and {names[1]} written")

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from audit.actor import machine
from imaging.models import Submission
from imaging.services import stages


class Command(BaseCommand):
    help = "Let stalled deliveries go on once the fault is mended: one by its id, or all."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("delivery", nargs="?", help="the id of one delivery; all stalled ones without it")

    def handle(self, *_args: Any, **options: Any) -> None:
        stalled = Submission.objects.filter(state=Submission.State.STALLED).select_related("trial_site__trial")
        try:
            chosen = list(stalled.filter(pk=options["delivery"]) if options["delivery"] else stalled)
        except ValidationError as error:
            raise CommandError("That is not the id of a delivery.") from error
        by = machine("operator", source="command", request_id="resume-delivery")
        for submission in chosen:
            stages.resume(by, submission)
        self.stdout.write(f"{len(chosen)} deliveries go on.")

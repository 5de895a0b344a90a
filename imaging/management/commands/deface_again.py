from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from audit.actor import machine
from deid import Rejection
from imaging.models import IncomingFile, Submission
from imaging.services import stages


class Command(BaseCommand):
    help = "Have series defaced again, once the program is mended: of one delivery by its id, or of all."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("delivery", nargs="?", help="the id of one delivery; all with such series without it")

    def handle(self, *_args: Any, **options: Any) -> None:
        refused = IncomingFile.objects.filter(state=IncomingFile.State.REFUSED, refusal_code=Rejection.FACES_REMAIN)
        found = Submission.objects.filter(pk__in=refused.values("submission"), state__in=stages.AT_REST)
        try:
            chosen = list(found.filter(pk=options["delivery"]) if options["delivery"] else found)
        except ValidationError as error:
            raise CommandError("That is not the id of a delivery.") from error
        by = machine("operator", source="command", request_id="deface-again")
        files = sum(stages.deface_again(by, submission) for submission in chosen)
        self.stdout.write(f"{files} files of {len(chosen)} deliveries go on.")

"""Which service runs in which state, and what becomes of a submission that no stage can carry on."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor, machine
from audit.services import record
from imaging.models import Submission
from imaging.services import cleaning, filing, intake, quality, road

State = Submission.State
STAGES: dict[str, Callable[[Actor, Submission], None]] = {
    State.RECEIVED: intake.open_files,
    State.OPENED: cleaning.clean,
    State.CLEANED: filing.file,
    State.FILED: quality.check,
}


def run(submission: Submission) -> None:
    """Run the stage of the submission's state; a ValidationError is permanent and quarantines it with its reason."""
    by = machine("worker", source="worker", request_id=f"delivery-{submission.pk}", on_behalf_of=submission.sent_by)
    if submission.attempts > road.MAXIMUM_ATTEMPTS:
        reason = _("Corelab failed on this delivery again and again. It is kept encrypted; the operator must look.")
        refuse(by, submission, str(reason))
        return
    try:
        STAGES[submission.state](by, submission)
    except ValidationError as error:
        refuse(by, submission, " ".join(error.messages))


@transaction.atomic
def refuse(by: Actor, submission: Submission, sentence: str) -> None:
    """Stop the whole delivery, kept encrypted, with a sentence for the uploader."""
    before = Submission.State(submission.state)
    road.move(submission, expected=before, to=State.QUARANTINED, refusal=sentence)
    record(
        by=by,
        act="delivery.quarantined",
        obj=submission,
        trial_code=submission.trial_site.trial.code,
        before={"state": before},
        after={"state": State.QUARANTINED},
        reason=sentence,
    )

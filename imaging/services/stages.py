"""Which service runs in which state, and what becomes of a submission that no stage can carry on."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor, machine
from audit.context import acting, admit
from audit.services import record
from deid import Rejection
from imaging import quarantine
from imaging.models import IncomingFile, Submission
from imaging.services import cleaning, filing, intake, quality, road, sorting
from imaging.services.asking import require_filing

State = Submission.State
STAGES: dict[str, Callable[[Actor, Submission], None]] = {
    State.SORTING: sorting.sort,
    State.RECEIVED: intake.open_files,
    State.OPENED: cleaning.clean,
    State.CLEANED: filing.file,
    State.FILED: quality.check,
}
# What a killed process had sealed and not recorded yet, goes before anything is looked at.
_JUST_CLOSED = (State.SORTING, State.RECEIVED)
_BEFORE_FILING = (State.RECEIVED, State.OPENED, State.CLEANED)
AT_REST = (State.CHECKED, State.REVIEW, State.QUARANTINED)


def run(submission: Submission) -> None:
    """Run the stage of the submission's state; a ValidationError is permanent and quarantines it with its reason."""
    by = machine("worker", source="worker", request_id=f"delivery-{submission.pk}", on_behalf_of=submission.sent_by)
    with acting(by):
        if submission.attempts > road.MAXIMUM_ATTEMPTS:
            stall(by, submission)
        else:
            _run(by, submission)


def _run(by: Actor, submission: Submission) -> None:
    try:
        if submission.state in _JUST_CLOSED:
            quarantine.forget_unrecorded(submission)
        if submission.state in _BEFORE_FILING:
            require_filing(submission)
        STAGES[submission.state](by, submission)
    except ValidationError as error:
        # Another worker was faster: its word stands.
        if getattr(error, "code", "") != "wrong-state":
            refuse(by, submission, " ".join(error.messages))


@transaction.atomic
def stall(by: Actor, submission: Submission) -> None:
    """Set a delivery aside that failed for a day; `manage.py resume_delivery` goes on with it."""
    before = Submission.State(submission.state)
    sentence = _(
        "Corelab could not work on this delivery, and the fault is not yours. It is kept whole and encrypted; the "
        "operator of this installation can let it go on. You need not send it again."
    )
    road.move(submission, expected=before, to=State.STALLED, refusal=str(sentence))
    Submission.objects.filter(pk=submission.pk).update(stalled_in=before)
    trial_code = submission.trial_site.trial.code
    record(by=by, act="delivery.stalled", obj=submission, trial_code=trial_code, before={"state": before})


@transaction.atomic
def resume(by: Actor, submission: Submission) -> None:
    """Let a stalled delivery go on where it stood. Raises ValidationError where it is not stalled."""
    admit(by)
    to = Submission.State(submission.stalled_in or State.RECEIVED)
    road.move(submission, expected=State.STALLED, to=to)
    trial_code = submission.trial_site.trial.code
    record(by=by, act="delivery.resumed", obj=submission, trial_code=trial_code, after={"state": to})


@transaction.atomic
def deface_again(by: Actor, submission: Submission) -> int:
    """Let the series go on that were refused since faces remained, as when the program is mended; return their files.

    Raises ValidationError (`wrong-state`) where the delivery is on its way, or was discarded.
    """
    admit(by)
    submission = road.lock(submission)
    refused = submission.files.filter(state=IncomingFile.State.REFUSED, refusal_code=Rejection.FACES_REMAIN)
    before = Submission.State(submission.state)
    if before not in AT_REST or not refused.exists():
        raise ValidationError(_("No series of this delivery waits for that."), code="wrong-state")
    files = refused.update(state=IncomingFile.State.RECEIVED, refusal="", refusal_code="")
    road.move(submission, expected=before, to=State.OPENED)
    trial_code = submission.trial_site.trial.code
    after = {"state": State.OPENED, "files": files}
    record(by=by, act="delivery.resumed", obj=submission, trial_code=trial_code, before={"state": before}, after=after)
    return files


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

"""What people do with deliveries that wait: name subject and time point, or discard."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from imaging import quarantine
from imaging.models import IncomingFile, Submission
from imaging.services import road, sorting
from imaging.services.forgetting import forget_claims
from imaging.services.submissions import refuse_closed
from trials import access
from trials.models import TimePoint
from trials.roles import Act

State = Submission.State


@transaction.atomic
def assign(*, by: Actor, submission: Submission, time_point: TimePoint) -> Submission:
    """Name subject and time point of a delivery that came without; then the road begins."""
    by = access.require(by, Act.SUBMISSION_ASSIGN, submission)
    access.require(by, Act.SUBJECT_VIEW, time_point)
    submission = road.lock(submission)
    if time_point.subject.trial_site_id != submission.trial_site_id:
        raise ValidationError(_("That subject belongs to another site than this delivery."), code="foreign-site")
    refuse_closed(time_point)
    Submission.objects.filter(pk=submission.pk).update(time_point=time_point)
    road.move(submission, expected=State.UNASSIGNED, to=State.RECEIVED)
    sorting.forget(submission)
    record(
        by=by,
        act="delivery.assigned",
        obj=submission,
        trial_code=submission.trial_site.trial.code,
        after={"subject": time_point.subject.code, "time_point": time_point.scheduled.code},
    )
    submission.refresh_from_db()
    return submission


@transaction.atomic
def discard(*, by: Actor, submission: Submission, reason: str) -> Submission:
    """Destroy what lies refused or unassigned in quarantine, with its key; what was filed stays filed."""
    by = access.require(by, Act.SUBMISSION_DISCARD, submission)
    if not reason.strip():
        raise ValidationError(_("Say why these files are discarded."), code="no-reason")
    submission = road.lock(submission)
    waiting = (State.UNASSIGNED, State.QUARANTINED, State.STALLED, State.RECEIVING, State.REVIEW)
    if submission.state not in (*waiting, State.CHECKED):
        raise ValidationError(_("This delivery is on its way now; wait until it has ended."), code="wrong-state")
    if submission.state in waiting:
        road.move(submission, expected=Submission.State(submission.state), to=State.DISCARDED)
    gone = submission.files.exclude(state=IncomingFile.State.FILED).update(state=IncomingFile.State.DISCARDED)
    Submission.objects.filter(pk=submission.pk).update(wrapped_key=b"")
    sorting.forget(submission)
    forget_claims(Submission.objects.filter(pk=submission.pk))
    record(
        by=by,
        act="delivery.discarded",
        obj=submission,
        trial_code=submission.trial_site.trial.code,
        after={"files": gone},
        reason=reason,
    )
    transaction.on_commit(lambda: quarantine.destroy(submission))
    submission.refresh_from_db()
    return submission

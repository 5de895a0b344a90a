"""What every act on a case asks first: that it is the reader's own, covered by consent now, and still a draft."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import widened
from endpoints.models import Assignment, Read, UnblindedCase
from trials import access, closures
from trials.agreement import Gate
from trials.models import Subject
from trials.roles import Act
from trials.services import consent


def require_own(by: Actor, assignment: Assignment) -> Actor:
    """Return the actor in its role.

    Raises Http404 or PermissionDenied, or ValidationError: `no-consent`, or `unblinded` where the reader learned what
    a reader must not and nobody has decided that it reads on (C10).
    """
    by = access.require(by, Act.READ_PERFORM, assignment)
    # The general sentence names the subject, which a blinded reader must not learn.
    if not consent.allows(assignment.time_point.subject, Gate.READ):
        raise ValidationError(
            _("This case may not be read any more. Nothing was changed; ask the coordinator."), code="no-consent"
        )
    is_unread = assignment.state == Assignment.State.OPEN
    if is_unread and is_shut(subject=assignment.time_point.subject, reader_id=assignment.reader_id):
        raise ValidationError(
            _("This case is not read for now. Nothing was changed; the coordinator decides how it goes on."),
            code="unblinded",
        )
    return by


@widened("an unblinding is asked whole, whoever asks")
def is_shut(*, subject: Subject, reader_id: int) -> bool:
    """Whether an unblinding keeps the reader from what is unread of the subject."""
    touched = UnblindedCase.objects.filter(subject=subject, reader_id=reader_id)
    return touched.exclude(decision=UnblindedCase.Decision.GO_ON).exists()


def require_draft(by: Actor, read: Read) -> tuple[Actor, Read]:
    """Return actor and read, its row held until the transaction ends, so that nothing slips in beside a signature.

    Raises ValidationError: `closed` where the trial's data are closed for edits (C09), `locked` for a read that is
    evidence already (C08); and what `require_own` raises.
    """
    by = require_own(by, read.assignment)
    closures.refuse_closed(read.assignment.time_point.subject.trial_site.trial_id)
    held = (
        Read.objects.select_for_update(of=("self",)).select_related("assignment__time_point__subject").get(pk=read.pk)
    )
    if held.state != Read.State.DRAFT:
        raise ValidationError(_("This read is locked and signed; it cannot be changed."), code="locked")
    return by, held


def trial_code(assignment: Assignment) -> str:
    return assignment.time_point.subject.trial_site.trial.code

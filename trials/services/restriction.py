"""Stopping the use of a subject's data while they stay stored (GDPR 18), and lifting the stop."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from trials import access, refusals
from trials.models import Restriction, Subject
from trials.roles import Act
from trials.services import consent
from trials.services.consents import hold

Kind = Restriction.Kind


@refusals.told("privacy.refused")
@transaction.atomic
def restrict(*, by: Actor, subject: Subject, ground: Restriction.Ground, reason: str) -> Restriction:
    """Restrict: nothing is assigned, read, computed or exported from the commit on. Storing goes on.

    Raises ValidationError: `no-reason`, `wrong-state` where it is restricted already.
    """
    return _add(by, subject, Restriction(kind=Kind.RESTRICTED, ground=ground, reason=reason))


@refusals.told("privacy.refused")
@transaction.atomic
def lift(*, by: Actor, subject: Subject, reason: str) -> Restriction:
    """Let the data be used again; the person is told before (GDPR 18(3)). Raises ValidationError as `restrict`."""
    return _add(by, subject, Restriction(kind=Kind.LIFTED, reason=reason))


def _add(by: Actor, subject: Subject, row: Restriction) -> Restriction:
    by = access.require(by, Act.SUBJECT_RESTRICT, subject)
    if not row.reason.strip():
        raise ValidationError(_("Say why. Nothing was changed."), code="no-reason")
    row.subject = hold(subject)
    if consent.is_restricted(subject) == (row.kind == Kind.RESTRICTED):
        raise ValidationError(_("That is so already. Nothing was changed."), code="wrong-state")
    row.at, row.decided_by = timezone.now(), by.id
    row.save(force_insert=True)
    act = "subject.restricted" if row.kind == Kind.RESTRICTED else "subject.unrestricted"
    code = row.subject.trial_site.trial.code
    record(by=by, act=act, obj=row.subject, trial_code=code, after={"ground": row.ground}, reason=row.reason)
    return row

"""What may still be collected after a withdrawal: scans that the site confirms one by one (W2, and W3 to W5)."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from trials import access
from trials.agreement import EFFECTS, Allowed, Effect, Gate, Standing
from trials.models import CollectionAllowance, TimePoint
from trials.roles import Act
from trials.services import consent
from trials.services.consents import hold

_KINDS = {Effect.FOLLOW_UP: Allowed.FOLLOW_UP, Effect.EARLIER: Allowed.EARLIER}


def confirmable(standing: Standing) -> Allowed | None:
    """Return what the site may confirm under the level in force, None where nothing needs or helps."""
    return _KINDS.get(EFFECTS[Gate.RECEIVE, standing.level]) if standing.level else None


@transaction.atomic
def allow(*, by: Actor, time_point: TimePoint, reason: str) -> CollectionAllowance:
    """Confirm for the investigator that the scan of one time point may come: of routine care, or acquired before.

    The day of each image is compared with that of the withdrawal when it is filed. Raises ValidationError:
    `no-reason`, `wrong-state` where no such confirmation is asked for.
    """
    by = access.require(by, Act.SUBMISSION_SEND, time_point)
    subject = hold(time_point.subject)
    standing = consent.standing_of(subject)
    kind = confirmable(standing)
    if kind is None or standing.withdrawal is None:
        raise ValidationError(_("No scan of this subject needs, or has, such a way in."), code="wrong-state")
    if not reason.strip():
        raise ValidationError(_("Say who confirmed this, and from what."), code="no-reason")
    row = CollectionAllowance.objects.create(
        time_point=time_point,
        withdrawal_id=standing.withdrawal,
        kind=kind.value,
        reason=reason,
        confirmed_at=timezone.now(),
        confirmed_by=by.id,
    )
    code = subject.trial_site.trial.code
    after = {"kind": kind.value, "level": standing.level}
    record(by=by, act="collection.allowed", obj=time_point, trial_code=code, after=after, reason=reason)
    return row

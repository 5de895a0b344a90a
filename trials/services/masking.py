"""Taking a name out of a trial's trail: the data protection officer asks, another member agrees beside them (A14)."""

import datetime as dt
from dataclasses import dataclass, field

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit import masking
from audit.actor import ACCOUNT, Actor, machine
from audit.context import acting
from audit.selectors import Events, Wanted, trial_events
from audit.services import TRIES_WINDOW, has_tried_too_often, record
from trials import access
from trials.models import Trial, User
from trials.roles import Act
from trials.services import factors

# A name stands in an act and in a few values; whoever masks more than this at once is not correcting a slip.
MOST_AT_ONCE = 20
_ATTEMPT = {"attempt": "agree to a masking"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the second person types: account name, password and a code of the second factor."""

    username: str
    password: str = field(repr=False)
    code: str = field(repr=False)


def find(*, by: Actor, trial: Trial, sequences: tuple[int, ...]) -> Events:
    """Return these records of the trial's trail, oldest first.

    Raises PermissionDenied for all but the data protection officer, and ValidationError: `unknown` where the trail of
    this trial has not all of them, `too-many`.
    """
    access.require(by, Act.TRAIL_MASK, trial)
    if not 0 < len(sequences) <= MOST_AT_ONCE:
        raise ValidationError(
            _("Choose between 1 and %(most)s records."), code="too-many", params={"most": MOST_AT_ONCE}
        )
    found = trial_events(trial_code=trial.code, wanted=Wanted()).filter(sequence__in=sequences).order_by("sequence")
    if gone := sorted(set(sequences) - set(found.values_list("sequence", flat=True))):
        raise ValidationError(
            _("The trail of this trial has no record with the number %(numbers)s. Nothing was masked."),
            code="unknown",
            params={"numbers": ", ".join(map(str, gone))},
        )
    return found


def mask(*, by: Actor, trial: Trial, sequences: tuple[int, ...], ground: str, agreement: Agreement) -> None:
    """Mask all of these records of the trial, or none.

    Raises as `find` and `audit.masking.mask`, and ValidationError: `one-person`, `no-member` where the second person
    may not see this trail, `wrong-factor`, `too-many-tries`. A wrong try is an event that counts against the account
    which it named, as one at the door would.
    """
    by = access.require(by, Act.TRAIL_MASK, trial)
    find(by=by, trial=trial, sequences=sequences)
    with transaction.atomic():
        judged = _judge(by, trial, agreement)
        if isinstance(judged, Actor):
            for sequence in sorted(set(sequences)):
                masking.mask(by=by, agreed_by=judged, sequence=sequence, ground=ground)
            return
    raise judged


def _judge(by: Actor, trial: Trial, agreement: Agreement) -> Actor | ValidationError:
    """Return who agrees, or why nobody does; a refusal's event must be committed before it is raised."""
    user = User.objects.select_for_update(no_key=True).filter(username=agreement.username, is_active=True).first()
    second = _actor(by, user) if user else None
    if user is None or second is None or access.may(second, Act.AUDIT_VIEW, trial) is None:
        # An unknown name is not repeated: it may be a password.
        _tell(by, trial, "sign_in.failed", User(pk=0, username="unknown account"))
        return _no_member()
    if user.pk == by.user_id:
        return ValidationError(_("Two people decide on a masking. Ask another one to agree."), code="one-person")
    if has_tried_too_often(username=user.get_username(), user_id=user.pk):
        _tell(by, trial, "sign_in.locked", user)
        return _locked()
    if not _proves(second, user, agreement):
        _tell(by, trial, "sign_in.failed", user)
        return _wrong()
    return second


def _actor(by: Actor, user: User) -> Actor:
    """The second person at the desk of the first: in the same request, through the same door."""
    return Actor(
        id=user.get_username(),
        name=str(user),
        source=by.source,
        request_id=by.request_id,
        user_id=user.pk,
        role=ACCOUNT,
    )


def _proves(second: Actor, user: User, agreement: Agreement) -> bool:
    """Ask the password first: a wrong one must not use up a code. Whatever either writes is not the first one's act."""
    with acting(machine("sign-in", source=second.source, request_id=second.request_id)):
        known = authenticate(username=user.get_username(), password=agreement.password)
    if known is None or known.pk != user.pk:
        return False
    with acting(second):
        return factors.verify(user=user, code=agreement.code) is not None


def _tell(by: Actor, trial: Trial, act: str, account: User) -> None:
    record(by=by, act=act, obj=account, trial_code=trial.code, after=_ATTEMPT)


def _no_member() -> ValidationError:
    return ValidationError(
        _(
            "Nobody who may see the trail of this trial has that account name: nothing was masked. A coordinator, "
            "administrator, monitor or data protection officer of this trial can agree."
        ),
        code="no-member",
    )


def _locked() -> ValidationError:
    return ValidationError(
        _("Too many wrong passwords or codes for this account: nothing was masked. Wait %(minutes)s minutes."),
        code="too-many-tries",
        params={"minutes": TRIES_WINDOW // dt.timedelta(minutes=1)},
    )


def _wrong() -> ValidationError:
    return ValidationError(
        _(
            "Password and code of the second person do not both fit: nothing was masked. Type the password, and a code "
            "that was not used before: the app shows a new one every 30 seconds."
        ),
        code="wrong-factor",
    )

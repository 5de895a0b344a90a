"""The second factor of an account: codes of an authenticator app, and recovery codes for the day it is lost."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib.auth import authenticate
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import ACCOUNT, Actor
from audit.context import current
from audit.services import TRIES_WINDOW, has_tried_too_often, record
from trials.adapters import SecretUnreadable, seal, unseal
from trials.models import User
from trials.services import authenticators as rows

# No code is longer, whatever somebody puts between its digits.
LONGEST_CODE = 32


class Method(StrEnum):
    """What proved the second factor."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"


@dataclass(frozen=True, slots=True)
class State:
    """What the account's page tells of a second factor."""

    since: dt.datetime
    last_used: dt.datetime | None
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret that waits for its first code: base32, as an otpauth address for the QR code, and sealed to be kept."""

    secret: str = field(repr=False)
    address: str = field(repr=False)
    pending: str


def has_factor(user: User) -> bool:
    """Whether the account can prove a second factor; recovery codes alone are none."""
    return bool(get_adapter().is_mfa_enabled(user, types=[rows.Type.TOTP]))


def state_of(user: User) -> State | None:
    """Return None where the account has no second factor."""
    held = rows.find(user, rows.Type.TOTP)
    if held is None:
        return None
    left = len(rows.unused_recovery_codes(user))
    return State(since=held.created_at, last_used=held.last_used_at, recovery_codes_left=left)


def enrol_begin(*, user: User, pending: str = "") -> Enrolment:
    """Return a new secret, or that of an enrolment which waits already and still opens; nothing is stored."""
    holder = _pending_holder(user)
    try:
        secret = unseal(pending, holder=holder)
    except SecretUnreadable:
        secret = generate_totp_secret()
        pending = seal(secret, holder=holder)
    return Enrolment(secret=secret, address=get_adapter().build_totp_url(user, secret), pending=pending)


def enrol(*, by: Actor, user: User, pending: str, password: str, code: str) -> tuple[str, ...]:
    """Make the pending secret the account's second factor; return its recovery codes, which nothing shows again.

    The code counts as used. Raises ValidationError: `pending-lost`, `has-factor`, `wrong-factor` where password and
    code do not both fit, `too-many-tries` after several such; PermissionDenied where `by` does not hold the account.
    """
    by = _holder(by, user)
    secret = _pending_secret(user, pending)
    with transaction.atomic():
        _hold(user)
        if has_factor(user):
            raise ValidationError(_("This account has a second factor already: nothing changed."), code="has-factor")
        step = rows.step_of(secret, code, at=timezone.now())
        refusal = _judge(by, user, "enrol", lambda: _is_own(user, password) and bool(step))
        if refusal is None:
            codes = rows.activate(user, secret, last_step=step)
            after = {"method": Method.TOTP, "recovery_codes": len(codes)}
            record(by=by, act="second_factor.enrolled", obj=user, after=after)
            return codes
    raise refusal


def remove(*, by: Actor, user: User, password: str, code: str) -> None:
    """Take app and recovery codes off the account; a recovery code proves it as well as the app does.

    Raises ValidationError: `no-factor`, `wrong-factor`, `too-many-tries`; PermissionDenied as in `enrol`.
    """
    by = _holder(by, user)
    with transaction.atomic():
        _hold(user)
        if not has_factor(user):
            raise ValidationError(_("This account has no second factor: nothing changed."), code="no-factor")
        # The password first: a wrong one must not use up a recovery code.
        refusal = _judge(by, user, "remove", lambda: _is_own(user, password) and _proves(by=by, user=user, code=code))
        if refusal is None:
            rows.rows(user).delete()
            record(by=by, act="second_factor.removed", obj=user, after={"method": Method.TOTP})
            return
    raise refusal


def verify(*, user: User, code: str, at: dt.datetime | None = None) -> Method | None:
    """Return what proved the second factor, or None for anything else; each code proves it once.

    That it was used stands or falls with the caller's transaction, as does the act which it allows. Wrong codes are
    the caller's to count. `at` is another moment than now: only accounts of the demo have one. Where nobody acts no
    recovery code is taken, since its event would name nobody.
    """
    if at is not None and not rows.is_demo(rows.find(user, rows.Type.TOTP)):
        return None
    here = current()
    return _prove(by=here.actor if here else None, user=user, code=code, at=at or timezone.now())


@transaction.atomic
def _prove(*, by: Actor | None, user: User, code: str, at: dt.datetime) -> Method | None:
    if len(code) > LONGEST_CODE:
        return None
    if rows.takes_totp(user, code, at=at):
        return Method.TOTP
    if by is None or not rows.takes_recovery_code(user, code):
        return None
    after = {"recovery_codes_left": len(rows.unused_recovery_codes(user))}
    record(by=by.acting_as(ACCOUNT), act="recovery_code.used", obj=user, after=after)
    return Method.RECOVERY_CODE


@transaction.atomic
def enrol_demo(*, by: Actor, user: User) -> None:
    """Give an account of the demo a second factor whose codes the product shows; for the seed command alone.

    Raises PermissionDenied for an actor at any other door.
    """
    if by.source != "command":
        raise PermissionDenied
    codes = rows.activate(user, generate_totp_secret(), last_step=0, demo=True)
    after = {"method": Method.TOTP, "recovery_codes": len(codes), "demo": True}
    record(by=by.acting_as(ACCOUNT), act="second_factor.enrolled", obj=user, after=after)


def demo_code(user: User, *, at: dt.datetime | None = None) -> str | None:
    """Return what the authenticator of a demo account shows (its successor where that was used); None for any other."""
    held = rows.find(user, rows.Type.TOTP)
    return rows.coming_code(held, at=at or timezone.now()) if rows.is_demo(held) else None


def _proves(*, by: Actor, user: User, code: str) -> bool:
    return _prove(by=by, user=user, code=code, at=timezone.now()) is not None


def _pending_holder(user: User) -> str:
    return f"pending totp of account {user.pk}"


def _pending_secret(user: User, pending: str) -> str:
    try:
        return unseal(pending, holder=_pending_holder(user))
    except SecretUnreadable:
        raise ValidationError(
            _("This QR code is no longer good: nothing changed. Open the page again and scan the new one."),
            code="pending-lost",
        ) from None


def _holder(by: Actor, user: User) -> Actor:
    """Let nobody through but the holder of the account (21 CFR 11.200(a)(2))."""
    if by.user_id != user.pk:
        raise PermissionDenied
    return by.acting_as(ACCOUNT)


def _hold(user: User) -> None:
    """Let one try at an account's factor happen at a time; foreign keys may still point at the account."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _judge(by: Actor, user: User, attempt: str, fits: Callable[[], bool]) -> ValidationError | None:
    """Return why the try is refused, or None. A refusal's event must be committed before it is raised."""
    if has_tried_too_often(username=user.get_username(), user_id=user.pk):
        record(by=by, act="second_factor.locked", obj=user, after={"attempt": attempt})
        return ValidationError(
            _("Too many wrong tries: nothing changed. Wait %(minutes)s minutes, then try again.")
            % {"minutes": TRIES_WINDOW // dt.timedelta(minutes=1)},
            code="too-many-tries",
        )
    if fits():
        return None
    record(by=by, act="second_factor.failed", obj=user, after={"attempt": attempt})
    return ValidationError(
        _(
            "Password and code do not both fit: nothing changed. Type your password, and a code that was not used "
            "before: the app shows a new one every 30 seconds."
        ),
        code="wrong-factor",
    )


def _is_own(user: User, password: str) -> bool:
    known = authenticate(username=user.get_username(), password=password)
    return known is not None and known.pk == user.pk

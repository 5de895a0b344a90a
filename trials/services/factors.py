"""The second factor of an account: codes of an authenticator app, and recovery codes for the day it is lost.

Passkeys are a second factor as well: `trials.services.passkeys`.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import ACCOUNT, Actor
from audit.context import current
from audit.services import record
from trials.adapters import SecretUnreadable, seal, unseal
from trials.models import User
from trials.services import authenticators as rows
from trials.services import proving, webauthn

# No code is longer, whatever somebody puts between its digits.
LONGEST_CODE = 32


class Method(StrEnum):
    """What proved the second factor."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class State:
    """What the account's page tells of an authenticator app."""

    since: dt.datetime
    last_used: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret that waits for its first code: base32, as an otpauth address for the QR code, and sealed to be kept."""

    secret: str = field(repr=False)
    address: str = field(repr=False)
    pending: str


def has_factor(user: User) -> bool:
    """Whether the account can prove a second factor; recovery codes alone are none."""
    return bool(get_adapter().is_mfa_enabled(user, types=[rows.Type.TOTP, rows.Type.WEBAUTHN]))


def has_app(user: User) -> bool:
    """Whether an authenticator app is set up."""
    return bool(get_adapter().is_mfa_enabled(user, types=[rows.Type.TOTP]))


def state_of(user: User) -> State | None:
    """Return None where the account has no authenticator app."""
    held = rows.find(user, rows.Type.TOTP)
    return State(since=held.created_at, last_used=held.last_used_at) if held else None


def recovery_codes_left(user: User) -> int:
    return len(rows.unused_recovery_codes(user))


def enrol_begin(*, user: User, pending: str = "") -> Enrolment:
    """Return a new secret, or that of an enrolment which waits already and still opens; nothing is stored."""
    holder = _pending_holder(user)
    try:
        secret = unseal(pending, holder=holder)
    except SecretUnreadable:
        secret = generate_totp_secret()
        pending = seal(secret, holder=holder)
    return Enrolment(secret=secret, address=get_adapter().build_totp_url(user, secret), pending=pending)


def enrol(*, by: Actor, user: User, pending: str, password: str, code: str, present: str = "") -> tuple[str, ...]:
    """Make the pending secret the account's second factor; return its recovery codes, which nothing shows again.

    Where a passkey is one already, `present` proves it: a password alone never adds a factor to another. The code
    counts as used. Raises ValidationError: `pending-lost`, `has-factor`, `wrong-factor` where they do not all fit,
    `too-many-tries` after several such; PermissionDenied where `by` does not hold the account.
    """
    by = proving.holder(by, user)
    secret = _pending_secret(user, pending)
    with transaction.atomic():
        proving.hold(user)
        if has_app(user):
            raise ValidationError(_("This account has a second factor already: nothing changed."), code="has-factor")
        step = rows.step_of(secret, code, at=timezone.now())
        fits = what_is_asked(by, user, password, present)
        refusal = proving.judge(by, user, "enrol", lambda: bool(step) and fits())
        if refusal is None:
            codes = rows.activate(user, secret, last_step=step)
            after = {"method": Method.TOTP, "recovery_codes": len(codes)}
            record(by=by, act="second_factor.enrolled", obj=user, after=after)
            return codes
    raise refusal


def remove(*, by: Actor, user: User, password: str, code: str) -> None:
    """Take the app off the account, and the recovery codes where no passkey stays; a recovery code proves it as well.

    Raises ValidationError: `no-factor`, `wrong-factor`, `too-many-tries`; PermissionDenied as in `enrol`.
    """
    by = proving.holder(by, user)
    with transaction.atomic():
        proving.hold(user)
        if not has_app(user):
            raise ValidationError(_("This account has no second factor: nothing changed."), code="no-factor")
        refusal = proving.judge(by, user, "remove", lambda: both_fit(by=by, user=user, password=password, code=code))
        if refusal is None:
            rows.take_off(user)
            record(by=by, act="second_factor.removed", obj=user, after={"method": Method.TOTP})
            return
    raise refusal


def verify(*, user: User, code: str, at: dt.datetime | None = None) -> Method | None:
    """Return what proved the second factor, or None for anything else; each code proves it once.

    That it was used stands or falls with the caller's transaction, as does the act which it allows. Wrong codes are
    the caller's to count. `at` is another moment than now: only accounts of the demo have one. Where nobody acts no
    recovery code is taken, since its event would name nobody. Nothing is proven while somebody else knows the
    password, or may hold the factor (21 CFR 11.200(a)(2)).
    """
    if user.must_change_password or user.awaits_vouching:
        return None
    if at is not None and not rows.is_demo(rows.find(user, rows.Type.TOTP)):
        return None
    here = current()
    return prove(by=here.actor if here else None, user=user, code=code, at=at or timezone.now())


@transaction.atomic
def prove(*, by: Actor | None, user: User, code: str, at: dt.datetime) -> Method | None:
    """Return what the code proves; unlike `verify` also of an account whose password is still to be changed."""
    if len(code) > LONGEST_CODE:
        return None
    if rows.takes_totp(user, code, at=at):
        return Method.TOTP
    if webauthn.takes_ticket(user, code):
        return Method.PASSKEY
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


def is_of_demo(user: User) -> bool:
    """Whether the seed command gave this account its factor: told by the seal, not by a mark on a row."""
    return demo_code(user) is not None


def open_demo_accounts() -> list[str]:
    """Return the names of those accounts of the demo that could sign in."""
    return rows.open_demo_accounts()


def both_fit(*, by: Actor, user: User, password: str, code: str) -> bool:
    """Whether password and code are the account's. The password first: a wrong one must not use up a code."""
    return proving.is_own(user, password) and prove(by=by, user=user, code=code, at=timezone.now()) is not None


def what_is_asked(by: Actor, user: User, password: str, present: str) -> Callable[[], bool]:
    """Return what a new factor must prove: the password, and a factor where there is one."""
    if has_factor(user):
        return lambda: both_fit(by=by, user=user, password=password, code=present)
    return lambda: proving.is_own(user, password)


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

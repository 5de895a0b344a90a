"""Rows and codes of second factors, for `trials.services.factors` alone.

allauth keeps the rows and computes the codes. Here stands what it leaves open: each secret is bound to its holder, and
no process accepts a code twice (allauth remembers used codes in a cache, which each process has to itself).
"""

import datetime as dt
import logging
from typing import Any

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.utils import timezone

from trials.adapters import SecretUnreadable, held_by, unseal
from trials.models import User

log = logging.getLogger("corelab.factors")
Type = Authenticator.Type
# What our rows say beside allauth's own words: the time step of the last code taken, and the mark of the demo.
_LAST_STEP, _DEMO = "last_step", "demo"


def rows(user: User) -> Any:
    return Authenticator.objects.filter(user=user, type__in=(Type.TOTP, Type.RECOVERY_CODES))


def find(user: User, kind: str, *, locked: bool = False) -> Any:
    """Return the account's row of this kind, or None; `locked` until the transaction ends."""
    found = rows(user).filter(type=kind)
    return (found.select_for_update() if locked else found).first()


def is_demo(held: Any) -> bool:
    return held is not None and held.data.get(_DEMO) is True


def open_demo_accounts() -> list[str]:
    """Return the names of open accounts whose row bears the mark of the demo."""
    marked = Authenticator.objects.filter(type=Type.TOTP, user__is_active=True)
    return sorted(held.user.get_username() for held in marked.select_related("user") if is_demo(held))


def activate(user: User, secret: str, *, last_step: int, demo: bool = False) -> tuple[str, ...]:
    """Store the secret and new recovery codes, sealed; return the codes."""
    with held_by(_totp_holder(user, demo=demo)):
        held = totp.TOTP.activate(user, secret).instance
    held.data |= {_LAST_STEP: last_step} | ({_DEMO: True} if demo else {})
    held.save(update_fields=["data"])
    # Whatever codes were left behind belong to no secret that is still good.
    return renew_recovery_codes(user)


def renew_recovery_codes(user: User) -> tuple[str, ...]:
    """Replace whatever recovery codes there are; return the new ones."""
    rows(user).filter(type=Type.RECOVERY_CODES).delete()
    with held_by(_recovery_holder(user)):
        codes = RecoveryCodes.activate(user)
        codes.mark_as_viewed()
        return tuple(codes.generate_codes())


def take_off(user: User) -> None:
    """Remove the app; codes for the day that a factor is lost stay as long as there is one."""
    rows(user).filter(type=Type.TOTP).delete()
    if not Authenticator.objects.filter(user=user, type=Type.WEBAUTHN).exists():
        rows(user).delete()


def unused_recovery_codes(user: User) -> tuple[str, ...]:
    held = find(user, Type.RECOVERY_CODES)
    if held is None:
        return ()
    with held_by(_recovery_holder(user)):
        try:
            return tuple(RecoveryCodes(held).get_unused_codes())
        except SecretUnreadable:
            _tell_unreadable()
            return ()


def takes_totp(user: User, code: str, *, at: dt.datetime) -> bool:
    """Whether the app's code fits the moment and is later than every one taken before; then it is taken."""
    held = find(user, Type.TOTP, locked=True)
    secret = _secret_of(held)
    step = step_of(secret, code, at=at, after=held.data.get(_LAST_STEP, 0)) if secret else 0
    if not step:
        return False
    held.data[_LAST_STEP] = step
    held.last_used_at = timezone.now()
    held.save(update_fields=["data", "last_used_at"])
    return True


def takes_recovery_code(user: User, code: str) -> bool:
    """Whether this is an unused recovery code; then it is used."""
    held = find(user, Type.RECOVERY_CODES, locked=True)
    if held is None:
        return False
    with held_by(_recovery_holder(user)):
        try:
            return bool(RecoveryCodes(held).validate_code(code))
        except SecretUnreadable:
            _tell_unreadable()
            return False


def step_of(secret: str, code: str, *, at: dt.datetime, after: int = 0) -> int:
    """Return the latest time step about `at` that has this code, where it is later than `after`; else 0.

    RFC 6238 5.2: no code twice. Every step is compared, so that the time taken tells nothing.
    """
    expected = {step: _code_at(secret, step) for step in _steps(at)}
    fitting = [step for step, right in expected.items() if compare_user_code(actual=code, expected=right)]
    return max((step for step in fitting if step > after), default=0)


def coming_code(held: Any, *, at: dt.datetime) -> str | None:
    """Return the next code that `takes_totp` takes: that of the moment, or its successor where that was used."""
    secret = _secret_of(held)
    if secret is None:
        return None
    steps = _steps(at)
    present, latest = steps[len(steps) // 2], steps[-1]
    return _code_at(secret, min(max(present, held.data.get(_LAST_STEP, 0) + 1), latest))


def _steps(at: dt.datetime) -> range:
    """Return the time steps whose codes hold at a moment: as many on either side as the tolerance says."""
    present = int(at.timestamp()) // app_settings.TOTP_PERIOD
    return range(present - app_settings.TOTP_TOLERANCE, present + app_settings.TOTP_TOLERANCE + 1)


def _code_at(secret: str, step: int) -> str:
    return str(totp.format_hotp_value(totp.hotp_value(secret, step)))


def _secret_of(held: Any) -> str | None:
    """Return the row's secret; None where there is no row, or it was changed."""
    if held is None:
        return None
    try:
        return unseal(str(held.data.get("secret", "")), holder=_totp_holder(held.user, demo=is_demo(held)))
    except SecretUnreadable:
        _tell_unreadable()
        return None


def _tell_unreadable() -> None:
    log.error("A second factor does not open: its row was changed, or the key of this installation is another.")


def _totp_holder(user: User, *, demo: bool) -> str:
    # The mark of the demo is part of the seal: set on a row from outside it makes the secret unreadable.
    return f"{'demo ' if demo else ''}totp of account {user.pk}"


def _recovery_holder(user: User) -> str:
    return f"recovery codes of account {user.pk}"

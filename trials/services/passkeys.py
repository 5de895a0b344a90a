"""Passkeys of an account: enrol, name, remove, and what one proves (at the door alone or second, and when signing)."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from trials.models import User
from trials.services import authenticators, factors, proving, webauthn
from trials.services.webauthn import Ceremony, PasskeyRefused

# A registration of the longest keys stays far below.
_LONGEST_ANSWER = 16 * 1024
_MOST = 10
NO_ANSWER = _("The passkey did not answer as it should: nothing changed. Try once more, or use another factor.")


@dataclass(frozen=True, slots=True)
class Passkey:
    """What the account's page tells of one."""

    number: int
    name: str
    since: dt.datetime
    last_used: dt.datetime | None


def held_by(user: User) -> list[Passkey]:
    return [
        Passkey(number=row.pk, name=row.data["name"], since=row.created_at, last_used=row.last_used_at)
        for row in webauthn.rows(user)
    ]


def read(answer: str) -> dict[str, Any]:
    """Return a browser's answer. Raises ValidationError (`passkey`) for what is none."""
    try:
        told = json.loads(answer) if len(answer) <= _LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _no_answer()
    return told


def enrol_begin(*, user: User, host: str) -> Ceremony:
    return webauthn.begin_registration(user, host=host)


def enrol(
    *,
    by: Actor,
    user: User,
    host: str,
    state: Mapping[str, Any],
    answer: Mapping[str, Any],
    name: str,
    password: str,
    code: str,
) -> tuple[str, ...]:
    """Add the passkey; return recovery codes where the account had none (nothing shows them again).

    `code` proves a factor the account has; "" where this is the first. Raises ValidationError: `wrong-factor`,
    `too-many-tries`, `too-many`, `passkey`; PermissionDenied where `by` does not hold the account.
    """
    by = proving.holder(by, user)
    with transaction.atomic():
        proving.hold(user)
        if len(held_by(user)) >= _MOST:
            raise ValidationError(_("Ten passkeys are enough: nothing changed. Remove one first."), code="too-many")
        fits = factors.what_is_asked(by, user, password, code)
        refusal = proving.judge(by, user, "enrol", fits)
        if refusal is None:
            return _add(by, user, host=host, state=state, answer=answer, name=name)
    raise refusal


def _add(
    by: Actor, user: User, *, host: str, state: Mapping[str, Any], answer: Mapping[str, Any], name: str
) -> tuple[str, ...]:
    try:
        webauthn.register(user, host=host, state=state, response=answer, name=name)
    except PasskeyRefused:
        raise _no_answer() from None
    codes = () if factors.recovery_codes_left(user) else authenticators.renew_recovery_codes(user)
    after = {"method": factors.Method.PASSKEY, "recovery_codes": len(codes)}
    record(by=by, act="second_factor.enrolled", obj=user, after=after)
    return codes


def remove(*, by: Actor, user: User, number: int, password: str, code: str) -> None:
    """Take one passkey off the account, and the recovery codes with the last factor.

    Raises ValidationError: `no-factor`, `wrong-factor`, `too-many-tries`; PermissionDenied as in `enrol`.
    """
    by = proving.holder(by, user)
    with transaction.atomic():
        proving.hold(user)
        row = next((row for row in webauthn.rows(user) if row.pk == number), None)
        if row is None:
            raise ValidationError(_("This account has no such passkey: nothing changed."), code="no-factor")
        fits = factors.both_fit
        refusal = proving.judge(by, user, "remove", lambda: fits(by=by, user=user, password=password, code=code))
        if refusal is None:
            row.delete()
            if not factors.has_factor(user):
                authenticators.rows(user).delete()
            record(by=by, act="second_factor.removed", obj=user, after={"method": factors.Method.PASSKEY})
            return
    raise refusal


def prove_begin(*, user: User | None, host: str) -> Ceremony:
    """Ask for a passkey of this account, or, with None, for any that names its account itself."""
    return webauthn.begin_authentication(user, host=host)


def prove(*, by: Actor, user: User, host: str, state: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Return a code that stands for the passkey once, for two minutes, in any form that asks for a code.

    Raises ValidationError: `wrong-factor`, `too-many-tries`; PermissionDenied as in `enrol`.
    """
    by = proving.holder(by, user)
    with transaction.atomic():
        proving.hold(user)
        refusal = proving.judge(
            by,
            user,
            "passkey",
            lambda: webauthn.takes(user, host=host, state=state, response=answer),
            sentence=NO_ANSWER,
        )
        if refusal is None:
            return webauthn.give_ticket(user, answer)
    raise refusal


def _no_answer() -> ValidationError:
    return ValidationError(NO_ANSWER, code="passkey")

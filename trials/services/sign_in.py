"""Who comes in and goes out: every try leaves an event, no typed text does (it may be a password).

Two steps: something known (password, or the house's sign-in service), then a second factor; a passkey, which verifies
its person, is both. Nobody is signed in before the second.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import ACCOUNT, Actor, machine
from audit.context import acting
from audit.services import TRIES_WINDOW, has_tried_too_often, is_tried_too_often_from, record, told_of
from trials.models import User
from trials.services import factors, proving, sessions, webauthn

CLOSED_MINUTES = TRIES_WINDOW // dt.timedelta(minutes=1)
PASSWORD, PASSKEY = "password", "passkey"
_NOT_NOW = _(
    "That does not hold now: you are not signed in. Wait for the next code and type that, or use another second factor."
)


def identify(*, username: str, password: str, request_id: str, address: str = "") -> User | None:
    """Return the active account that name and password fit, or None; either way an event tells of it.

    After too many wrong tries for one account, or from one `address` ("" where that is unknown), the right password
    is None as well until the window is over.
    """
    known = User.objects.filter(username=username).first()
    if is_closed(known, address):
        # As slow as any other refusal: the clock must not tell which names exist.
        User().set_password(password)
        record_refusal("sign_in.locked", known, request_id, address)
        return None
    # A password that was kept by an older rule is kept anew here, and that is a write.
    with acting(door(request_id)):
        user = authenticate(username=username, password=password)
    if isinstance(user, User):
        tell_first_step(user, PASSWORD, request_id)
        return user
    record_refusal("sign_in.failed", known, request_id, address)
    return None


def asks_second_factor(user: User) -> bool:
    """Whether the account must prove a second factor before it is signed in.

    One without any is let in to set it up, and to nothing else (`owes_factor`). Accounts that the seed command marked
    are spared on a machine that answers to itself alone.
    """
    return factors.has_factor(user) and not (settings.DEMO_DOOR and factors.is_of_demo(user))


def owes_factor(user: User) -> bool:
    """Whether the account must set up a second factor before anything else: a duty for everybody."""
    return not factors.has_factor(user)


@transaction.atomic
def tell_first_step(user: User, first: str, request_id: str) -> None:
    """Record a sign-in that is complete with its first step, or that this step was passed."""
    act = "sign_in.begun" if asks_second_factor(user) else "sign_in.succeeded"
    record(by=holder(user, request_id), act=act, obj=user, after={"method": first})


def give_code(*, user: User, first: str, code: str, request_id: str) -> None:
    """Take the second step with a code. Raises ValidationError: `wrong-factor`, `too-many-tries`."""
    by = holder(user, request_id)

    def prove() -> str | None:
        return factors.prove(by=by, user=user, code=code, at=timezone.now())

    _take(by, user, first, prove)


def give_passkey(
    *, user: User, first: str, host: str, state: Mapping[str, Any], answer: Mapping[str, Any], request_id: str
) -> None:
    """Take the second step with a passkey. Raises ValidationError: `wrong-factor`, `too-many-tries`."""

    def prove() -> str | None:
        return PASSKEY if webauthn.takes(user, host=host, state=state, response=answer) else None

    _take(holder(user, request_id), user, first, prove)


def come_by_passkey(
    *, host: str, state: Mapping[str, Any], answer: Mapping[str, Any], request_id: str, address: str
) -> User | None:
    """Return the open account whose passkey answered: it names the account and verifies its person. None otherwise."""
    known = webauthn.account_of(answer)
    if is_closed(known, address):
        record_refusal("sign_in.locked", known, request_id, address)
        return None
    with transaction.atomic():
        if known is not None and webauthn.takes(known, host=host, state=state, response=answer):
            record(by=holder(known, request_id), act="sign_in.succeeded", obj=known, after={"method": PASSKEY})
            return known
    # That a passkey which names an account does not fit counts against its address alone: whoever merely knows a
    # number must not close the door to others.
    record_refusal("sign_in.failed", None, request_id, address)
    return None


def _take(by: Actor, user: User, first: str, prove: Callable[[], str | None]) -> None:
    """Judge the second step: refusals count as wrong passwords do, and their events are committed."""
    method = ""

    def fits() -> bool:
        nonlocal method
        method = prove() or ""
        return bool(method)

    with acting(by), transaction.atomic():
        proving.hold(user)
        refusal = proving.judge(by, user, "sign-in", fits, sentence=_NOT_NOW)
        if refusal is None:
            record(by=by, act="sign_in.succeeded", obj=user, after={"method": f"{first}+{method}"})
            return
    raise refusal


def is_closed(known: User | None, address: str) -> bool:
    if address and is_tried_too_often_from(address):
        return True
    return known is not None and has_tried_too_often(username=known.get_username(), user_id=known.pk)


@transaction.atomic
def record_refusal(act: str, known: User | None, request_id: str, address: str) -> None:
    # Nobody is known to have acted, so the door speaks; an unknown name is not repeated.
    after = told_of(address) if address else None
    record(by=door(request_id), act=act, obj=known or User(pk=0, username="unknown account"), after=after)


def door(request_id: str) -> Actor:
    return machine("sign-in", source="web", request_id=request_id)


@transaction.atomic
def leave(*, by: Actor, user: User, session: str) -> None:
    sessions.sign_out(by=by, user=user, key=session)
    record(by=by.acting_as(ACCOUNT), act="sign_out", obj=user)


def holder(user: User, request_id: str) -> Actor:
    return Actor(
        id=user.get_username(),
        name=str(user),
        source="web",
        request_id=request_id,
        user_id=user.pk,
        role=ACCOUNT,
    )

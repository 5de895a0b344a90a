"""Who comes in and goes out: every try leaves an event, no typed text does (it may be a password)."""

import datetime as dt

from django.contrib.auth import authenticate
from django.db import transaction

from audit.actor import ACCOUNT, Actor, machine
from audit.context import acting
from audit.services import TRIES_WINDOW, has_tried_too_often, is_tried_too_often_from, record, told_of
from trials.models import User

CLOSED_MINUTES = TRIES_WINDOW // dt.timedelta(minutes=1)


def identify(*, username: str, password: str, request_id: str, address: str = "") -> User | None:
    """Return the active account that name and password fit, or None; either way an event tells of it.

    After too many wrong tries for one account, or from one `address` ("" where that is unknown), the right password
    is None as well until the window is over.
    """
    known = User.objects.filter(username=username).first()
    if _is_closed(known, address):
        # As slow as any other refusal: the clock must not tell which names exist.
        User().set_password(password)
        _record_refusal("sign_in.locked", known, request_id, address)
        return None
    # A password that was kept by an older rule is kept anew here, and that is a write.
    with acting(_door(request_id)):
        user = authenticate(username=username, password=password)
    if isinstance(user, User):
        _record_success(user, request_id)
        return user
    _record_refusal("sign_in.failed", known, request_id, address)
    return None


def _is_closed(known: User | None, address: str) -> bool:
    if address and is_tried_too_often_from(address):
        return True
    return known is not None and has_tried_too_often(username=known.get_username(), user_id=known.pk)


@transaction.atomic
def _record_success(user: User, request_id: str) -> None:
    record(by=_holder(user, request_id), act="sign_in.succeeded", obj=user)


@transaction.atomic
def _record_refusal(act: str, known: User | None, request_id: str, address: str) -> None:
    # Nobody is known to have acted, so the door speaks; an unknown name is not repeated.
    after = told_of(address) if address else None
    record(by=_door(request_id), act=act, obj=known or User(pk=0, username="unknown account"), after=after)


def _door(request_id: str) -> Actor:
    return machine("sign-in", source="web", request_id=request_id)


@transaction.atomic
def leave(*, by: Actor, user: User) -> None:
    record(by=by.acting_as(ACCOUNT), act="sign_out", obj=user)


def _holder(user: User, request_id: str) -> Actor:
    return Actor(
        id=user.get_username(),
        name=str(user),
        source="web",
        request_id=request_id,
        user_id=user.pk,
        role=ACCOUNT,
    )

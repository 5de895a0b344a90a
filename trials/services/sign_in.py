"""Who comes in and goes out: every try leaves an event, no typed text does (it may be a password)."""

from django.contrib.auth import authenticate
from django.db import transaction

from audit.actor import Actor, machine
from audit.services import record
from trials.models import User

# An account holder acts for themselves here: no role of a trial is involved yet.
ACCOUNT = "account"


def identify(*, username: str, password: str, request_id: str) -> User | None:
    """Return the active account that name and password fit, or None; either way an event tells of it."""
    user = authenticate(username=username, password=password)
    if isinstance(user, User):
        _record_success(user, request_id)
        return user
    _record_failure(username, request_id)
    return None


@transaction.atomic
def _record_success(user: User, request_id: str) -> None:
    record(by=_holder(user, request_id), act="sign_in.succeeded", obj=user)


@transaction.atomic
def _record_failure(username: str, request_id: str) -> None:
    # Nobody is known to have acted, so the door speaks; an unknown name is not repeated.
    door = machine("sign-in", source="web", request_id=request_id)
    known = User.objects.filter(username=username).first()
    record(by=door, act="sign_in.failed", obj=known or User(pk=0, username="unknown account"))


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

"""The people of the cast, as accounts and as actors."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from audit import context
from audit.actor import Actor, machine
from trials.models import User
from trials.services import factors

PASSWORD = "seven quiet otters"
TODAY = dt.datetime.now(tz=dt.UTC).date()
ORGANISATION = "Tundra Core Laboratory"
STAGE = machine("stage", source="command", request_id="stage-request")
STAGE_REASON = "the stage is being set"


def actor_for(user: User) -> Actor:
    return Actor(id=user.username, name=user.get_full_name(), source="web", request_id="test-request", user_id=user.pk)


def person(username: str, printed_name: str) -> User:
    """An account with a second factor, of the organisation whose letter is on file."""
    first, last = printed_name.split(" ", 1)
    user = User.objects.create_user(
        username, password=PASSWORD, first_name=first, last_name=last, organisation=ORGANISATION
    )
    factors.enrol_demo(by=STAGE, user=user)
    return user


def operator(username: str) -> User:
    """An operator with a second factor, as it is a duty for every account."""
    user = User.objects.create_superuser(username, password=PASSWORD)
    factors.enrol_demo(by=STAGE, user=user)
    return user


@contextmanager
def nobody() -> Iterator[None]:
    """As at the door and on pages without an account: nobody acts."""
    token = context._OPEN.set(None)
    try:
        yield
    finally:
        context._OPEN.reset(token)

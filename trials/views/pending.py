"""The first step of a sign-in, kept in the browser's own session until the second: nobody is signed in meanwhile."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from audit.context import acting
from trials.models import User
from trials.services import sign_in

_KEY = "sign_in_pending"
# Which of the two backends signs in: the one that knows passwords.
_BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True, slots=True)
class Pending:
    """Whose first step was taken how and when (epoch seconds); `stamp` ends it when the password changes."""

    user: int
    first: str
    onward: str
    stamp: str
    at: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A first step that still holds."""

    user: User
    first: str
    onward: str


def keep(request: HttpRequest, user: User, *, first: str, onward: str) -> None:
    """Begin the second step under a session key that no earlier page of this browser knew."""
    request.session.cycle_key()
    kept = Pending(user=user.pk, first=first, onward=onward, stamp=user.get_session_auth_hash(), at=time.time())
    request.session[_KEY] = asdict(kept)


def find(request: HttpRequest) -> Waiting | None:
    """Return the first step, while it holds; one that does not is forgotten."""
    told: dict[str, Any] | None = request.session.get(_KEY)
    if told is None:
        return None
    kept = Pending(**told)
    user = User.objects.filter(pk=kept.user, is_active=True).first()
    is_young = 0 <= time.time() - kept.at <= settings.SIGN_IN_PENDING
    if user is None or not is_young or not constant_time_compare(kept.stamp, user.get_session_auth_hash()):
        forget(request)
        return None
    return Waiting(user=user, first=kept.first, onward=kept.onward)


def forget(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)


def sign_in_as(request: HttpRequest, user: User) -> None:
    """Make the browser's session the account's: a new key, and a row that says how long it is good."""
    request_id: str = request.request_id  # type: ignore[attr-defined]  # a middleware sets it
    # What the ceremony kept belongs to nobody who is signed in.
    request.session.flush()
    with acting(sign_in.holder(user, request_id)):
        login(request, user, backend=_BACKEND)

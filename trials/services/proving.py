"""What every act on one's own account asks first: the holder alone, one try at a time, and not too many wrong ones."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib.auth import authenticate
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext_lazy as _

from audit.actor import ACCOUNT, Actor
from audit.services import TRIES_WINDOW, has_tried_too_often, record
from trials.models import User

_BOTH = _(
    "Password and code do not both fit: nothing changed. Type your password, and a code that was not used "
    "before: the app shows a new one every 30 seconds."
)


def holder(by: Actor, user: User) -> Actor:
    """Let nobody through but the holder of the account (21 CFR 11.200(a)(2))."""
    if by.user_id != user.pk:
        raise PermissionDenied
    return by.acting_as(ACCOUNT)


def hold(user: User) -> None:
    """Let one try at an account's factor happen at a time; foreign keys may still point at the account."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def judge(
    by: Actor, user: User, attempt: str, fits: Callable[[], bool], *, sentence: Any = _BOTH
) -> ValidationError | None:
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
    return ValidationError(sentence, code="wrong-factor")


def is_own(user: User, password: str) -> bool:
    known = authenticate(username=user.get_username(), password=password)
    return known is not None and known.pk == user.pk

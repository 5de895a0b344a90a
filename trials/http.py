"""The request as our views see it, with an account and an actor; and the status that a refusal answers with."""

from http import HTTPStatus

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from audit.actor import Actor
from trials.models import User


class ActorRequest(HttpRequest):
    """A signed-in request: the middleware put `actor` and `request_id` on it."""

    actor: Actor
    request_id: str
    user: User


# Of refusals that are no fault of what was asked: a step before its turn (C08), and a share or disk that is full.
_STATUS = dict.fromkeys(("not-accepted", "order", "wrong-state"), HTTPStatus.CONFLICT) | dict.fromkeys(
    ("quota", "no-room"), HTTPStatus.INSUFFICIENT_STORAGE
)


def status_of(refusal: ValidationError) -> HTTPStatus:
    """400; 409 where another step comes first (11.10(f)); 507 where there is no room, to be tried again (RFC 4918)."""
    return _STATUS.get(getattr(refusal, "code", ""), HTTPStatus.BAD_REQUEST)

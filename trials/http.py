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


def status_of(refusal: ValidationError) -> HTTPStatus:
    """400, or 507 where a share or the disk is full: to be tried again when a person asks for it (RFC 4918 11.5)."""
    is_full = getattr(refusal, "code", None) in {"quota", "no-room"}
    return HTTPStatus.INSUFFICIENT_STORAGE if is_full else HTTPStatus.BAD_REQUEST

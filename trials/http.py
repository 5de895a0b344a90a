"""The request as our views see it: with an account and an actor."""

from django.http import HttpRequest

from audit.actor import Actor
from trials.models import User


class ActorRequest(HttpRequest):
    """A signed-in request: the middleware put `actor` and `request_id` on it."""

    actor: Actor
    request_id: str
    user: User

"""What every request gets before a view sees it: a size cap and an actor."""

import re
import uuid
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.context import acting
from config import receiving
from config.problems import tell_refusal

Next = Callable[[HttpRequest], HttpResponse]
_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


class RequestSizeMiddleware:
    """Refuses a body over the cap before anything reads it; uploads travel in batches below it."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        cap = receiving.cap_of(request.path, request.headers.get("authorization", ""))
        if int(request.headers.get("content-length") or 0) > cap:
            return _too_large(request, cap)
        return self.get_response(request)


def _too_large(request: HttpRequest, cap: int) -> HttpResponse:
    if not request.path.startswith(("/api/", receiving.STOW_PREFIX)):
        return render(request, "413.html", {"cap": cap}, status=413)
    sentence = _("One request may carry up to %(cap)s. Nothing of it was kept; send it in smaller pieces.")
    problem = {
        "type": "about:blank",
        "title": HTTPStatus.REQUEST_ENTITY_TOO_LARGE.phrase,
        "status": 413,
        "detail": sentence % {"cap": filesizeformat(cap)},
    }
    return JsonResponse(problem, status=413, content_type="application/problem+json")


class ActorMiddleware:
    """Gives the request its id and the actor that services take as `by`."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request)
        request.actor = _actor(request, request_id)  # type: ignore[attr-defined]  # ActorRequest in trials.http tells the type
        # Before the view: DRF takes the account off a request that it turns away.
        is_personal = request.user.is_authenticated
        response = self._answer(request)
        response["X-Request-ID"] = request_id
        if is_personal:
            response.setdefault("Cache-Control", "private, no-store")
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        actor: Actor | None = request.actor  # type: ignore[attr-defined]  # as above
        if actor is None:
            # Nobody acts: whatever such a request writes, a service must answer for.
            return self.get_response(request)
        with acting(actor):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        """Leave an event of a refusal; Django then shows its page."""
        actor: Actor | None = request.actor  # type: ignore[attr-defined]  # as above
        tell_refusal(error, actor=actor, method=str(request.method), page=request.resolver_match)


def request_id_of(request: HttpRequest) -> str:
    """Return the request's one id, given at the first question; error pages and events carry it."""
    told: str = getattr(request, "request_id", "")
    if not told:
        offered = request.headers.get("x-request-id", "")
        told = offered if _REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex
        request.request_id = told  # type: ignore[attr-defined]  # Django's class knows no such name
    return told


def _actor(request: HttpRequest, request_id: str) -> Actor | None:
    user = request.user
    if not user.is_authenticated:
        return None
    source = "api" if request.path.startswith("/api/") else "web"
    return Actor(
        id=user.get_username(),
        name=user.get_full_name() or user.get_username(),
        source=source,
        request_id=request_id,
        user_id=user.pk,
    )

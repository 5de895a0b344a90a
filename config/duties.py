"""What stands between a signed-in account and the pages: limits of its session, and duties it has not done yet."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from audit.actor import machine
from audit.context import acting
from config.middleware import request_id_of
from trials.models import User
from trials.services import sessions, sign_in
from trials.views.limits import BACKGROUND, ENDED

Next = Callable[[HttpRequest], HttpResponse]
# What an account reaches before it has done its duties: its own pages and the way out.
_ACCOUNT = frozenset(
    {
        "account",
        "language",
        "words",
        "second-factor",
        "second-factor-enrol",
        "second-factor-remove",
        "passkey-add",
        "passkey-begin",
        "passkey-remove",
        "passkey-prove",
        "account-password",
        "session-end",
        "session-end-others",
        "session-state",
        "session-extend",
        "sign-in",
        "sign-in-second",
        "sign-out",
        "operator-leave",
        "healthz",
    }
)
_WAYS = {"factor": "second-factor", "password": "account-password"}


class SessionLimitMiddleware:
    """Ends a session that was not used for too long, was open for too long, or was ended from elsewhere.

    A request that a page makes by itself (`BACKGROUND`) is answered and does not count as use.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            _limit(request, request.user)
        return self.get_response(request)


def _limit(request: HttpRequest, user: User) -> None:
    session = sessions.find(request.session.get(sessions.KEY), user)
    request.account_session = session  # type: ignore[attr-defined]  # pages tell what is left of it
    if session is None:
        _end(request, "ended")
    elif sessions.left_of(session).is_over:
        request_id = request_id_of(request)
        with acting(machine("session-clock", source="web", request_id=request_id)):
            _end(request, sessions.expire(session, request_id=request_id))
    elif BACKGROUND not in request.headers:
        sessions.see(session)


def _end(request: HttpRequest, why: str) -> None:
    logout(request)
    request.session[ENDED] = why


class DutyMiddleware:
    """Lets an account without a second factor, or with a password the operator knows, do nothing but mend that."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        user = request.user
        if not user.is_authenticated or (match and not match.namespaces and match.url_name in _ACCOUNT):
            return None
        if sign_in.owes_factor(user):
            return _send(request, "factor", _("Set up a second factor first: it is a duty for every account."))
        if user.must_change_password:
            sentence = _("Choose a password of your own first: the one you have was set by the operator.")
            return _send(request, "password", sentence)
        return None


def _send(request: HttpRequest, duty: str, sentence: str) -> HttpResponse:
    if _is_page(request):
        messages.warning(request, f"{sentence} " + _("Until then nothing else opens, and nothing was changed."))
        return redirect(_WAYS[duty])
    problem = {
        "type": "about:blank",
        "title": HTTPStatus.FORBIDDEN.phrase,
        "status": HTTPStatus.FORBIDDEN,
        "detail": f"{sentence} " + _("Nothing was changed."),
        "request_id": getattr(request, "request_id", ""),
    }
    return JsonResponse(problem, status=HTTPStatus.FORBIDDEN, content_type="application/problem+json")


def _is_page(request: HttpRequest) -> bool:
    """Whether a person waits for a page; scripts, pieces of pages, pictures and downloads get a problem instead."""
    if request.path.startswith("/api/") or "hx-request" in request.headers:
        return False
    return "text/html" in request.headers.get("accept", "text/html")

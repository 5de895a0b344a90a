"""What is left of a session, and more of it: for the script that warns before the end; and the end of others."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from trials.http import ActorRequest
from trials.models import AccountSession
from trials.services import sessions

# The header of requests that a page makes by itself: they keep nobody signed in.
BACKGROUND = "X-Corelab-Background"
# Where a session that was just ended leaves why, for the sign-in page.
ENDED = "session_ended"


@login_not_required
@never_cache
@require_safe
def state(request: HttpRequest) -> JsonResponse:
    """Tell what is left of the session, without using it; `token` lets a page go on under a new sign-in."""
    return JsonResponse(_told(request))


@login_not_required
@never_cache
@require_POST
def extend(request: HttpRequest) -> JsonResponse:
    """Count as use, at once. The absolute limit stays where it is."""
    session = _session(request)
    if session is not None:
        sessions.extend(session)
    return JsonResponse(_told(request))


def _told(request: HttpRequest) -> dict[str, object]:
    session = _session(request)
    if session is None:
        return {"ended": True}
    left = sessions.left_of(session)
    told = {"idle": left.idle, "absolute": left.absolute, "warning": settings.SESSION_WARNING}
    return told | {"ended": False, "account": request.user.get_username(), "token": get_token(request)}


def _session(request: HttpRequest) -> AccountSession | None:
    if not request.user.is_authenticated:
        return None
    found: AccountSession | None = getattr(request, "account_session", None)
    return found


@require_POST
def end(request: ActorRequest, pk: object) -> HttpResponse:
    try:
        sessions.end_own(by=request.actor, user=request.user, key=str(pk))
        messages.success(request, _("That session has ended."))
    except ValidationError as refusal:
        messages.error(request, refusal.messages[0])
    return redirect("account")


@require_POST
def end_others(request: ActorRequest) -> HttpResponse:
    ended = sessions.end_others(by=request.actor, user=request.user, kept=request.session[sessions.KEY])
    sentence = ngettext("%(count)s other session has ended.", "%(count)s other sessions have ended.", ended)
    messages.success(request, sentence % {"count": ended})
    return redirect("account")

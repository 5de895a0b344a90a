"""Signing in, in two steps, and out."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from trials.account_forms import SecondStepForm
from trials.forms import SignInForm
from trials.http import ActorRequest
from trials.models import User
from trials.services import passkeys, sessions, sign_in
from trials.views import pending
from trials.views.limits import ENDED
from trials.views.pages import attempt, typed
from trials.views.passkeys import answer_of, host_of, keep_state, take_state

# Why a session ended, where its former holder comes to sign in again.
_WHY = {
    "idle": gettext_lazy("Your session has ended: it was not used for %(minutes)s minutes."),
    "absolute": gettext_lazy("Your session has ended: it was open for %(hours)s hours, and none stays open longer."),
}


@login_not_required
@sensitive_post_parameters()
@never_cache
def enter(request: HttpRequest) -> HttpResponse:
    """Ask for name and password. One sentence for every refusal, so that it tells nobody which names exist."""
    onward = onward_of(request)
    if request.user.is_authenticated:
        return redirect(onward)
    # Whoever comes here begins anew.
    pending.forget(request)
    form = SignInForm(typed(request))
    user = _identify(request, form)
    if user is None:
        return _door(request, form, onward)
    return go_on(request, user, first=sign_in.PASSWORD, onward=onward)


def go_on(request: HttpRequest, user: User, *, first: str, onward: str) -> HttpResponse:
    """Ask for the second step, or let in an account that has none to take."""
    if sign_in.asks_second_factor(user):
        pending.keep(request, user, first=first, onward=onward)
        return redirect("sign-in-second")
    pending.sign_in_as(request, user)
    return redirect(onward)


def _door(request: HttpRequest, form: BaseForm, onward: str) -> HttpResponse:
    context = {
        "form": form,
        "next": onward,
        "ended": _ended(request),
        "provider": settings.OIDC_NAME if settings.OIDC_PROVIDER else "",
        "minutes": settings.SESSION_IDLE // 60,
        "hours": settings.SESSION_ABSOLUTE // 3600,
    }
    return render(request, "sign_in.html", context, status=400 if form.is_bound else 200)


def _ended(request: HttpRequest) -> str:
    """Say once why the session that stood here ended."""
    why = request.session.pop(ENDED, "")
    if not why:
        return ""
    told = str(_WHY.get(why, _("Your session was ended.")))
    return told % {"minutes": settings.SESSION_IDLE // 60, "hours": settings.SESSION_ABSOLUTE // 3600}


def onward_of(request: HttpRequest) -> str:
    """Return where to go next: an address of this host, else My work."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    own = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return asked if own else resolve_url("home")


def _identify(request: HttpRequest, form: SignInForm) -> User | None:
    if not form.is_valid():
        return None
    request_id: str = request.request_id  # type: ignore[attr-defined]  # a middleware sets it
    user = sign_in.identify(request_id=request_id, address=sessions.address_of(request), **form.cleaned_data)
    if user is None:
        form.add_error(
            None,
            _(
                "Name and password do not fit an open account. Check both and try again. "
                "After several wrong tries the door stays closed for %(minutes)s minutes, whatever is typed."
            )
            % {"minutes": sign_in.CLOSED_MINUTES},
        )
    return user


@login_not_required
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def enter_second(request: HttpRequest) -> HttpResponse:
    """Ask for a code or a passkey; only then is anybody signed in."""
    waiting = pending.find(request)
    if waiting is None:
        messages.warning(request, _("Signing in took too long, or began elsewhere. Begin again."))
        return redirect("sign-in")
    form = SecondStepForm(typed(request))
    if attempt(form, lambda: _prove(request, waiting, form)):
        pending.sign_in_as(request, waiting.user)
        return redirect(waiting.onward)
    context = {"form": form, "has_passkey": bool(passkeys.held_by(waiting.user))}
    return render(request, "sign_in_second.html", context, status=400 if form.is_bound else 200)


def _prove(request: HttpRequest, waiting: pending.Waiting, form: BaseForm) -> bool:
    request_id: str = request.request_id  # type: ignore[attr-defined]  # a middleware sets it
    told = form.cleaned_data
    if told["passkey"]:
        sign_in.give_passkey(
            user=waiting.user,
            first=waiting.first,
            host=host_of(request),
            state=take_state(request),
            answer=passkeys.read(told["passkey"]),
            request_id=request_id,
        )
    else:
        sign_in.give_code(user=waiting.user, first=waiting.first, code=told["code"], request_id=request_id)
    return True


@login_not_required
@never_cache
@require_POST
def begin_passkey(request: HttpRequest) -> JsonResponse:
    """Ask the browser for a passkey: of the account whose first step was taken, or of whoever it names."""
    waiting = pending.find(request)
    ceremony = passkeys.prove_begin(user=waiting.user if waiting else None, host=host_of(request))
    keep_state(request, ceremony)
    return JsonResponse(ceremony.options)


@login_not_required
@sensitive_post_parameters()
@never_cache
@require_POST
def enter_by_passkey(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey alone: it names its account and verifies its person."""
    request_id: str = request.request_id  # type: ignore[attr-defined]  # a middleware sets it
    form = SignInForm()
    try:
        answer = answer_of(request)
    except ValidationError:
        answer = {}
    user = sign_in.come_by_passkey(
        host=host_of(request),
        state=take_state(request),
        answer=answer,
        request_id=request_id,
        address=sessions.address_of(request),
    )
    if user is None:
        messages.error(request, _("No open account fits this passkey. Try again, or sign in with your password."))
        return _door(request, form, onward_of(request))
    pending.sign_in_as(request, user)
    return redirect(onward_of(request))


@require_POST
def leave(request: ActorRequest) -> HttpResponse:
    sign_in.leave(by=request.actor, user=request.user, session=request.session.get(sessions.KEY, ""))
    logout(request)
    answer = redirect("sign-in")
    # What the sending page noted in this browser is for whoever signs out; the next person may be another.
    answer["Clear-Site-Data"] = '"storage"'
    return answer


@login_not_required
def operator_door(request: HttpRequest) -> HttpResponse:
    """Send the operator to the sign-in that leaves events. Raises PermissionDenied for others."""
    if request.user.is_authenticated:
        raise PermissionDenied(_("These pages are for the operator of this installation."))
    return redirect(f"{resolve_url('sign-in')}?{urlencode({'next': resolve_url('admin:index')})}")


def operator_password(_request: HttpRequest) -> HttpResponse:
    """Send the operator to the one page that changes one's own password, which asks for a second factor."""
    return redirect("account-password")

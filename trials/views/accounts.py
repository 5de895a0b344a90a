"""Signing in and out."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from trials.forms import SignInForm
from trials.http import ActorRequest
from trials.models import User
from trials.services import sign_in
from trials.views.pages import typed


@login_not_required
@sensitive_post_parameters()
@never_cache
def enter(request: HttpRequest) -> HttpResponse:
    """Ask for name and password. One sentence for every refusal, so that it tells nobody which names exist."""
    onward = _onward(request)
    if request.user.is_authenticated:
        return redirect(onward)
    form = SignInForm(typed(request))
    user = _identify(request, form)
    if user is None:
        return render(request, "sign_in.html", {"form": form, "next": onward}, status=400 if form.is_bound else 200)
    login(request, user)
    return redirect(onward)


def _onward(request: HttpRequest) -> str:
    """Return where to go next: an address of this host, else My work."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    own = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return asked if own else resolve_url("home")


def _identify(request: HttpRequest, form: SignInForm) -> User | None:
    if not form.is_valid():
        return None
    request_id: str = request.request_id  # type: ignore[attr-defined]  # ActorMiddleware sets it
    user = sign_in.identify(request_id=request_id, address=_address(request), **form.cleaned_data)
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


def _address(request: HttpRequest) -> str:
    """Return where the request came from; "" behind a proxy, where it would be everybody's."""
    address: str = request.META.get("REMOTE_ADDR", "")
    return "" if address == settings.TRUSTED_PROXY else address


@require_POST
def leave(request: ActorRequest) -> HttpResponse:
    sign_in.leave(by=request.actor, user=request.user)
    logout(request)
    return redirect("sign-in")


@login_not_required
def operator_door(request: HttpRequest) -> HttpResponse:
    """Send the operator to the sign-in that leaves events. Raises PermissionDenied for others."""
    if request.user.is_authenticated:
        raise PermissionDenied(_("These pages are for the operator of this installation."))
    return redirect(f"{resolve_url('sign-in')}?{urlencode({'next': resolve_url('admin:index')})}")

"""The way to the house's sign-in service and back: to sign in, or to link an identity there to one's own account."""

import hmac
import time
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from trials import oidc
from trials.account_forms import LinkForm
from trials.http import ActorRequest
from trials.services import factors, passkeys, provider, sessions
from trials.views import pending
from trials.views.accounts import go_on, onward_of
from trials.views.pages import attempt, typed

_KEY = "provider_way"


def _service() -> oidc.Provider:
    """Return the sign-in service. Raises Http404 where none is set."""
    service: oidc.Provider | None = settings.OIDC_PROVIDER
    if service is None:
        raise Http404
    return service


def _back(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("sign-in-provider-back"))


@login_not_required
@never_cache
@require_safe
def go(request: HttpRequest) -> HttpResponse:
    """Send the browser to the service, to sign in; signed in already, this is the way of `link`."""
    if request.user.is_authenticated:
        return redirect(onward_of(request))
    try:
        started = oidc.begin(_service(), back=_back(request))
    except oidc.ProviderRefused as refusal:
        return _refuse(request, refusal.cause)
    _keep(request, started, onward=onward_of(request), account=0)
    return redirect(started.address)


def _keep(request: HttpRequest, started: oidc.Start, *, onward: str, account: int) -> None:
    request.session[_KEY] = {
        "state": started.state,
        "nonce": started.nonce,
        "verifier": started.verifier,
        "onward": onward,
        "account": account,
        "at": time.time(),
    }


@login_not_required
@never_cache
@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Take what the service sent: it is believed once, in the browser that asked, within five minutes."""
    service, kept = _service(), request.session.pop(_KEY, {})
    try:
        identity = _identity(request, service, kept)
    except oidc.ProviderRefused as refusal:
        return _refuse(request, refusal.cause)
    if kept["account"]:
        return _link(request, identity, kept["account"])
    if request.user.is_authenticated:
        return redirect("home")
    return _enter(request, identity, kept["onward"])


def _identity(request: HttpRequest, service: oidc.Provider, kept: dict[str, Any]) -> oidc.Identity:
    told = request.GET
    if not kept or time.time() - kept["at"] > settings.SIGN_IN_PENDING:
        raise oidc.ProviderRefused("too-late")
    if not hmac.compare_digest(told.get("state", "").encode(), kept["state"].encode()):
        raise oidc.ProviderRefused("state")
    if told.get("iss", service.issuer) != service.issuer:
        raise oidc.ProviderRefused("issuer")
    if not told.get("code"):
        raise oidc.ProviderRefused("cancelled")
    return oidc.finish(service, code=told["code"], back=_back(request), nonce=kept["nonce"], verifier=kept["verifier"])


def _refuse(request: HttpRequest, cause: str) -> HttpResponse:
    request_id: str = request.request_id  # type: ignore[attr-defined]  # a middleware sets it
    provider.refuse(cause=cause, request_id=request_id)
    messages.error(
        request, _("The sign-in service did not vouch for you: nothing changed. Try again, or use a password.")
    )
    return redirect("account" if request.user.is_authenticated else "sign-in")


def _enter(request: HttpRequest, identity: oidc.Identity, onward: str) -> HttpResponse:
    request_id: str = request.request_id  # type: ignore[attr-defined]  # a middleware sets it
    arrived = provider.come(identity=identity, request_id=request_id, address=sessions.address_of(request))
    if arrived is None:
        sentence = _("No open account is linked to that identity. Sign in with your password, then link it yourself.")
        messages.error(request, sentence)
        return redirect("sign-in")
    if arrived.is_complete:
        pending.sign_in_as(request, arrived.user)
        return redirect(onward)
    return go_on(request, arrived.user, first=provider.FIRST, onward=onward)


def _link(request: Any, identity: oidc.Identity, account: int) -> HttpResponse:
    if not request.user.is_authenticated or request.user.pk != account:
        return _refuse(request, "account")
    try:
        provider.link_own(by=request.actor, user=request.user, identity=identity)
        messages.success(
            request, _("The identity is linked: you can sign in with it, and give your second factor then.")
        )
    except ValidationError as refusal:
        messages.error(request, refusal.messages[0])
    return redirect("account")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: ActorRequest) -> HttpResponse:
    """Ask password and second factor, then show the way to the service: no form may lead to another host."""
    service, form = _service(), LinkForm(typed(request))
    started = attempt(form, lambda: _begin_link(request, service, form))
    context = {
        "form": form,
        "provider": settings.OIDC_NAME,
        "address": started.address if started else "",
        "demo_code": factors.demo_code(request.user),
        "has_passkey": bool(passkeys.held_by(request.user)),
    }
    return render(request, "account_link.html", context, status=400 if form.errors else 200)


def _begin_link(request: ActorRequest, service: oidc.Provider, form: BaseForm) -> oidc.Start:
    provider.prove_holder(by=request.actor, user=request.user, **form.cleaned_data)
    try:
        started = oidc.begin(service, back=_back(request))
    except oidc.ProviderRefused as refusal:
        provider.refuse(cause=refusal.cause, request_id=request.request_id)
        raise ValidationError(_("The sign-in service does not answer: nothing changed."), code="provider") from None
    _keep(request, started, onward="", account=request.user.pk)
    return started


@require_POST
def unlink(request: ActorRequest) -> HttpResponse:
    try:
        provider.unlink_own(by=request.actor, user=request.user)
        messages.success(request, _("The link is removed."))
    except ValidationError as refusal:
        messages.error(request, refusal.messages[0])
    return redirect("account")

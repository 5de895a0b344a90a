"""Passkeys on one's own account page, and what the script of every passkey button talks to."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from trials.account_forms import FirstPasskeyForm, PasskeyForm
from trials.forms import RemoveFactorForm
from trials.http import ActorRequest
from trials.services import factors, passkeys
from trials.services.webauthn import Ceremony
from trials.views.pages import attempt, typed
from trials.views.words import grouped

_STATE = "passkey_ceremony"


def host_of(request: HttpRequest) -> str:
    """Return the name that passkeys are bound to: this host's, whatever its port."""
    return request.get_host().partition(":")[0]


def keep_state(request: HttpRequest, ceremony: Ceremony) -> None:
    request.session[_STATE] = ceremony.state


def take_state(request: HttpRequest) -> dict[str, Any]:
    """Return what the browser was asked; an answer is judged once."""
    told: dict[str, Any] = request.session.pop(_STATE, {})
    return told


def answer_of(request: HttpRequest) -> dict[str, Any]:
    """Return the browser's answer. Raises ValidationError (`passkey`)."""
    return passkeys.read(request.POST.get("passkey", ""))


@never_cache
@require_POST
def begin(request: ActorRequest) -> JsonResponse:
    """Ask the browser for a new passkey."""
    ceremony = passkeys.enrol_begin(user=request.user, host=host_of(request))
    keep_state(request, ceremony)
    return JsonResponse(ceremony.options)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: ActorRequest) -> HttpResponse:
    """Name and add a passkey; the first factor of an account brings recovery codes, shown this once."""
    kind = PasskeyForm if factors.has_factor(request.user) else FirstPasskeyForm
    form = kind(typed(request))
    codes = attempt(form, lambda: _add(request, form))
    if codes is None:
        context = {"form": form, "demo_code": factors.demo_code(request.user)}
        return render(request, "passkey_add.html", context, status=400 if form.is_bound else 200)
    if codes:
        return render(request, "second_factor_codes.html", {"codes": grouped(codes)})
    messages.success(request, _("The passkey is added."))
    return redirect("second-factor")


def _add(request: ActorRequest, form: BaseForm) -> tuple[str, ...]:
    told = form.cleaned_data
    return passkeys.enrol(
        by=request.actor,
        user=request.user,
        host=host_of(request),
        state=take_state(request),
        answer=passkeys.read(told["passkey"]),
        name=told["name"],
        password=told["password"],
        code=told.get("code", ""),
    )


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: ActorRequest, pk: int) -> HttpResponse:
    key = next((key for key in passkeys.held_by(request.user) if key.number == pk), None)
    if key is None:
        raise Http404
    form = RemoveFactorForm(typed(request))
    if attempt(form, lambda: _remove(request, form, pk)):
        messages.success(request, _("The passkey is removed."))
        return redirect("second-factor")
    context = {"form": form, "key": key, "demo_code": factors.demo_code(request.user)}
    return render(request, "passkey_remove.html", context, status=400 if form.is_bound else 200)


def _remove(request: ActorRequest, form: BaseForm, number: int) -> bool:
    passkeys.remove(by=request.actor, user=request.user, number=number, **form.cleaned_data)
    return True


@sensitive_post_parameters()
@never_cache
@require_POST
def prove(request: ActorRequest) -> JsonResponse:
    """Ask for a passkey, then give the code that stands for it in the form from which it was asked."""
    if "passkey" not in request.POST:
        ceremony = passkeys.prove_begin(user=request.user, host=host_of(request))
        keep_state(request, ceremony)
        return JsonResponse(ceremony.options)
    try:
        code = passkeys.prove(
            by=request.actor,
            user=request.user,
            host=host_of(request),
            state=take_state(request),
            answer=answer_of(request),
        )
    except ValidationError as refusal:
        return JsonResponse({"sentence": refusal.messages[0]}, status=400)
    return JsonResponse({"code": code})

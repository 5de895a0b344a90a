"""The page of one's own second factor: set it up, see its recovery codes once, take it off."""

from dataclasses import dataclass
from textwrap import wrap

import qrcode
from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from qrcode.image.svg import SvgPathImage

from trials.account_forms import NextAppForm
from trials.forms import EnrolForm, RemoveFactorForm
from trials.http import ActorRequest
from trials.services import factors, passkeys
from trials.views.pages import attempt, typed
from trials.views.words import GROUP, grouped

# Where the session keeps the sealed secret between showing it and confirming it.
_PENDING = "second_factor_pending"


@dataclass(frozen=True, slots=True)
class Picture:
    """A QR code as one SVG path in a square of `size` units; the template draws it, since no inline style may."""

    path: str
    size: str


@require_safe
def show(request: ActorRequest) -> HttpResponse:
    return _page(request, RemoveFactorForm())


def _page(request: ActorRequest, form: BaseForm) -> HttpResponse:
    user = request.user
    context = {
        "state": factors.state_of(user),
        "passkeys": passkeys.held_by(user),
        "recovery_codes": factors.recovery_codes_left(user),
        "demo_code": " ".join(wrap(factors.demo_code(request.user) or "", 3)),
        "form": form,
    }
    return render(request, "second_factor.html", context, status=400 if form.is_bound else 200)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def enrol(request: ActorRequest) -> HttpResponse:
    """Show the QR code until password and a code of the app confirm it, then the recovery codes."""
    kept = request.session.get(_PENDING, "")
    if factors.has_app(request.user):
        return redirect("second-factor")
    if request.method == "POST" and not kept:
        messages.warning(request, _("Setting up has to begin anew: scan this QR code."))
        return redirect("second-factor-enrol")
    enrolment = factors.enrol_begin(user=request.user, pending=kept)
    # A password alone never adds a factor to another.
    form = (NextAppForm if factors.has_factor(request.user) else EnrolForm)(typed(request))
    codes = attempt(
        form,
        lambda: factors.enrol(by=request.actor, user=request.user, pending=enrolment.pending, **form.cleaned_data),
    )
    if codes is None:
        request.session[_PENDING] = enrolment.pending
        return _enrolment_page(request, form, enrolment)
    del request.session[_PENDING]
    return render(request, "second_factor_codes.html", {"codes": grouped(codes)})


def _enrolment_page(request: ActorRequest, form: BaseForm, enrolment: factors.Enrolment) -> HttpResponse:
    context = {
        "form": form,
        "picture": _picture(enrolment.address),
        "has_passkey": bool(passkeys.held_by(request.user)),
        "secret": " ".join(wrap(enrolment.secret, GROUP)),
    }
    return render(request, "second_factor_enrol.html", context, status=400 if form.is_bound else 200)


def _picture(address: str) -> Picture:
    image = qrcode.make(address, image_factory=SvgPathImage)
    return Picture(path=image.path.get("d"), size=str(image.units(image.pixel_size, text=False)))


@sensitive_post_parameters()
@require_POST
def remove(request: ActorRequest) -> HttpResponse:
    form = RemoveFactorForm(request.POST)
    done = attempt(form, lambda: _remove(request, form))
    if done is None:
        return _page(request, form)
    messages.success(
        request, _("The authenticator app is removed. A second factor is a duty: set up another one before you leave.")
    )
    return redirect("second-factor")


def _remove(request: ActorRequest, form: BaseForm) -> bool:
    factors.remove(by=request.actor, user=request.user, **form.cleaned_data)
    return True

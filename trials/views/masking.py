"""The page on which a data protection officer masks records of the trail, and a second person agrees."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from audit.lines import Line, lines
from trials import access
from trials.correction_forms import MaskForm, RecordsForm
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.services import masking
from trials.views.pages import attempt


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def mask(request: ActorRequest, code: str) -> HttpResponse:
    """Ask for numbers, show the records behind them, and mask them where two people say so."""
    trial = access.trial_for(request.actor, code, Act.TRAIL_MASK)
    if request.method != "POST":
        return _choose(request, trial)
    form = MaskForm(request.POST)
    if attempt(form, lambda: _mask(request, trial, form)):
        messages.success(request, _("Masked. The trail tells by whom and why, and every seal still holds."))
        return redirect("trial-audit", trial.code)
    form.forget()
    chosen = RecordsForm(request.POST)
    found = attempt(chosen, lambda: _find(request, trial, chosen))
    return _page(request, trial, chosen=chosen, found=found, form=form if found else None, status=400)


def _choose(request: ActorRequest, trial: Trial) -> HttpResponse:
    chosen = RecordsForm(request.GET if "numbers" in request.GET else None)
    found = attempt(chosen, lambda: _find(request, trial, chosen))
    form = MaskForm(None, numbers=request.GET["numbers"]) if found else None
    return _page(request, trial, chosen=chosen, found=found, form=form, status=400 if chosen.errors else 200)


def _find(request: ActorRequest, trial: Trial, chosen: RecordsForm) -> list[Line]:
    return lines(masking.find(by=request.actor, trial=trial, sequences=chosen.cleaned_data["numbers"]))


def _mask(request: ActorRequest, trial: Trial, form: MaskForm) -> bool:
    masking.mask(
        by=request.actor,
        trial=trial,
        sequences=form.cleaned_data["numbers"],
        ground=form.cleaned_data["ground"],
        agreement=form.agreement,
    )
    return True


def _page(request: ActorRequest, trial: Trial, *, status: int, **shown: Any) -> HttpResponse:
    return render(request, "trail_mask.html", {"trial": trial, **shown}, status=status)

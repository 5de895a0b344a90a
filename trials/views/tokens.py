"""Tokens by which hospitals' machines send over DICOMweb: made, shown once, revoked."""

import datetime as dt
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from trials import access
from trials.forms import ReasonForm, TokenForm
from trials.http import ActorRequest
from trials.models import SiteToken, Trial, TrialSite
from trials.roles import Act
from trials.services import tokens
from trials.views.pages import FormPage, attempt, show_form, typed

# What the form proposes: long enough to be worth setting up, short enough to be looked at again.
_PROPOSED = dt.timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Line:
    """A token as the list shows it; `state` is in force, ended or revoked."""

    token: SiteToken
    state: str


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, code: str) -> HttpResponse:
    """List the tokens of one's sites, and make one: its secret stands on this page once and nowhere else."""
    trial = access.trial_for(request.actor, code, Act.SENDING_GRANT)
    sites = access.within(request.actor, TrialSite.objects.filter(trial=trial), act=Act.SENDING_GRANT)
    proposed = {"ends_on": timezone.localdate() + _PROPOSED, "trial_site": sites.first()}
    form = TokenForm(typed(request), sites=sites, initial=proposed)
    granted = attempt(form, lambda: tokens.grant(by=request.actor, **form.cleaned_data))
    context = {
        "trial": trial,
        "lines": _lines(request, trial),
        "granted": granted,
        "form": TokenForm(sites=sites, initial=proposed) if granted else form,
        "address": request.build_absolute_uri(reverse("stow")).removesuffix("/studies"),
    }
    response = render(request, "token_list.html", context, status=400 if form.is_bound and not granted else 200)
    response["Cache-Control"] = "private, no-store"
    return response


def _lines(request: ActorRequest, trial: Trial) -> list[Line]:
    rows = access.visible(request.actor, SiteToken.objects.filter(trial_site__trial=trial))
    return [Line(token, _state(token)) for token in rows.select_related("trial_site__site")]


def _state(token: SiteToken) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "ended" if token.ends_on < timezone.localdate() else "in-force"


def revoke(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    rows = SiteToken.objects.filter(trial_site__trial__code=code).select_related("trial_site__trial")
    token = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    access.require(request.actor, Act.SENDING_GRANT, token)
    form, trial = ReasonForm(typed(request)), token.trial_site.trial
    if attempt(form, lambda: _revoke(request, token, form)):
        messages.success(request, _("The token is revoked: whatever shows it from now on is refused."))
        return redirect("token-list", trial.code)
    page = FormPage(
        heading=_("Revoke the token of %(label)s") % {"label": token.label},
        intro=_("It opens nothing from this moment on. What was sent with it stays and goes its way."),
        submit=_("Revoke"),
        back=reverse("token-list", args=[trial.code]),
        trial=trial,
    )
    return show_form(request, form=form, page=page)


def _revoke(request: ActorRequest, token: SiteToken, form: ReasonForm) -> bool:
    tokens.revoke(by=request.actor, token=token, reason=form.cleaned_data["reason"])
    return True

"""Who may what in a trial, looked at twice: the periodic review that is signed, and any day of the past."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from trials import access
from trials.ceremony import Ceremony, hold, is_signed
from trials.forms import ROLE_NAMES
from trials.http import ActorRequest
from trials.models import Trial
from trials.review_forms import AsOfForm, DecisionsForm
from trials.roles import Act, Role, reach_of
from trials.services import access_reviews
from trials.standing import standing_on
from trials.views.pages import attempt, typed


@sensitive_post_parameters("password", "code")
def review(request: ActorRequest, code: str) -> HttpResponse:
    """Show every role; lead from the decisions to the signing page, and sign there."""
    trial = access.trial_for(request.actor, code, Act.ACCESS_VIEW)
    if request.method != "POST":
        return _page(request, trial, _form(request, trial))
    access.require(request.actor, Act.ACCESS_REVIEW, trial)
    form = _form(request, trial)
    if not form.is_valid():
        return _page(request, trial, form)
    ceremony = _ceremony(request, trial, form)
    if not is_signed(request) and attempt(form, ceremony.offered) is None:
        return _page(request, trial, form)
    return hold(request, ceremony, done=lambda _review: _done(request, trial))


def _form(request: ActorRequest, trial: Trial) -> DecisionsForm:
    return DecisionsForm(typed(request), seats=access_reviews.seats(trial, reviewer=request.actor))


def _ceremony(request: ActorRequest, trial: Trial, form: DecisionsForm) -> Ceremony:
    decisions = form.decisions
    return Ceremony(
        heading=_("Sign the access review"),
        what=_("Who keeps and who loses a role in %(trial)s, with your reasons.") % {"trial": trial.code},
        submit=_("Sign the review"),
        back=reverse("access-review", args=[trial.code]),
        offered=lambda: access_reviews.offer_review(by=request.actor, trial=trial, decisions=decisions),
        signed=lambda proof: access_reviews.review(by=request.actor, trial=trial, decisions=decisions, proof=proof),
        trial=trial,
        carried={name: str(value) for name, value in form.cleaned_data.items()},
        after=_("Roles that you end are closed at once."),
    )


def _done(request: ActorRequest, trial: Trial) -> HttpResponse:
    messages.success(request, _("The review is signed and recorded; what it ended is closed."))
    return redirect("access-review", trial.code)


def _page(request: ActorRequest, trial: Trial, form: DecisionsForm) -> HttpResponse:
    due, today = access_reviews.due_on(trial), timezone.localdate()
    ended = trial.memberships.filter(ends__lt=today).select_related("user", "trial_site").order_by("-ends", "pk")
    context = {
        "trial": trial,
        "form": form,
        "lines": [(line, ROLE_NAMES[Role(line.seat.membership.role)]) for line in form.lines],
        "ended": [(one, ROLE_NAMES[Role(one.role)]) for one in ended],
        "past": trial.access_reviews.defer("contents"),
        "may_review": access.may(request.actor, Act.ACCESS_REVIEW, trial) is not None,
        "due": due,
        "is_due": due <= today,
    }
    return render(request, "access_review.html", context, status=400 if form.is_bound else 200)


@require_GET
def as_of(request: ActorRequest, code: str) -> HttpResponse:
    """Show who could do what on a past day."""
    trial = access.trial_for(request.actor, code, Act.ACCESS_VIEW)
    form = AsOfForm(request.GET if "day" in request.GET else {"day": timezone.localdate()})
    context: dict[str, Any] = {"trial": trial, "form": form, "includes": _includes()}
    if form.is_valid():
        context |= _answer(trial, form.cleaned_data["day"])
    return render(request, "access_as_of.html", context, status=200 if form.is_valid() else 400)


def _answer(trial: Trial, day: dt.date) -> dict[str, Any]:
    answer = standing_on(day, trial=trial)
    return {
        "answer": answer,
        "standing": [(one, ROLE_NAMES[one.role]) for one in answer.standing],
        "backdated": [(one, ROLE_NAMES[one.role]) for one in answer.backdated],
    }


def _includes() -> list[tuple[Any, str]]:
    """Return what each role includes, by the table of this version."""
    return [
        (name, ", ".join(f"{act} ({reach_of(role, act)})" for act in Act if reach_of(role, act)))
        for role, name in ROLE_NAMES.items()
    ]

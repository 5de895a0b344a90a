"""The planned review of a trial's trail: choose a view and a period, look, and record what was found (A15)."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import reviewing
from audit.lines import lines
from audit.reviewing import Belonging, Scope, View
from config import records
from trials import access
from trials.http import ActorRequest
from trials.models import Membership, Trial
from trials.roles import Act, Role
from trials.services import trail
from trials.trail_forms import ReviewForm, ScopeForm
from trials.views.pages import attempt
from trials.views.trail import paged

PAGE = 50
_MONTH = dt.timedelta(days=30)


def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.HISTORY_VIEW)
    if request.method != "POST":
        return _page(request, trial, ScopeForm(request.GET if "view" in request.GET else _lately()))
    access.require(request.actor, Act.TRAIL_REVIEW, trial)
    form = ReviewForm(request.POST)
    done = attempt(form, lambda: _record(request, trial, form))
    if not done:
        return _page(request, trial, ScopeForm(request.POST), refused=form)
    messages.success(request, _("The review is recorded, and is an event of the trail itself."))
    return redirect("trial-reviews", trial.code)


def _lately() -> dict[str, Any]:
    today = timezone.localdate()
    return {"view": View.ODD_HOURS, "since": today - _MONTH, "until": today}


def _record(request: ActorRequest, trial: Trial, form: ReviewForm) -> bool:
    told = {name: form.cleaned_data[name] for name in ("verdict", "findings", "seen")}
    trail.review(by=request.actor, trial=trial, scope=_scope(trial, form), **told)
    return True


def _scope(trial: Trial, form: ScopeForm) -> Scope:
    told = form.cleaned_data
    return Scope(
        trial_code=trial.code,
        view=View(told["view"]),
        since=told["since"],
        until=told["until"],
        zones=_zones(trial),
        signed=frozenset(model._meta.label for model in records.SIGNED),
        belonging={part.model._meta.label: _belonging(part) for part in records.COVERED},
    )


def _zones(trial: Trial) -> dict[str, str]:
    """Return where people of sites work; everybody else is taken to live by UTC."""
    seats = Membership.objects.filter(trial=trial, role=Role.SITE_STAFF)
    return dict(seats.values_list("user__username", "trial_site__site__time_zone"))


def _belonging(part: records.Part) -> Belonging:
    return Belonging(column=part.column, label=part.owner._meta.label)


def _page(request: ActorRequest, trial: Trial, form: ScopeForm, *, refused: ReviewForm | None = None) -> HttpResponse:
    may_review = access.may(request.actor, Act.TRAIL_REVIEW, trial) is not None
    context: dict[str, Any] = {"trial": trial, "form": form, "past": _past(trial), "may_review": may_review}
    if form.is_valid():
        found = reviewing.find(_scope(trial, form))
        page = Paginator(found, PAGE).get_page(request.GET.get("page"))
        context |= paged(page, request.GET) | {
            "lines": lines(reviewing.events_of(page.object_list)),
            "view": View(form.cleaned_data["view"]),
            "review_form": _again(refused, found) if refused else _empty(form, found),
        }
    return render(request, "trial_reviews.html", context, status=400 if refused else 200)


def _past(trial: Trial) -> list[tuple[Any, Any]]:
    """Return each review with its view in words."""
    return [(one, View(one.view).label) for one in reviewing.past(trial.code)]


def _empty(form: ScopeForm, found: list[int]) -> ReviewForm:
    return ReviewForm(initial=form.cleaned_data | {"seen": reviewing.digest(found)})


def _again(refused: ReviewForm, found: list[int]) -> ReviewForm:
    """What is recorded next is about what the page shows now."""
    refused.data = {**dict(refused.data.items()), "seen": reviewing.digest(found)}
    return refused

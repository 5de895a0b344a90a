"""What runs out when: requests, erasures that wait, breaches and the trial's retention, on one page."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from privacy import selectors
from privacy.models import Breach, Erasure, Request
from privacy.rights_forms import RetentionForm
from privacy.services import retention
from privacy.views.frame import Page
from privacy.views.frame import show as show_page
from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import FormPage, attempt, show_form, typed

_PAGE = Page("privacy.html", "privacy")


@require_GET
def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.LEDGER_VIEW)
    waiting = selectors.requests_of(trial).filter(state=Request.State.OPEN)
    context = {
        "requests": [(row, selectors.days_left(row)) for row in waiting],
        "erasures": trial.erasures.filter(state=Erasure.State.PROPOSED).select_related("subject"),
        "breaches": _breaches(request, trial),
        "clock": selectors.retention_of(trial),
        "kept_until": selectors.kept_until(trial),
        "is_over": selectors.is_retention_over(trial),
    }
    return show_page(request, trial, _PAGE, context)


def _breaches(request: ActorRequest, trial: Trial) -> list[tuple[Breach, Any]]:
    rows = access.visible(request.actor, Breach.objects.filter(trial=trial)).prefetch_related("entries")
    clocks = ((row, selectors.clock_of(row)) for row in rows)
    return [(row, clock) for row, clock in clocks if clock.is_running]


@require_http_methods(["GET", "HEAD", "POST"])
def set_retention(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.REQUEST_HANDLE)
    form = RetentionForm.of(selectors.retention_of(trial), data=typed(request))
    page = FormPage(
        heading=_("Retention clock"),
        intro=_(
            "Records are kept at least 25 years after the end of the trial (Regulation (EU) 536/2014, article 58), "
            "longer where a local law says so. Nothing is destroyed by itself: two people decide when the time is over."
        ),
        submit=_("Save the clock"),
        back=reverse("privacy", args=[trial.code]),
        trial=trial,
    )
    if attempt(form, lambda: retention.set_clock(by=request.actor, trial=trial, **form.cleaned_data)):
        messages.success(request, _("The clock is set."))
        return redirect(page.back)
    return show_form(request, form=form, page=page)

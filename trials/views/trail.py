"""The audit page of a trial and its export."""

import csv

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audit.lines import COLUMNS, cells, lines
from audit.selectors import Events, Wanted, acts_in, people_in, trial_events
from trials import access
from trials.forms import TrailForm
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.services import trail

PAGE = 50
# A spreadsheet takes a cell that begins so for a formula; the last three are full-width twins.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.AUDIT_VIEW)
    form = _filter(request, trial)
    wanted = form.wanted if form.is_valid() else Wanted()
    page = Paginator(trial_events(trial_code=trial.code, wanted=wanted), PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "trial": trial,
        "form": form,
        "page": page,
        "lines": lines(page.object_list),
        "query": query.urlencode(),
    }
    return render(request, "trial_audit.html", context)


def _filter(request: ActorRequest, trial: Trial) -> TrailForm:
    told = request.POST if request.method == "POST" else request.GET
    return TrailForm(told, acts=acts_in(trial.code), people=people_in(trial.code))


@require_POST
def export(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.AUDIT_VIEW)
    form = _filter(request, trial)
    if not form.is_valid():
        return HttpResponse(
            _("This filter cannot be read: nothing was exported."), status=400, content_type="text/plain"
        )
    events = trail.export(by=request.actor, trial=trial, wanted=form.wanted)
    return _as_csv(trial, events)


def _as_csv(trial: Trial, events: Events) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{trial.code}-audit.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    for event in events:
        writer.writerow([neutral(text) for text in cells(event)])
    return response


def neutral(text: str) -> str:
    """Return text no spreadsheet runs: an apostrophe stands before what looks like a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

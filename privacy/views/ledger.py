"""Who received what: the ledger of a trial."""

import datetime as dt
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from privacy.rights_forms import LedgerForm
from privacy.views.frame import Page
from privacy.views.frame import show as show_page
from trials import access
from trials.http import ActorRequest
from trials.models import Disclosure
from trials.roles import Act
from trials.views.trail import paged

PAGE = 50
_PAGE = Page("privacy_ledger.html", "ledger")


@require_GET
def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.LEDGER_VIEW)
    form = LedgerForm(request.GET)
    rows = Disclosure.objects.filter(trial=trial)
    if form.is_valid():
        rows = rows.filter(_wanted(form.cleaned_data))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return show_page(request, trial, _PAGE, paged(page, request.GET) | {"form": form})


def _wanted(told: dict[str, Any]) -> Q:
    wanted = Q()
    if told["kind"]:
        wanted &= Q(kind=told["kind"])
    if told["subject"]:
        wanted &= Q(subjects__contains=f" {told['subject']} ")
    if told["recipient"]:
        wanted &= Q(recipient__icontains=told["recipient"])
    if told["since"]:
        wanted &= Q(at__gte=_midnight(told["since"]))
    if told["until"]:
        wanted &= Q(at__lt=_midnight(told["until"]) + dt.timedelta(days=1))
    return wanted


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)

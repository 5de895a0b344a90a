"""The file of breaches: the clock, who is affected, who received their data, and every step."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from privacy import selectors
from privacy.models import Breach, BreachEntry
from privacy.rights_forms import BreachForm, EntryForm
from privacy.services import breaches
from privacy.views.frame import Page
from privacy.views.frame import show as show_page
from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import attempt

_LIST = Page("privacy_breaches.html", "breach-list")
_ONE = Page("privacy_breach.html", "breach-list")


@require_http_methods(["GET", "HEAD", "POST"])
def show_all(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.BREACH_HANDLE)
    if request.method != "POST":
        return _list(request, trial, BreachForm())
    form = BreachForm(request.POST)
    made = attempt(form, lambda: breaches.open_breach(by=request.actor, trial=trial, **form.cleaned_data))
    if made is None:
        return _list(request, trial, form)
    messages.success(request, _("The breach is recorded. The authority is told within 72 hours of having known it."))
    return redirect("breach", trial.code, made.pk)


def _list(request: ActorRequest, trial: Trial, form: BreachForm) -> HttpResponse:
    rows = Breach.objects.filter(trial=trial).prefetch_related("entries")
    context = {"form": form, "rows": [(row, selectors.clock_of(row)) for row in rows]}
    return show_page(request, trial, _LIST, context, status=400 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    rows = access.visible(request.actor, Breach.objects.select_related("trial"))
    breach = get_object_or_404(rows, trial__code=code, pk=pk)
    form = EntryForm(initial=EntryForm.now())
    if request.method == "POST":
        form = EntryForm(request.POST)
        if attempt(form, lambda: _note(request, breach, form)):
            messages.success(request, _("The entry is added."))
            return redirect("breach", code, pk)
    context = {
        "breach": breach,
        "clock": selectors.clock_of(breach),
        "is_closed": selectors.is_closed(breach),
        "subjects": breaches.subjects_in(breach),
        "recipients": selectors.recipients_in(breach),
        "form": form,
    }
    return show_page(request, breach.trial, _ONE, context, status=400 if form.is_bound else 200)


def _note(request: ActorRequest, breach: Breach, form: EntryForm) -> BreachEntry:
    told = form.cleaned_data
    return breaches.note(
        by=request.actor,
        breach=breach,
        kind=BreachEntry.Kind(told["kind"]),
        happened_at=told["happened_at"],
        text=told["text"],
    )

"""The History page of every record: a line a field, old and new, who, in which role, when and why (A02, A04, A06)."""

from django import forms
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy as __
from django.views.decorators.http import require_GET

from audit.lines import lines
from audit.selectors import Events, actors_of, changes_of, histories
from audit.wording import named, watched_fields
from config import records
from trials import access
from trials.http import ActorRequest
from trials.trail_forms import offer
from trials.views.trail import paged

# Events; each has as many lines as fields.
PAGE = 25


class HistoryForm(forms.Form):
    """The filter of a history: one field, one person, or both."""

    field = forms.ChoiceField(label=__("Field"), required=False)
    person = forms.ChoiceField(label=__("Who"), required=False)

    def __init__(self, told: QueryDict, *, kinds: list[type[Model]], people: dict[str, str]) -> None:
        super().__init__(told)
        offer(self, "field", [(named(kind._meta.verbose_name), _columns(kind)) for kind in kinds])
        offer(self, "person", list(people.items()))

    def narrow(self, events: Events) -> Events:
        """Return what is asked for; everything where the filter cannot be read, and the page says so."""
        if not self.is_valid():
            return events
        if person := self.cleaned_data["person"]:
            events = events.filter(actor_id=person)
        if chosen := self.cleaned_data["field"]:
            label, column = chosen.split(":")
            events = changes_of(events, label=label, column=column)
        return events


def _columns(kind: type[Model]) -> list[tuple[str, str]]:
    label = kind._meta.label
    return [(f"{label}:{field.column}", named(field.verbose_name)) for field in watched_fields(kind)]


@require_GET
def show(request: ActorRequest, kind: str, key: str) -> HttpResponse:
    obj = records.find(request.actor, kind=kind, key=key)
    record = records.RECORDS[kind]
    events = histories(records.things(request.actor, obj))
    form = HistoryForm(request.GET, kinds=records.models_of(record), people=actors_of(events))
    page = Paginator(form.narrow(events).order_by("-sequence"), PAGE).get_page(request.GET.get("page"))
    context = paged(page, request.GET) | {
        "object": obj,
        "trial": records.trial_of(obj),
        "names_sites": access.may_name_sites(request.actor, records.trial_of(obj)),
        "zone": records.zone_of(obj),
        "back": records.page_of(request.actor, obj),
        "kind": kind,
        "form": form,
        "lines": lines(page.object_list),
    }
    return render(request, "history.html", context)

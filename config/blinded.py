"""The history of a read as its blinded reader sees it: what they did, by minutes, and nothing that unblinds (A13).

Everything shown is named here. Dates, subject, site, other people and machines have no way onto the page.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from audit import acts
from audit.lines import Change, row_changes
from audit.selectors import histories
from audit.wording import Names
from config import records
from endpoints.models import Lesion, Read
from endpoints.views.desk import own_read
from trials.http import ActorRequest
from trials.views.trail import paged

PAGE = 25
_MINUTE = 60
_ROW = "row"
_LESION = "endpoints.Lesion"
# The only columns whose values are shown; those that point elsewhere or hold a time are none of them.
_SHOWN = {
    _LESION: ("label", "kind", "organ", "is_node"),
    "endpoints.Measurement": ("state", "quantity", "value", "unit"),
    "endpoints.Read": ("state", "comment"),
}
# The only acts that are named.
_ACTS = frozenset(
    {
        "read.opened",
        "lesion.named",
        "lesion.measured",
        "lesion.removed",
        "record.signed",
        "signature.refused",
        "signature.failed",
        "signature.locked",
        "read.locked",
        "row.added",
        "row.changed",
        "row.removed",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event: whole minutes after the case was opened, by whom in general, and what."""

    minutes: int
    who: str
    act: str
    lesion: str
    changes: tuple[Change, ...]
    reason: str


@require_GET
def show(request: ActorRequest, pk: UUID) -> HttpResponse:
    read = own_read(request, pk)
    things = {label: keys for label, keys in records.things(request.actor, read).items() if label in _SHOWN}
    events = histories(things).filter(act__in=_ACTS).order_by("-sequence")
    page = Paginator(events, PAGE).get_page(request.GET.get("page"))
    context = paged(page, request.GET) | {"case": read.assignment, "steps": _steps(read, page.object_list)}
    return render(request, "read_history.html", context)


def _steps(read: Read, events: Iterable[Any]) -> list[Step]:
    own = Lesion.objects.filter(reader=read.assignment.reader_id).values_list("pk", "label")
    labels, names = {str(pk): label for pk, label in own}, Names()
    return [_step(read, event, labels, names) for event in events]


def _step(read: Read, event: Any, labels: dict[str, str], names: Names) -> Step:
    is_own = event.actor_id == read.assignment.reader.get_username()
    is_row = event.layer == _ROW
    return Step(
        minutes=max(int((event.at - read.started_at).total_seconds()) // _MINUTE, 0),
        who=_("you") if is_own else _("the core laboratory"),
        act=acts.words(event.act),
        lesion=_lesion(event, labels),
        changes=row_changes(event, names, only=_SHOWN[event.object_type]) if is_row else (),
        reason=event.reason if is_own else "",
    )


def _lesion(event: Any, labels: dict[str, str]) -> str:
    """Return the label of the lesion an event is about; one that was taken back is known by the trail alone."""
    told = json.loads(event.after or "{}") or json.loads(event.before or "{}")
    if event.object_type == _LESION:
        return str(told.get("label") or labels.get(event.object_id, ""))
    # A row names it by key, an act by label.
    return labels.get(str(told.get("lesion_id")), str(told.get("lesion") or ""))

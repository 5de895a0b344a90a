"""The tabs inside a trial's privacy pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act


@dataclass(frozen=True, slots=True)
class Room:
    """A page beside the others: the act that shows it, and the view it opens."""

    label: Any
    act: Act
    view: str


ROOMS = (
    Room(_("Clocks"), Act.LEDGER_VIEW, "privacy"),
    Room(_("Requests"), Act.LEDGER_VIEW, "request-list"),
    Room(_("Erasures"), Act.LEDGER_VIEW, "erasure-list"),
    Room(_("Ledger"), Act.LEDGER_VIEW, "ledger"),
    Room(_("Secondary use"), Act.SECONDARY_EXPORT, "secondary"),
    Room(_("Breaches"), Act.BREACH_HANDLE, "breach-list"),
    Room(_("Register"), Act.LEDGER_VIEW, "register"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """Which template shows a trial, and in which of the rooms it stands."""

    template: str
    room: str


def show(
    request: ActorRequest, trial: Trial, page: Page, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page with the rooms its visitor may enter."""
    acts = access.acts_in(request.actor, trial)
    frame = {
        "trial": trial,
        "rooms": [room for room in ROOMS if room.act in acts],
        "current_room": page.room,
        "may_handle": Act.REQUEST_HANDLE in acts,
        "may_erase": Act.ERASURE_DECIDE in acts,
    }
    return render(request, page.template, frame | dict(context), status=status)


def handed_out(data: bytes, *, name: str, kind: str) -> HttpResponse:
    """Answer with a file to save."""
    return HttpResponse(data, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})

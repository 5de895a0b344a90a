"""My work, the pulse, and the page for our own faults."""

from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from config.desk import desks, reads_waiting
from imaging.services import reserve
from privacy.services.reapplying import is_clear
from privacy.services.tombstones import TombstonesDamaged
from trials.access import scopes
from trials.http import ActorRequest
from trials.roles import Role

INSTANCE_HEADER = "X-Corelab-Instance"


def home(request: ActorRequest) -> HttpResponse:
    """Whoever only sends scans finds a site's first page here; the others, what waits for them."""
    shown = desks(request.actor)
    sends_only = bool(shown) and all(scope.role is Role.SITE_STAFF for scope in scopes(request.actor))
    context = {"desks": shown, "reads": reads_waiting(request.actor), "sends_only": sends_only}
    return render(request, "home.html", context)


@login_not_required
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer that this process serves pages, and of which run it is; 503 while a backup's erased data are back.

    A second line says where new images are refused for want of room.
    """
    headers = {INSTANCE_HEADER: settings.INSTANCE}
    if not _is_clear():
        words = "erasures must be carried out again: manage.py reapply_erasures\n"
        return HttpResponse(words, status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain", headers=headers)
    words = f"no room for new images: less than {settings.RESERVE} MB are free\n" if reserve.is_reached() else ""
    return HttpResponse(f"ok\n{words}", content_type="text/plain", headers=headers)


def _is_clear() -> bool:
    try:
        return is_clear()
    except TombstonesDamaged:
        return False


def server_error(request: HttpRequest) -> HttpResponse:
    """Render without request and database, either of which may be what failed."""
    page = render_to_string("500.html", {"request_id": getattr(request, "request_id", "")})
    return HttpResponse(page, status=500)

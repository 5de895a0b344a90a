"""Set up DICOM: what a site's IT enters on the scanner, a test call in words, and who called last."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.http.request import split_domain_port
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from imaging.models import Door, Echo
from imaging.services import doors, lines
from trials import access
from trials.http import ActorRequest
from trials.models import TrialSite
from trials.roles import Act


@require_http_methods(["GET", "HEAD", "POST"])
def site_dicom(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    """Show how a site's sender is set up; a POST asks for a test call to it."""
    trial = access.visible_trial(request.actor, code)
    seen = access.visible(request.actor, TrialSite.objects.filter(trial=trial).select_related("site", "trial"))
    site = get_object_or_404(seen, pk=pk)
    access.require(request.actor, Act.SITE_NAME, site)
    if request.method == "POST":
        return _test(request, site)
    return render(request, "site_dicom.html", _context(request, site))


def _test(request: ActorRequest, site: TrialSite) -> HttpResponse:
    try:
        lines.ask_echo(by=request.actor, trial_site=site)
        messages.success(request, _("The test call was asked for; what came of it is told below."))
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
    return redirect("site-dicom", code=site.trial.code, pk=site.pk)


def _context(request: ActorRequest, site: TrialSite) -> dict[str, Any]:
    echo = site.echoes.first()
    waits = echo is not None and echo.result == Echo.Result.WAITING and not lines.is_given_up(echo)
    host, _port = split_domain_port(request.get_host())
    return {
        "trial": site.trial,
        "site": site,
        "node": {"ae_title": settings.DICOM_AE_TITLE, "host": host, "port": settings.DICOM_PORT},
        "has_tls": bool(settings.DICOM_TLS_CERTIFICATE),
        "is_local": settings.BIND_ADDRESS in ("127.0.0.1", "::1", "localhost"),
        "is_open": doors.is_open(site),
        "door": Door.objects.filter(trial_site=site).first(),
        "may_test": access.may(request.actor, Act.SENDING_GRANT, site),
        "may_edit": access.may(request.actor, Act.TRIAL_EDIT, site),
        "echo": echo,
        "echo_waits": waits,
        "echo_words": _words(echo, waits=waits),
        "calls": site.calls.all()[: lines.KEPT],
    }


def _words(echo: Echo | None, *, waits: bool) -> str:
    if echo is None:
        return ""
    is_lost = echo.result == Echo.Result.WAITING and not waits
    return str(Echo.Result.NOT_TRIED.label if is_lost else echo.get_result_display())

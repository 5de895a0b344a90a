"""Binding a site's DICOM sender to its certificate and its networks."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from imaging.forms import DoorForm
from imaging.models import Door
from imaging.services import doors
from trials import access
from trials.http import ActorRequest
from trials.models import TrialSite
from trials.roles import Act
from trials.views.pages import FormPage, attempt, show_form, typed


@require_http_methods(["GET", "HEAD", "POST"])
def site_door(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    seen = access.visible(request.actor, TrialSite.objects.filter(trial=trial).select_related("site", "trial"))
    site = get_object_or_404(seen, pk=pk)
    access.require(request.actor, Act.TRIAL_EDIT, site)
    form = DoorForm(typed(request), initial=_standing(site))
    if form.is_bound and attempt(form, lambda: _bind(request, site, form)) is not None:
        messages.success(request, _("The DICOM sender of the site was bound as you said."))
        return redirect("site-list", code=trial.code)
    return show_form(request, form=form, page=_page(site))


def _standing(site: TrialSite) -> dict[str, Any]:
    door = Door.objects.filter(trial_site=site).first()
    if door is None:
        return {}
    networks = "\n".join(door.networks)
    return {"certificate": door.certificate_sha256, "networks": networks, "host": door.host, "port": door.port}


def _bind(request: ActorRequest, site: TrialSite, form: DoorForm) -> Door:
    told = form.cleaned_data
    return doors.bind(
        by=request.actor,
        trial_site=site,
        binding=binding_of(told),
        reason=told["reason"],
    )


def binding_of(told: Mapping[str, Any]) -> doors.Binding:
    """What the fields of a form say that a name is bound to."""
    return doors.Binding(
        certificate=told["certificate"],
        networks=told["networks"].split(),
        host=told["host"],
        port=told["port"],
    )


def _page(site: TrialSite) -> FormPage:
    return FormPage(
        heading=_("DICOM sender of site %(number)s") % {"number": site.number},
        intro=_(
            "What stands here must be true of a caller before the AE title is believed; an empty field binds nothing. "
            "A certificate can be shown only where the operator has set up TLS for the DICOM node."
        ),
        submit=_("Bind the sender"),
        back=reverse("site-list", args=[site.trial.code]),
        trial=site.trial,
    )

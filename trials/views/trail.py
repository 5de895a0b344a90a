"""The audit page of a trial and its export."""

from typing import Any

from django.apps import apps
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audit.actor import Actor
from audit.lines import lines
from audit.selectors import Wanted, people_in
from audit.wording import named
from trials import access
from trials.http import ActorRequest
from trials.models import Trial, User
from trials.roles import Act
from trials.services import trail
from trials.trail_forms import TrailForm

PAGE = 50
_TYPES = {trail.Form.CSV: "text/csv; charset=utf-8", trail.Form.JSON_LINES: "application/x-ndjson"}


def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    form = trail_form(request, trial)
    asked = form.wanted if form.is_valid() else Wanted(layer="act")
    sight = trail.see(request.actor, trial, asked)
    page = Paginator(sight.events, PAGE).get_page(request.GET.get("page"))
    acts = access.acts_in(request.actor, trial)
    context = paged(page, request.GET) | {
        "trial": trial,
        "form": form,
        "asked": {name: value for name, value in form.data.items() if name in form.fields},
        "lines": lines(sight.told(page.object_list)),
        "may_mask": Act.TRAIL_MASK in acts,
        "sees": _extent(acts),
        "may_review": Act.HISTORY_VIEW in acts,
    }
    return render(request, "trial_audit.html", context)


def _extent(acts: frozenset[Act]) -> Act:
    """Return the act by which the trail is looked at: the widest that a role of the actor includes."""
    wide = (Act.AUDIT_VIEW, Act.TRAIL_SITE, Act.TRAIL_VEILED)
    return next((act for act in wide if act in acts), Act.TRAIL_OWN)


def paged(page: "Page[Any]", asked: QueryDict, *, name: str = "page") -> dict[str, Any]:
    """Return what `_pager.html` shows: the page that `name` asks for, and the address's other words for its links."""
    query = asked.copy()
    query.pop(name, None)
    return {"page": page, "query": query.urlencode()}


def trail_form(request: ActorRequest, trial: Trial) -> TrailForm:
    """Return the filter as it was sent; it offers whom its reader may know, and no search in what is veiled."""
    told = request.POST if request.method == "POST" else request.GET
    extent = _extent(access.acts_in(request.actor, trial))
    form = TrailForm(told, people=_people(request.actor, trial, extent), kinds=_kinds())
    if extent is Act.TRAIL_VEILED:
        del form.fields["text"]
    return form


def _people(actor: Actor, trial: Trial, extent: Act) -> dict[str, str]:
    """Everybody who ever held a role here, and whoever else acted of late, machines among them, as far as shown."""
    if extent in (Act.TRAIL_OWN, Act.TRAIL_VEILED):
        return {actor.id: actor.name}
    acted = people_in(trail.see(actor, trial, Wanted()).events)
    if extent is Act.TRAIL_SITE:
        return acted
    seated = User.objects.filter(memberships__trial=trial).distinct()
    return acted | {user.get_username(): f"{user} ({user.get_username()})" for user in seated}


def _kinds() -> dict[str, str]:
    """Every kind of object that belongs to a trial; no trail of millions is asked which of them it holds."""
    return {model._meta.label: named(model._meta.verbose_name) for model in apps.get_models() if hasattr(model, "road")}


@require_POST
def export(request: ActorRequest, code: str) -> HttpResponseBase:
    trial = access.visible_trial(request.actor, code)
    trail.see(request.actor, trial, Wanted())
    form = trail_form(request, trial)
    shape = request.POST.get("form", trail.Form.CSV)
    if not form.is_valid() or shape not in _TYPES:
        return HttpResponse(
            _("This filter cannot be read: nothing was exported."), status=400, content_type="text/plain"
        )
    taken = trail.export(by=request.actor, trial=trial, wanted=form.wanted, form=trail.Form(shape))
    response = StreamingHttpResponse(taken.pieces, content_type=_TYPES[trail.Form(shape)])
    response["Content-Disposition"] = f'attachment; filename="{trial.code}-audit.{shape}"'
    return response

"""The audit page of a trial and its export."""

from typing import Any

from django.apps import apps
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audit.lines import lines
from audit.selectors import Wanted, people_in, trial_events
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
    _by, wanted = trail.reachable(request.actor, trial, asked)
    page = Paginator(trial_events(trial_code=trial.code, wanted=wanted), PAGE).get_page(request.GET.get("page"))
    context = paged(page, request.GET) | {
        "trial": trial,
        "form": form,
        "asked": {name: value for name, value in form.data.items() if name in form.fields},
        "lines": lines(page.object_list),
        "may_mask": Act.TRAIL_MASK in access.acts_in(request.actor, trial),
        "sees_all": _sees_all(request, trial),
        "may_review": Act.HISTORY_VIEW in access.acts_in(request.actor, trial),
    }
    return render(request, "trial_audit.html", context)


def paged(page: "Page[Any]", asked: QueryDict) -> dict[str, Any]:
    """Return what `_pager.html` shows: the page, and the address's other words for its links."""
    query = asked.copy()
    query.pop("page", None)
    return {"page": page, "query": query.urlencode()}


def trail_form(request: ActorRequest, trial: Trial) -> TrailForm:
    """Return the filter as it was sent; who sees their own acts alone is offered no other people."""
    told = request.POST if request.method == "POST" else request.GET
    people = _people(trial) if _sees_all(request, trial) else {request.actor.id: request.actor.name}
    return TrailForm(told, people=people, kinds=_kinds())


def _sees_all(request: ActorRequest, trial: Trial) -> bool:
    return Act.AUDIT_VIEW in access.acts_in(request.actor, trial)


def _people(trial: Trial) -> dict[str, str]:
    """Everybody who ever held a role here, and whoever else acted of late, machines among them."""
    seated = User.objects.filter(memberships__trial=trial).distinct()
    return people_in(trial.code) | {user.get_username(): f"{user} ({user.get_username()})" for user in seated}


def _kinds() -> dict[str, str]:
    """Every kind of object that belongs to a trial; no trail of millions is asked which of them it holds."""
    return {model._meta.label: str(model._meta.verbose_name) for model in apps.get_models() if hasattr(model, "road")}


@require_POST
def export(request: ActorRequest, code: str) -> HttpResponseBase:
    trial = access.visible_trial(request.actor, code)
    trail.reachable(request.actor, trial, Wanted())
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

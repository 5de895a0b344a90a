"""The core lab's DICOM tools of a trial: who may ask the archive over the line, and how that ends."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from imaging.forms import ReasonForm, ToolForm
from imaging.models import Tool
from imaging.services import tools
from imaging.views.doors import binding_of
from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import FormPage, attempt, show_form, typed

_PROPOSED = dt.timedelta(days=180)


@require_http_methods(["GET", "HEAD", "POST"])
def tool_list(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.TOOL_GRANT)
    proposed = {"ends_on": timezone.localdate() + _PROPOSED}
    form = ToolForm(typed(request), holders=tools.holders_of(trial), initial=proposed)
    if form.is_bound and attempt(form, lambda: _register(request, trial, form.cleaned_data)) is not None:
        messages.success(request, _("The tool is registered: it may call from now on."))
        return redirect("tool-list", trial.code)
    rows = access.visible(request.actor, Tool.objects.filter(trial=trial)).select_related("holder")
    lines = [(tool, _state(tool)) for tool in rows]
    context = {"trial": trial, "lines": lines, "form": form}
    return render(request, "tool_list.html", context, status=400 if form.is_bound else 200)


def _state(tool: Tool) -> str:
    if tool.revoked_at is not None:
        return "revoked"
    return "ended" if tool.ends_on < timezone.localdate() else "in-force"


def _register(request: ActorRequest, trial: Trial, told: dict[str, Any]) -> Tool:
    new = tools.NewTool(
        label=told["label"],
        ae_title=told["ae_title"],
        holder=told["holder"],
        purpose=Tool.Purpose(told["purpose"]),
        binding=binding_of(told),
        ends_on=told["ends_on"],
        reason=told["reason"],
    )
    return tools.register(by=request.actor, trial=trial, new=new)


@require_http_methods(["GET", "HEAD", "POST"])
def tool_revoke(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    rows = Tool.objects.filter(trial__code=code).select_related("trial")
    tool = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    access.require(request.actor, Act.TOOL_GRANT, tool)
    form = ReasonForm(typed(request))
    if attempt(form, lambda: _revoke(request, tool, form)):
        messages.success(
            request, _("The tool is revoked: it is refused from now on, also in the middle of a transfer.")
        )
        return redirect("tool-list", code)
    page = FormPage(
        heading=_("Revoke %(label)s") % {"label": tool.label},
        intro=_("It is refused from this moment on. What it took before is in its hands."),
        submit=_("Revoke"),
        back=reverse("tool-list", args=[code]),
        trial=tool.trial,
    )
    return show_form(request, form=form, page=page)


def _revoke(request: ActorRequest, tool: Tool, form: ReasonForm) -> bool:
    tools.revoke(by=request.actor, tool=tool, reason=form.cleaned_data["reason"])
    return True

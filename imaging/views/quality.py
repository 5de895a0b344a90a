"""The time point: what was asked for, what came, what was found, and the person's verdict."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from audit.lines import lines
from audit.selectors import history
from imaging.forms import AnswerForm, DecisionForm
from imaging.models import QCDecision, Query, Submission
from imaging.selectors import latest_decision, latest_findings, series_of
from imaging.services import quality
from trials import access
from trials.http import ActorRequest
from trials.models import TimePoint
from trials.roles import Act


def _time_point(request: ActorRequest, pk: int) -> TimePoint:
    rows = TimePoint.objects.select_related(
        "subject__trial_site__trial", "subject__trial_site__site", "scheduled__charter"
    )
    return get_object_or_404(access.visible(request.actor, rows), pk=pk)


def _context(request: ActorRequest, point: TimePoint) -> dict[str, Any]:
    may_decide = access.may(request.actor, Act.QC_DECIDE, point)
    open_to_verdict = point.state in (TimePoint.State.RECEIVED, TimePoint.State.QUERIED)
    return {
        "time_point": point,
        "trial": point.subject.trial_site.trial,
        "requirements": point.scheduled.requirements.all(),
        "series": access.visible(request.actor, series_of(point)),
        "findings": latest_findings(point),
        "decision": latest_decision(point),
        "deliveries": access.visible(request.actor, Submission.objects.filter(time_point=point)),
        "queries": access.visible(request.actor, point.queries.prefetch_related("messages")),
        "decision_form": _decision_form(point) if may_decide and open_to_verdict else None,
        "answer_form": AnswerForm() if access.may(request.actor, Act.SUBMISSION_SEND, point) else None,
        "may_send": access.may(request.actor, Act.SUBMISSION_SEND, point) and point.state != TimePoint.State.ACCEPTED,
        "lines": lines(history(point)) if access.may(request.actor, Act.AUDIT_VIEW, point) else None,
    }


def _decision_form(point: TimePoint) -> DecisionForm:
    return DecisionForm(initial={"seen": quality.shown_sha256(point)})


@require_GET
def time_point(request: ActorRequest, pk: int) -> HttpResponse:
    return render(request, "time_point.html", _context(request, _time_point(request, pk)))


@require_POST
def qc_decide(request: ActorRequest, pk: int) -> HttpResponse:
    point = _time_point(request, pk)
    access.require(request.actor, Act.QC_DECIDE, point)
    form = DecisionForm(request.POST.dict())
    if form.is_valid():
        told = dict(form.cleaned_data)
        verdict = QCDecision.Verdict(told.pop("verdict"))
        try:
            quality.decide(by=request.actor, time_point=point, verdict=verdict, **told)
            messages.success(request, _("Your verdict was signed and recorded."))
            return redirect("time-point", pk=pk)
        except ValidationError as error:
            form.add_error(None, error)
            # The page below shows how things stand now; so does the hash that is signed next.
            form.data = {**form.data, "seen": quality.shown_sha256(point)}
    return render(request, "time_point.html", _context(request, point) | {"decision_form": form}, status=400)


@require_POST
def query_answer(request: ActorRequest, pk: int) -> HttpResponse:
    rows = Query.objects.select_related("time_point__subject__trial_site__trial")
    query = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    access.require(request.actor, Act.SUBMISSION_SEND, query.time_point)
    form = AnswerForm(request.POST)
    if form.is_valid():
        try:
            quality.answer(by=request.actor, query=query, text=form.cleaned_data["text"])
            messages.success(request, _("Your answer was sent to the quality desk."))
            return redirect("time-point", pk=query.time_point_id)
        except ValidationError as error:
            form.add_error(None, error)
    point = _time_point(request, query.time_point_id)
    return render(request, "time_point.html", _context(request, point) | {"answer_form": form}, status=400)

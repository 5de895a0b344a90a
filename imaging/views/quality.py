"""The time point: what was asked for, what came, what was found, and the person's verdict."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.selectors import signature_of
from imaging.forms import AnswerForm, DecisionForm
from imaging.models import QCDecision, Query, Submission
from imaging.selectors import latest_decision, latest_findings, marked, series_of
from imaging.services import quality
from trials import access
from trials.ceremony import Ceremony, hold, is_signed
from trials.http import ActorRequest
from trials.models import TimePoint
from trials.roles import Act
from trials.views.pages import attempt

VERDICT = QCDecision.Verdict
_AFTER = {
    VERDICT.ACCEPTED: __("The scan can be read after that, and the time point takes no other one."),
    VERDICT.QUERIED: __("The site reads your comment. It can answer, or send the scan again."),
    VERDICT.REFUSED: __("The site reads your comment. The scan is not read; the site can send another one."),
}


def _time_point(request: ActorRequest, pk: int) -> TimePoint:
    rows = TimePoint.objects.select_related(
        "subject__trial_site__trial", "subject__trial_site__site", "scheduled__charter"
    )
    return get_object_or_404(access.visible(request.actor, rows), pk=pk)


def _context(request: ActorRequest, point: TimePoint) -> dict[str, Any]:
    may_decide = access.may(request.actor, Act.QC_DECIDE, point)
    decision = latest_decision(point)
    return {
        "time_point": point,
        "trial": point.subject.trial_site.trial,
        "requirements": point.scheduled.requirements.all(),
        "series": access.visible(request.actor, series_of(point)),
        "findings": latest_findings(point),
        "decision": decision,
        "signature": signature_of(decision.signature_id) if decision else None,
        "is_void": decision is not None and not quality.is_as_signed(decision),
        "deliveries": access.visible(request.actor, marked(Submission.objects.filter(time_point=point))),
        "queries": access.visible(request.actor, point.queries.prefetch_related("messages")),
        "decision_form": _decision_form(point) if may_decide and _waits_for_verdict(point) else None,
        "answer_form": AnswerForm() if access.may(request.actor, Act.SUBMISSION_SEND, point) else None,
        "may_send": access.may(request.actor, Act.SUBMISSION_SEND, point) and point.state != TimePoint.State.ACCEPTED,
    }


def _waits_for_verdict(point: TimePoint) -> bool:
    return point.state in (TimePoint.State.RECEIVED, TimePoint.State.QUERIED)


def _decision_form(point: TimePoint) -> DecisionForm:
    return DecisionForm(initial={"seen": quality.shown_sha256(point)})


@require_GET
def time_point(request: ActorRequest, pk: int) -> HttpResponse:
    return render(request, "time_point.html", _context(request, _time_point(request, pk)))


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def qc_decide(request: ActorRequest, pk: int) -> HttpResponse:
    """Lead from the verdict to the signing page, and sign there; a verdict that cannot be signed is told at once."""
    point = _time_point(request, pk)
    access.require(request.actor, Act.QC_DECIDE, point)
    if request.method != "POST" or not _waits_for_verdict(point):
        return _not_now(request, point)
    form = DecisionForm(request.POST.dict())
    if not form.is_valid():
        return _ask_again(request, point, form)
    ceremony = _ceremony(request, point, form.cleaned_data)
    if not is_signed(request) and attempt(form, ceremony.offered) is None:
        return _ask_again(request, point, form)
    return hold(request, ceremony, done=lambda _decision: _decided(request, point))


def _ask_again(request: ActorRequest, point: TimePoint, form: DecisionForm) -> HttpResponse:
    # The page shows how things stand now; so does the hash that is signed next.
    form.data = {**form.data, "seen": quality.shown_sha256(point)}
    return render(request, "time_point.html", _context(request, point) | {"decision_form": form}, status=400)


def _not_now(request: ActorRequest, point: TimePoint) -> HttpResponse:
    if not _waits_for_verdict(point):
        told = {"state": point.get_state_display()}
        messages.error(request, _("This time point is “%(state)s” now: it waits for no verdict.") % told)
    return redirect("time-point", pk=point.pk)


def _ceremony(request: ActorRequest, point: TimePoint, told: dict[str, Any]) -> Ceremony:
    verdict, comment = VERDICT(told["verdict"]), told["comment"]
    return Ceremony(
        heading=_("Sign the verdict"),
        what=_("Your verdict “%(verdict)s” on %(point)s: the images by hash, what the checks found, and your comment.")
        % {"verdict": verdict.label, "point": point},
        submit=_("Sign the verdict"),
        back=reverse("time-point", args=[point.pk]),
        offered=lambda: quality.offer_decision(
            by=request.actor, time_point=point, verdict=verdict, comment=comment, seen=told["seen"]
        ),
        signed=lambda proof: quality.decide(
            by=request.actor, time_point=point, verdict=verdict, comment=comment, proof=proof
        ),
        trial=point.subject.trial_site.trial,
        carried=told,
        after=str(_AFTER[verdict]),
    )


def _decided(request: ActorRequest, point: TimePoint) -> HttpResponse:
    messages.success(request, _("Your verdict was signed and recorded."))
    return redirect("time-point", pk=point.pk)


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

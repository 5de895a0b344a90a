"""Sending a scan, following it, and what people do with deliveries that wait."""

from typing import Any
from uuid import UUID

from csp.constants import WASM_UNSAFE_EVAL
from csp.decorators import csp_update
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from imaging import acceptance, progress
from imaging.equipment import equipment
from imaging.forms import AssignForm, ReasonForm, SendForm, SubjectCodeForm
from imaging.models import Query, Resend, Submission
from imaging.selectors import submissions_of
from imaging.services import conflicts, desk, resending, sending, sorting
from imaging.views import custody
from imaging.views.sorting import side_by_side
from trials import access
from trials.http import ActorRequest, status_of
from trials.models import TimePoint, Trial
from trials.roles import Act
from trials.views.pages import attempt
from trials.views.trail import paged

# htmx stops polling on this status.
STOP_POLLING = 286
PAGE = 100
# Deliveries parted from one that are named on its page; of a cohort there may be a thousand.
PARTS = 20


def _trial(request: ActorRequest, code: str) -> Trial:
    return get_object_or_404(access.visible(request.actor, Trial.objects.all()), code=code)


def _delivery(request: ActorRequest, pk: UUID) -> Submission:
    rows = Submission.objects.select_related(
        "trial_site__trial", "trial_site__site", "time_point__subject", "time_point__scheduled"
    )
    return get_object_or_404(access.visible(request.actor, rows), pk=pk)


@require_GET
def submission_list(request: ActorRequest, code: str) -> HttpResponse:
    trial = _trial(request, code)
    access.require_in(request.actor, Act.SUBMISSION_VIEW, trial)
    rows = access.visible(request.actor, submissions_of(trial)).order_by("-state_since", "pk")
    waits = Q(state__in=(Submission.State.UNASSIGNED, Submission.State.QUARANTINED))
    return render(
        request,
        "submission_list.html",
        {
            "trial": trial,
            "waiting": _page(request, rows.filter(waits), name="waiting"),
            "others": _page(request, rows.exclude(waits), name="page"),
            "may_review": Act.PIXEL_REVIEW in access.acts_in(request.actor, trial),
            "sees_quarantine": Act.QUARANTINE_VIEW in access.acts_in(request.actor, trial),
            "may_set_room": Act.TRIAL_EDIT in access.acts_in(request.actor, trial),
            "has_trouble": custody.has_trouble(request.actor, trial),
        },
    )


def _page(request: ActorRequest, rows: QuerySet[Submission], *, name: str) -> dict[str, Any]:
    """A page of deliveries: of a retrospective cohort some thousand may wait at once."""
    return paged(Paginator(rows, PAGE).get_page(request.GET.get(name)), request.GET, name=name)


def _open_time_points(request: ActorRequest, trial: Trial) -> QuerySet[TimePoint]:
    """The visits a scan may still come for, of the sites the person sends for."""
    rows = TimePoint.objects.filter(subject__trial_site__trial=trial).exclude(state=TimePoint.State.ACCEPTED)
    mine = access.within(request.actor, rows, act=Act.SUBMISSION_SEND)
    return mine.select_related("subject", "scheduled").order_by("due_on", "subject__code")


# Its worker cleans scans with WebAssembly, for which some browsers ask the page as well.
@csp_update({"script-src": [WASM_UNSAFE_EVAL]})  # type: ignore[arg-type]  # it knows Django's own request alone
def send(request: ActorRequest, code: str) -> HttpResponse:
    """The page that sends a scan in six steps; its POST serves browsers without JavaScript."""
    trial = _trial(request, code)
    access.require_in(request.actor, Act.SUBMISSION_SEND, trial)
    visits = _open_time_points(request, trial)
    subject_form = SubjectCodeForm(request.GET if "subject" in request.GET else None, time_points=visits)
    if subject_form.is_found:
        visits = visits.filter(subject__code=subject_form.cleaned_data["subject"])
    form = SendForm(request.POST or None, time_points=visits, initial={"time_point": _asked_for(request, visits)})
    context = {"trial": trial, "form": form, "subject_form": subject_form, "expects_scans": visits.exists()}
    context["equipment"] = equipment()
    if request.method == "POST" and form.is_valid():
        return _send_plainly(request, form, context)
    is_piece = "hx-request" in request.headers
    return render(request, "_send_visits.html" if is_piece else "send.html", context)


def _asked_for(request: ActorRequest, visits: QuerySet[TimePoint]) -> str:
    """The visit that a link names, or the only one there is."""
    asked = request.GET.get("time_point", "")
    if asked.isdecimal():
        return asked
    first = list(visits[:2]) if "subject" in request.GET else []
    return str(first[0].pk) if len(first) == 1 else ""


def _send_plainly(request: ActorRequest, form: SendForm, context: dict[str, Any]) -> HttpResponse:
    uploads = [upload.read() for upload in request.FILES.getlist("files")]
    try:
        delivery = sending.send_whole(by=request.actor, time_point=form.cleaned_data["time_point"], files=uploads)
    except ValidationError as error:
        form.add_error(None, error)
        return render(request, "send.html", context, status=status_of(error))
    return redirect("submission", pk=delivery.pk)


def _delivery_context(request: ActorRequest, delivery: Submission) -> dict[str, Any]:
    may_assign = access.may(request.actor, Act.SUBMISSION_ASSIGN, delivery)
    may_discard = access.may(request.actor, Act.SUBMISSION_DISCARD, delivery)
    told = progress.describe(delivery)
    resend = resending.standing(delivery)
    waits = may_assign and delivery.state == Submission.State.UNASSIGNED
    kept = delivery.state in (
        Submission.State.UNASSIGNED,
        Submission.State.QUARANTINED,
        Submission.State.RECEIVING,
        Submission.State.REVIEW,
    )
    return {
        "delivery": delivery,
        "trial": delivery.trial_site.trial,
        "progress": told,
        "is_certified": delivery.certificates.exists(),
        "assign_form": _assign_form(request, delivery) if waits else None,
        "compared": side_by_side(sorting.compared(delivery, _open_visits(request, delivery))) if waits else {},
        "has_conflicts": conflicts.open_conflicts().filter(file__submission=delivery).exists(),
        "discard_form": ReasonForm() if may_discard and (kept or told["refusals"]) else None,
        "may_review": access.may(request.actor, Act.PIXEL_REVIEW, delivery),
        "sees_quarantine": access.may(request.actor, Act.QUARANTINE_VIEW, delivery),
        "resend": resend,
        "resend_form": _resend_form(request, delivery),
        "may_take_back": resend is not None and resend.state == "announced" and may_assign,
        **_parting(delivery),
        "supersedes": Resend.objects.filter(successor=delivery).select_related("submission"),
        "awaited": () if told["ended"] else resending.awaited(delivery),
        "acceptance": acceptance.of(delivery, is_superseded=resend is not None and resend.state == "done"),
        "queries": _queries(request, delivery),
    }


def _parting(delivery: Submission) -> dict[str, Any]:
    parts = delivery.parts.order_by("state_since", "pk")
    return {"parts": parts[:PARTS], "more_parts": max(0, parts.count() - PARTS)}


def _resend_form(request: ActorRequest, delivery: Submission) -> ReasonForm | None:
    may = access.may(request.actor, Act.SUBMISSION_SEND, delivery) and resending.is_open(delivery)
    return ReasonForm(prefix="resend") if may else None


def _queries(request: ActorRequest, delivery: Submission) -> QuerySet[Query]:
    rows = Query.objects.filter(time_point=delivery.time_point_id).exclude(state=Query.State.CLOSED)
    return access.visible(request.actor, rows)


def _assign_form(request: ActorRequest, delivery: Submission) -> AssignForm:
    visits = _open_visits(request, delivery).select_related("subject", "scheduled").order_by("due_on")
    return AssignForm(request.POST or None, time_points=visits)


def _open_visits(request: ActorRequest, delivery: Submission) -> QuerySet[TimePoint]:
    rows = TimePoint.objects.filter(subject__trial_site=delivery.trial_site).exclude(state=TimePoint.State.ACCEPTED)
    return access.visible(request.actor, rows)


@require_GET
def submission(request: ActorRequest, pk: UUID) -> HttpResponse:
    return render(request, "submission.html", _delivery_context(request, _delivery(request, pk)))


@require_GET
def submission_state(request: ActorRequest, pk: UUID) -> HttpResponse:
    """The fragment that polls; it stops by itself once nothing moves any more."""
    context = _delivery_context(request, _delivery(request, pk))
    if not context["progress"]["working"]:
        response = render(request, "_submission_state.html", context, status=STOP_POLLING)
        response["HX-Refresh"] = "true"
        return response
    return render(request, "_submission_state.html", context)


@require_GET
def submission_receipt(request: ActorRequest, pk: UUID) -> HttpResponse:
    delivery = _delivery(request, pk)
    receipt = progress.receipt(delivery)
    context = {
        "delivery": delivery,
        "trial": delivery.trial_site.trial,
        "receipt": receipt,
        "series": acceptance.filed_series(delivery, filed=receipt["filed"]),
    }
    return render(request, "submission_receipt.html", context)


@require_GET
def submission_certificate(request: ActorRequest, pk: UUID) -> HttpResponse:
    """What de-identification did to the delivery, to be read."""
    delivery = _delivery(request, pk)
    told = progress.certificates(delivery)
    if not told:
        raise Http404
    context = {"delivery": delivery, "trial": delivery.trial_site.trial, "runs": told}
    return render(request, "submission_certificate.html", context)


@require_POST
def submission_assign(request: ActorRequest, pk: UUID) -> HttpResponse:
    delivery = _delivery(request, pk)
    access.require(request.actor, Act.SUBMISSION_ASSIGN, delivery)
    form = _assign_form(request, delivery)
    if form.is_valid():
        try:
            desk.assign(by=request.actor, submission=delivery, time_point=form.cleaned_data["time_point"])
            return redirect("submission", pk=pk)
        except ValidationError as error:
            form.add_error(None, error)
    context = _delivery_context(request, delivery) | {"assign_form": form}
    return render(request, "submission.html", context, status=400)


@require_POST
def submission_discard(request: ActorRequest, pk: UUID) -> HttpResponse:
    delivery = _delivery(request, pk)
    access.require(request.actor, Act.SUBMISSION_DISCARD, delivery)
    form = ReasonForm(request.POST)
    if form.is_valid():
        try:
            desk.discard(by=request.actor, submission=delivery, reason=form.cleaned_data["reason"])
            messages.success(request, _("The files that lay in quarantine were destroyed with their key."))
            return redirect("submission", pk=pk)
        except ValidationError as error:
            form.add_error(None, error)
    context = _delivery_context(request, delivery) | {"discard_form": form}
    return render(request, "submission.html", context, status=400)


@require_POST
def submission_resend(request: ActorRequest, pk: UUID) -> HttpResponse:
    """Announce that the next delivery takes the place of this one, and lead to where it is sent."""
    delivery = _delivery(request, pk)
    access.require(request.actor, Act.SUBMISSION_SEND, delivery)
    form = ReasonForm(request.POST, prefix="resend")
    reason = form["reason"].data or ""
    if attempt(form, lambda: resending.announce(by=request.actor, submission=delivery, reason=reason)) is None:
        context = _delivery_context(request, delivery) | {"resend_form": form}
        return render(request, "submission.html", context, status=400)
    messages.success(request, _("The next delivery for this visit takes the place of that one. Send it now, or later."))
    code = delivery.trial_site.trial.code
    return redirect(f"{reverse('send', args=[code])}?time_point={delivery.time_point_id}")


@require_POST
def submission_keep(request: ActorRequest, pk: UUID) -> HttpResponse:
    """Take back that this delivery is to be superseded."""
    delivery = _delivery(request, pk)
    access.require(request.actor, Act.SUBMISSION_ASSIGN, delivery)
    try:
        resending.take_back(by=request.actor, submission=delivery)
        messages.success(request, _("This delivery stands as it is."))
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
    return redirect("submission", pk=pk)

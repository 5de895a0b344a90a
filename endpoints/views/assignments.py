"""Which accepted scan is read by whom, and how far each is: the coordinator gives, an inspector looks on."""

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from endpoints.forms import AssignForm
from endpoints.models import Assignment, Read, SegmentationRun
from endpoints.services import assignments
from trials import access
from trials.http import ActorRequest
from trials.models import TimePoint, Trial, User
from trials.roles import Act
from trials.views.pages import attempt, status_of_form


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderProgress:
    """How many of a reader's cases stand where."""

    name: str
    assigned: int
    drafts: int
    locked: int


@require_GET
def show(request: ActorRequest, code: str) -> HttpResponse:
    return _page(request, access.trial_for(request.actor, code, Act.READ_OVERSEE))


@require_POST
def assign(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.READ_ASSIGN)
    form = AssignForm(request.POST, readers=assignments.readers_of(trial))
    # Those not accepted yet, too: that quality control comes first is told by the service (C08).
    points = access.visible(request.actor, _time_points(trial))
    made = attempt(
        form,
        lambda: assignments.assign(
            by=request.actor,
            time_point=get_object_or_404(points, pk=form.cleaned_data["time_point"]),
            reader=form.cleaned_data["reader"],
        ),
    )
    if made is None:
        return _page(request, trial, form=form)
    messages.success(request, _("The scan is on the reader's worklist, under a case code."))
    return redirect("assignment-list", trial.code)


@require_POST
def assign_all(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.READ_ASSIGN)
    form = AssignForm(request.POST, readers=assignments.readers_of(trial))
    made = attempt(
        form, lambda: assignments.assign_all(by=request.actor, trial=trial, reader=form.cleaned_data["reader"])
    )
    if made is None:
        return _page(request, trial, form=form)
    told = ngettext("%(count)d scan was given to the reader.", "%(count)d scans were given to the reader.", len(made))
    messages.success(request, told % {"count": len(made)})
    return redirect("assignment-list", trial.code)


def _page(request: ActorRequest, trial: Trial, *, form: AssignForm | None = None) -> HttpResponse:
    readers = assignments.readers_of(trial)
    given = Assignment.objects.filter(time_point__subject__trial_site__trial=trial)
    rows = given.select_related("time_point__subject", "time_point__scheduled", "reader", "read")
    status = status_of_form(form) if form else 200
    context = {
        "trial": trial,
        "may_assign": Act.READ_ASSIGN in access.acts_in(request.actor, trial),
        "form": form or AssignForm(readers=readers),
        "readers": readers,
        "waiting": _accepted(trial).filter(assignments__isnull=True),
        "rows": rows.order_by("time_point__subject__code", "position", "reader"),
        "progress": _progress(given),
        "refused": SegmentationRun.objects.filter(
            instance__series__study__time_point__subject__trial_site__trial=trial, state=SegmentationRun.State.REFUSED
        ).select_related(
            "instance__series__study__time_point__subject", "instance__series__study__time_point__scheduled"
        ),
    }
    return render(request, "assignment_list.html", context, status=status)


def _progress(given: QuerySet[Assignment]) -> list[ReaderProgress]:
    readers = User.objects.filter(assignments__in=given).annotate(
        assigned=Count("assignments", filter=Q(assignments__in=given)),
        drafts=Count("assignments", filter=Q(assignments__in=given, assignments__read__state=Read.State.DRAFT)),
        locked=Count("assignments", filter=Q(assignments__in=given, assignments__state=Assignment.State.DONE)),
    )
    return [
        ReaderProgress(name=str(reader), assigned=reader.assigned, drafts=reader.drafts, locked=reader.locked)
        for reader in readers.order_by("last_name", "username")
    ]


def _accepted(trial: Trial) -> QuerySet[TimePoint]:
    return _time_points(trial).filter(state=TimePoint.State.ACCEPTED)


def _time_points(trial: Trial) -> QuerySet[TimePoint]:
    rows = TimePoint.objects.filter(subject__trial_site__trial=trial)
    return rows.select_related("subject__trial_site__trial", "scheduled").order_by("subject__code", "scheduled__day")

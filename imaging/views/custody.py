"""What the archive found wrong in a trial, and images whose identity is filed with other content, side by side."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from audit.actor import Actor
from imaging.forms import ConflictForm
from imaging.models import Conflict, Submission
from imaging.services import conflicts, scrubbing
from imaging.services.conflicts import Choice
from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import attempt, typed

# Pairs shown at once; a decision is on all of a delivery.
_SHOWN = 20
_LISTED = 200


def has_trouble(actor: Actor, trial: Trial) -> bool:
    """Whether this person may see an image of the trial that is damaged, or in conflict with another."""
    waiting = access.visible(actor, conflicts.open_conflicts().filter(file__submission__trial_site__trial=trial))
    return waiting.exists() or access.visible(actor, scrubbing.damages_of(trial)).exists()


@require_GET
def archive_state(request: ActorRequest, code: str) -> HttpResponse:
    trial = get_object_or_404(access.visible(request.actor, Trial.objects.all()), code=code)
    access.require_in(request.actor, Act.SCAN_VIEW, trial)
    of_trial = Conflict.objects.filter(file__submission__trial_site__trial=trial)
    point = "instance__series__study__time_point"
    rows = access.visible(request.actor, of_trial).select_related(
        "file__submission", f"{point}__subject", f"{point}__scheduled"
    )
    context = {
        "trial": trial,
        "damages": access.visible(request.actor, scrubbing.damages_of(trial))[:_LISTED],
        "conflicts": rows.order_by("-found_at")[:_LISTED],
        "scrub": scrubbing.latest(),
    }
    return render(request, "archive_state.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def conflict_list(request: ActorRequest, pk: UUID) -> HttpResponse:
    """The new files of a delivery beside what is filed under their identity; the coordinator decides here."""
    rows = Submission.objects.select_related("trial_site__trial", "time_point__subject", "time_point__scheduled")
    delivery = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    if request.method == "POST":
        access.require(request.actor, Act.CONFLICT_DECIDE, delivery)
    form = ConflictForm(typed(request))
    if form.is_bound and (count := attempt(form, lambda: _decide(request, delivery, form))) is not None:
        done = ngettext(
            "Your decision on %(count)d image was recorded.", "Your decision on %(count)d images was recorded.", count
        )
        messages.success(request, done % {"count": count})
        return redirect("submission", pk=pk)
    return _show(request, delivery, form)


def _decide(request: ActorRequest, delivery: Submission, form: ConflictForm) -> int:
    told = form.cleaned_data
    return conflicts.decide(by=request.actor, submission=delivery, choice=Choice(told["choice"]), reason=told["reason"])


def _show(request: ActorRequest, delivery: Submission, form: ConflictForm) -> HttpResponse:
    waiting = access.visible(request.actor, conflicts.open_conflicts().filter(file__submission=delivery))
    may_decide = access.may(request.actor, Act.CONFLICT_DECIDE, delivery)
    context = {
        "delivery": delivery,
        "trial": delivery.trial_site.trial,
        "total": waiting.count(),
        "pairs": [{"conflict": each, "lines": conflicts.compare(each)} for each in waiting[:_SHOWN]],
        "form": form if may_decide else None,
    }
    return render(request, "conflict_list.html", context, status=400 if form.is_bound else 200)

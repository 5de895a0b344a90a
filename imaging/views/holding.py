"""The quarantine desk: what is held back over a trial, why and since when, and the signed decision on each item."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from imaging.forms import HoldingFilter, HoldingForm
from imaging.models import PixelReview, QuarantineDecision, Submission
from imaging.next_steps import step_for
from imaging.services import conflicts, held, holding
from imaging.services.held import Item, Kind
from trials import access
from trials.ceremony import Ceremony, hold, is_signed
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import attempt
from trials.views.trail import paged

Verdict = QuarantineDecision.Verdict
PAGE = 50
_KINDS: dict[Kind, Any] = {
    Kind.REFUSED: __("files refused"),
    Kind.CONFLICT: __("two images with one identity"),
    Kind.PICTURES: __("pictures to look at"),
    Kind.DELIVERY: __("delivery refused whole"),
    Kind.UNASSIGNED: __("delivery without a subject"),
    Kind.STALLED: __("stopped by a fault of ours"),
}
_AFTER = {
    Verdict.SENT_BACK: __("A question opens on the visit, and the site reads your reason. The files stay sealed."),
    Verdict.DESTROYED: __(
        "The encrypted files are destroyed, with the last of a delivery its key. Nobody can undo that."
    ),
}


@require_GET
def quarantine_desk(request: ActorRequest, code: str) -> HttpResponse:
    """What is held back over all deliveries of a trial, oldest first, in pages; `kind` and `site` narrow it."""
    trial = get_object_or_404(access.visible(request.actor, Trial.objects.all()), code=code)
    access.require_in(request.actor, Act.QUARANTINE_VIEW, trial)
    found = held.held_by(request.actor, trial)
    counts = found.counts()
    by_kind = {kind: sum(counts[key] for key in counts if key[0] == kind) for kind in Kind}
    kinds = [(str(kind), str(_KINDS[kind])) for kind in Kind if by_kind[kind]]
    form = HoldingFilter(request.GET, kinds=kinds, sites=sorted({site for _kind, site in counts}))
    asked = form.cleaned_data if form.is_valid() else {}
    page = Paginator(replace(found, **asked), PAGE).get_page(request.GET.get("page"))
    context = paged(page, request.GET) | {
        "trial": trial,
        "form": form,
        "kinds": [(kind, words, by_kind[Kind(kind)]) for kind, words in kinds],
        "items": [(item, _KINDS[item.kind]) for item in page.object_list],
    }
    return render(request, "quarantine_desk.html", context)


def _delivery(request: ActorRequest, pk: UUID) -> Submission:
    rows = Submission.objects.select_related(
        "trial_site__trial", "trial_site__site", "time_point__subject", "time_point__scheduled"
    )
    delivery = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    access.require(request.actor, Act.QUARANTINE_VIEW, delivery)
    return delivery


def _context(request: ActorRequest, delivery: Submission, bound: HoldingForm | None = None) -> dict[str, Any]:
    may_decide = access.may(request.actor, Act.QUARANTINE_DECIDE, delivery)
    found = held.held_of(delivery)
    reviews = PixelReview.objects.filter(file__submission=delivery, state="waiting", file__state="waiting")
    return {
        "delivery": delivery,
        "trial": delivery.trial_site.trial,
        "items": [_shown(item, bound) | {"may_decide": may_decide} for item in found],
        "decisions": access.visible(request.actor, delivery.quarantine_decisions.all()),
        "reviews": access.visible(request.actor, reviews),
        "conflicts": conflicts.open_conflicts().filter(file__submission=delivery).count(),
        "is_certified": delivery.certificates.exists(),
        "may_assign": access.may(request.actor, Act.SUBMISSION_ASSIGN, delivery),
    }


def _shown(item: Item, bound: HoldingForm | None) -> dict[str, Any]:
    is_bound = bound is not None and bound["held_for"].value() == item.code
    form = bound if is_bound else None
    if form is None and item.is_decidable:
        form = HoldingForm(
            initial={"held_for": item.code},
            may_send_back=item.may_be_sent_back,
            auto_id=f"id_{item.code or 'whole'}_%s",
        )
    return {
        "item": item,
        "kind": _KINDS[item.kind],
        "next": step_for(item.code) if item.kind is Kind.REFUSED else "",
        "numbers": list(holding.held_files(item.submission, item.code).values_list("number", flat=True)[:10])
        if item.is_decidable
        else [],
        "form": form,
    }


@require_GET
def quarantine_item(request: ActorRequest, pk: UUID) -> HttpResponse:
    """Everything of one delivery that is held back, each reason with what may be done about it."""
    return render(request, "quarantine_item.html", _context(request, _delivery(request, pk)))


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def quarantine_decide(request: ActorRequest, pk: UUID) -> HttpResponse:
    """Lead from the decision to the signing page, and sign there; what cannot be signed is told at once."""
    delivery = _delivery(request, pk)
    access.require(request.actor, Act.QUARANTINE_DECIDE, delivery)
    if request.method != "POST":
        return redirect("quarantine-item", pk=pk)
    form = HoldingForm(request.POST.dict(), may_send_back=True)
    if not form.is_valid():
        return _ask_again(request, delivery, form)
    ceremony = _ceremony(request, delivery, form.cleaned_data)
    if not is_signed(request) and attempt(form, ceremony.offered) is None:
        return _ask_again(request, delivery, form)
    return hold(request, ceremony, done=lambda done: _decided(request, done))


def _ask_again(request: ActorRequest, delivery: Submission, form: HoldingForm) -> HttpResponse:
    context = _context(request, delivery, form)
    if all(one["form"] is not form for one in context["items"]):
        # What was to be decided is gone meanwhile, and its form with it.
        for sentence in form.non_field_errors():
            messages.error(request, str(sentence))
    return render(request, "quarantine_item.html", context, status=400)


def _ceremony(request: ActorRequest, delivery: Submission, told: dict[str, Any]) -> Ceremony:
    verdict = Verdict(told["verdict"])
    asked: dict[str, Any] = {"by": request.actor, "submission": delivery, "verdict": verdict}
    asked |= {"code": told["held_for"], "reason": told["reason"]}
    return Ceremony(
        heading=_("Sign the decision on what is held back"),
        what=_("Your decision on the files of %(delivery)s that are held for one reason.") % {"delivery": delivery},
        submit=_("Sign the decision"),
        back=reverse("quarantine-item", args=[delivery.pk]),
        offered=lambda: holding.offer_decision(**asked),
        signed=lambda proof: holding.decide(**asked, proof=proof),
        trial=delivery.trial_site.trial,
        carried=told,
        after=str(_AFTER[verdict]),
    )


def _decided(request: ActorRequest, decision: QuarantineDecision) -> HttpResponse:
    messages.success(request, _("Your decision was signed and recorded."))
    return redirect("quarantine-desk", code=decision.submission.trial_site.trial.code)

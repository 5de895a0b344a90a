"""Pictures with text that the machine was not sure of: looked at, boxed, and signed by a person."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from deid.burned.doubts import Doubt
from imaging.forms import BoxesForm, PictureForm
from imaging.frames import FrameRefused
from imaging.models import IncomingFile, PixelReview
from imaging.services import pixels
from imaging.vault import VaultError
from trials import access
from trials.ceremony import Ceremony, hold, is_signed
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import attempt

_DOUBTS = {
    Doubt.NOTHING_FOUND: __("The machine found no text at all, and in a picture of this kind that proves nothing."),
    Doubt.FAINT: __("The machine saw something faint that may be text."),
    Doubt.STILL_THERE: __("After blanking, something that may be text was still seen; it is among the boxes."),
    Doubt.ONLY_A_PERSON: __("This is a photograph, or it is said to show a face: only a person can judge it."),
    Doubt.NAME_LEFT: __("After the last release a name or number of the header was still read; its box is firm now."),
}
_AFTER = {
    PixelReview.State.RELEASED: __(
        "The boxes are blanked on every frame, the header is cleaned and searched once more, and the picture is filed."
    ),
    PixelReview.State.REFUSED: __("The picture stays encrypted, and the site reads your comment."),
}


@require_GET
def pixel_list(request: ActorRequest, code: str) -> HttpResponse:
    trial = get_object_or_404(access.visible(request.actor, Trial.objects.all()), code=code)
    access.require_in(request.actor, Act.PIXEL_REVIEW, trial)
    rows = PixelReview.objects.filter(
        file__submission__trial_site__trial=trial,
        state=PixelReview.State.WAITING,
        file__state=IncomingFile.State.WAITING,
    ).select_related(
        "file__submission__time_point__subject",
        "file__submission__time_point__scheduled",
        "file__submission__trial_site__site",
    )
    return render(request, "pixel_list.html", {"trial": trial, "reviews": access.visible(request.actor, rows)})


def _review(request: ActorRequest, pk: int) -> PixelReview:
    rows = PixelReview.objects.select_related(
        "file__submission__trial_site__trial",
        "file__submission__time_point__subject",
        "file__submission__time_point__scheduled",
    )
    return get_object_or_404(access.visible(request.actor, rows), pk=pk)


def _context(request: ActorRequest, review: PixelReview) -> dict[str, Any]:
    asked = request.GET.get("frame", "1")
    frame = min(max(int(asked), 1), review.frames) if asked.isdecimal() and len(asked) < len(str(10**6)) else 1
    waits = review.state == PixelReview.State.WAITING and review.file.state == IncomingFile.State.WAITING
    return {
        "review": review,
        "trial": review.file.submission.trial_site.trial,
        "frame": frame,
        "waits": waits,
        "doubts": [_DOUBTS[Doubt(doubt)] for doubt in review.doubts],
        "boxes_form": BoxesForm.showing(review.boxes),
        "decision_form": PictureForm(initial={"seen": pixels.shown_sha256(review)}),
        # A new address for each set of boxes: an old picture is never taken for the new one.
        "seen": pixels.shown_sha256(review)[:16],
    }


@require_http_methods(["GET", "HEAD", "POST"])
def pixel_review(request: ActorRequest, pk: int) -> HttpResponse:
    """Show a picture before and after blanking; a POST saves the boxes."""
    review = _review(request, pk)
    access.require(request.actor, Act.PIXEL_REVIEW, review)
    if request.method != "POST":
        return render(request, "pixel_review.html", _context(request, review))
    form = BoxesForm(request.POST)
    saved = attempt(form, lambda: pixels.save_boxes(by=request.actor, review=review, boxes=form.cleaned_data["boxes"]))
    if saved is None:
        return render(request, "pixel_review.html", _context(request, review) | {"boxes_form": form}, status=400)
    messages.success(request, _("The boxes were saved. Look at the picture as it would go on, then decide."))
    return redirect("pixel-review", pk=pk)


@require_GET
def pixel_frame(request: ActorRequest, pk: int, index: int, shown: str) -> HttpResponse:
    """One frame as PNG, unsealed for this answer alone; it is kept nowhere, in no cache either."""
    review = _review(request, pk)
    headers = {"Cache-Control": "private, no-store"}
    try:
        png = pixels.look(by=request.actor, review=review, frame=index, is_covered=shown == "after")
    except FrameRefused as refused:
        return HttpResponse(refused.sentence, status=422, content_type="text/plain; charset=utf-8", headers=headers)
    except (VaultError, ValidationError):
        words = _("This picture is no longer shown: it waits for nobody, or it was damaged in quarantine.")
        return HttpResponse(words, status=409, content_type="text/plain; charset=utf-8", headers=headers)
    return HttpResponse(png, content_type="image/png", headers=headers)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def pixel_decide(request: ActorRequest, pk: int) -> HttpResponse:
    """Lead from the decision to the signing page, and sign there; what cannot be signed is told at once."""
    review = _review(request, pk)
    access.require(request.actor, Act.PIXEL_REVIEW, review)
    if request.method != "POST":
        return redirect("pixel-review", pk=pk)
    form = PictureForm(request.POST.dict())
    if not form.is_valid():
        return _ask_again(request, review, form)
    ceremony = _ceremony(request, review, form.cleaned_data)
    if not is_signed(request) and attempt(form, ceremony.offered) is None:
        return _ask_again(request, review, form)
    return hold(request, ceremony, done=lambda done: _decided(request, done))


def _ask_again(request: ActorRequest, review: PixelReview, form: PictureForm) -> HttpResponse:
    form.data = {**form.data, "seen": pixels.shown_sha256(review)}
    return render(request, "pixel_review.html", _context(request, review) | {"decision_form": form}, status=400)


def _ceremony(request: ActorRequest, review: PixelReview, told: dict[str, Any]) -> Ceremony:
    verdict, comment = PixelReview.State(told["verdict"]), told["comment"]
    return Ceremony(
        heading=_("Sign the decision on this picture"),
        what=_("What you decided on %(picture)s: its boxes, and what you say of the rest.") % {"picture": review},
        submit=_("Sign the decision"),
        back=reverse("pixel-review", args=[review.pk]),
        offered=lambda: pixels.offer_decision(
            by=request.actor, review=review, verdict=verdict, comment=comment, seen=told["seen"]
        ),
        signed=lambda proof: pixels.decide(
            by=request.actor, review=review, verdict=verdict, comment=comment, proof=proof
        ),
        trial=review.file.submission.trial_site.trial,
        carried=told,
        after=str(_AFTER[verdict]),
    )


def _decided(request: ActorRequest, review: PixelReview) -> HttpResponse:
    messages.success(request, _("Your decision on this picture was signed and recorded."))
    return redirect("pixel-list", code=review.file.submission.trial_site.trial.code)

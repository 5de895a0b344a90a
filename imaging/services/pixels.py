"""Pictures that a person must look at: they wait in quarantine, are judged and signed, and go on or stay."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.services import record
from audit.signing import Offer, Proof, offer, sha256_of, sign, signing
from deid.burned.boxes import FIRM, Box, Ground, box_of
from deid.burned.doubts import Waiting
from imaging import fence, quarantine
from imaging.frames.covering import cover
from imaging.models import IncomingFile, PixelReview, Submission
from imaging.services import defacing, road
from trials import access
from trials.agreement import Gate
from trials.models import TimePoint
from trials.roles import Act
from trials.selectors import approved_charter, policy_of
from trials.services import consent

FileState, Delivery, Verdict = IncomingFile.State, Submission.State, PixelReview.State
MEANINGS = (Meaning.REVIEW, Meaning.RESPONSIBILITY)
# At rest: nothing of the delivery is on its way.
_AT_REST = (Delivery.REVIEW, Delivery.CHECKED)
# Refused, discarded or stalled deliveries go nowhere, and neither do their pictures.
_GOES_ON = (*_AT_REST, *road.WORKING)
MOST_BOXES = 200


def wait(by: Actor, file: IncomingFile, waiting: Waiting) -> None:
    """Keep one file until a person has looked, with the boxes the machine proposes; the others go on."""
    firm, loose = split(waiting.boxes)
    told = {"state": Verdict.WAITING, "doubts": list(waiting.doubts), "frames": waiting.frames, "firm": firm}
    with transaction.atomic():
        # Only where it still waits: a worker that comes late must not undo what another filed.
        moved = IncomingFile.objects.filter(pk=file.pk, state=FileState.RECEIVED).update(state=FileState.WAITING)
        if not moved:
            return
        told |= {"boxes": loose, "since": timezone.now(), "decided_by": "", "signature_id": None, "comment": ""}
        review, _made = PixelReview.objects.update_or_create(file=file, defaults=told)
        after = {"file": file.number, "doubts": list(waiting.doubts), "boxes": len(waiting.boxes)}
        record(by=by, act="picture.waiting", obj=review, trial_code=_code(review), after=after)


def split(boxes: Iterable[Box]) -> tuple[list[list[Any]], list[list[Any]]]:
    """Return boxes as they are stored: those nobody takes back, and the others."""
    rows = [(box.ground in FIRM, [box.left, box.top, box.right, box.bottom, str(box.ground)]) for box in boxes]
    return [row for is_firm, row in rows if is_firm], [row for is_firm, row in rows if not is_firm]


def boxes_of(review: PixelReview) -> tuple[Box, ...]:
    """Return all boxes that stand now, firm and saved."""
    return tuple(box_of(edges, Ground(ground)) for *edges, ground in (*review.firm, *review.boxes))


def decided(submission: Submission) -> dict[int, tuple[Box, ...]]:
    """Return the boxes that a person released files of this delivery with, by the files' keys."""
    released = PixelReview.objects.filter(file__submission=submission, state=Verdict.RELEASED)
    return {review.file_id: boxes_of(review) for review in released}


@transaction.atomic
def save_boxes(*, by: Actor, review: PixelReview, boxes: Sequence[Box]) -> PixelReview:
    """Save what a person would blank beside the firm boxes. Raises ValidationError where it waits no more."""
    by = access.require(by, Act.PIXEL_REVIEW, review)
    review = _held(review)
    if len(boxes) > MOST_BOXES:
        raise ValidationError(_("These are too many boxes. Draw fewer and larger ones."), code="too-many")
    review.boxes = split(boxes)[1]
    review.save(update_fields=["boxes"])
    record(by=by, act="picture.boxed", obj=review, trial_code=_code(review), after={"boxes": review.boxes})
    return review


@transaction.atomic
def look(*, by: Actor, review: PixelReview, frame: int, is_covered: bool) -> bytes:
    """Return one frame (from 1) as PNG, unsealed in memory alone; a look under the boxes leaves an event.

    Raises FrameRefused, QuarantineDamaged, and ValidationError where it waits no more.
    """
    by = access.require(by, Act.PIXEL_REVIEW, review)
    _require_waiting(review)
    consent.require(_point(review).subject, Gate.FILE, time_point=_point(review))
    picture = fence.render(quarantine.read_whole(review.file), frame=frame).png
    if is_covered:
        edges = [(box.left, box.top, box.right, box.bottom) for box in boxes_of(review)]
        return cover(picture, edges)
    record(by=by, act="picture.viewed", obj=review, trial_code=_code(review), after={"frame": frame})
    return picture


def contents(review: PixelReview) -> dict[str, Any]:
    """Return what a decision is about: which picture, what the machine doubted, and every box."""
    return {
        "delivery": str(review.file.submission_id),
        "file": review.file.number,
        "received_sha256": review.file.sha256,
        "frames": review.frames,
        "doubts": review.doubts,
        "boxes": [" ".join(map(str, row)) for row in (*review.firm, *review.boxes)],
    }


def shown_sha256(review: PixelReview) -> str:
    """Name what stands on the page, so that a signature covers what was seen."""
    return sha256_of(contents(review))


def _judged(review: PixelReview, verdict: PixelReview.State, comment: str) -> dict[str, Any]:
    statement = {
        (Verdict.RELEASED, True): "What the boxes leave of this picture identifies nobody. It may go on, blanked.",
        (Verdict.RELEASED, False): "Nothing in this picture identifies anybody. It may go on as it is.",
    }.get((verdict, bool(review.firm or review.boxes)), "This picture may not go on. It stays encrypted.")
    return contents(review) | {"verdict": str(verdict), "statement": statement, "comment": comment}


def offer_decision(*, by: Actor, review: PixelReview, verdict: PixelReview.State, comment: str, seen: str) -> Offer:
    """Return what a decision would sign; `seen` is the `shown_sha256` of what the person looked at.

    Raises ValidationError as `decide`, and `changed` where other boxes were saved meanwhile.
    """
    by = access.require(by, Act.PIXEL_REVIEW, review)
    if seen != shown_sha256(review):
        raise ValidationError(_("Other boxes were saved meanwhile. Look again, then sign."), code="changed")
    _refuse_decision(review, verdict, comment)
    return offer(by=by, obj=review, contents=_judged(review, verdict, comment), meanings=MEANINGS)


@signing
def decide(*, by: Actor, review: PixelReview, verdict: PixelReview.State, comment: str, proof: Proof) -> PixelReview:
    """Release a picture with its boxes, or refuse it, and sign as offered; the delivery goes on by itself.

    Raises ValidationError where it waits no more, without consent, where the time point is accepted, without a comment
    for a refusal, and SignatureRefused as `audit.signing.sign`.
    """
    by = access.require(by, Act.PIXEL_REVIEW, review)
    submission = road.lock(review.file.submission)
    review = _held(review)
    _refuse_decision(review, verdict, comment)
    judged = _judged(review, verdict, comment)
    signature = sign(by=by, proof=proof, obj=review, contents=judged, meanings=MEANINGS, trial_code=_code(review))
    review.state, review.comment = verdict, comment
    review.decided_by, review.signature_id = by.id, signature.pk
    review.save(update_fields=["state", "comment", "decided_by", "signature_id"])
    after = {"file": review.file.number, "boxes": judged["boxes"]}
    record(by=by, act=f"picture.{verdict}", obj=review, trial_code=_code(review), after=after, reason=comment)
    if verdict == Verdict.REFUSED:
        _keep(review, comment)
    take_up(submission)
    return review


def take_up(submission: Submission) -> None:
    """Let a delivery at rest go on with the pictures released meanwhile; one of which nothing is left is refused."""
    if submission.state not in _AT_REST:
        return
    if ready := _ready(submission):
        IncomingFile.objects.filter(pk__in=ready).update(state=FileState.RECEIVED)
        road.move(submission, expected=Delivery(submission.state), to=Delivery.OPENED)
    elif submission.state == Delivery.REVIEW and not submission.files.filter(state=FileState.WAITING).exists():
        sentence = str(_("No picture of this delivery was let through. All is kept encrypted; see each file's reason."))
        road.move(submission, expected=Delivery.REVIEW, to=Delivery.QUARANTINED, refusal=sentence)


def _ready(submission: Submission) -> list[int]:
    """Return the keys of the files that wait for nobody any more.

    Where faces are taken out of whole series all wait for each other, until no picture of the delivery waits.
    """
    waiting = submission.files.filter(state=FileState.WAITING)
    undecided = waiting.filter(pixel_review__state=Verdict.WAITING)
    if undecided.exists() and defacing.is_asked(policy_of(approved_charter(submission.trial_site.trial))):
        return []
    return list(waiting.exclude(pk__in=undecided).values_list("pk", flat=True))


def require_none_waiting(time_point: TimePoint) -> None:
    """Raise ValidationError (`pictures-wait`) while pictures of a time point wait for their review."""
    waiting = IncomingFile.objects.filter(submission__time_point=time_point, state=FileState.WAITING)
    if waiting.exists():
        raise ValidationError(
            _("Pictures of this time point wait for review. Decide on them first."), code="pictures-wait"
        )


def _keep(review: PixelReview, comment: str) -> None:
    words = _(
        "A person looked at this picture and did not let it through: %(comment)s It is kept encrypted. Send it again "
        "without names in the picture, or ask the core laboratory."
    )
    IncomingFile.objects.filter(pk=review.file_id, state=FileState.WAITING).update(
        state=FileState.REFUSED, refusal_code="pixels-refused", refusal=str(words) % {"comment": comment.strip()}
    )


def _refuse_decision(review: PixelReview, verdict: PixelReview.State, comment: str) -> None:
    _require_waiting(review)
    if verdict == Verdict.REFUSED:
        if not comment.strip():
            raise ValidationError(_("Tell the site why this picture is refused."), code="no-comment")
        return
    point = _point(review)
    consent.require(point.subject, Gate.FILE, time_point=point)
    if point.state == TimePoint.State.ACCEPTED:
        raise ValidationError(
            _("A scan of this time point is accepted already, so no more of it is filed. Refuse this picture."),
            code="accepted",
        )


def _require_waiting(review: PixelReview) -> None:
    is_open = review.file.submission.state in _GOES_ON
    if not is_open or review.state != Verdict.WAITING or review.file.state != FileState.WAITING:
        raise ValidationError(_("This picture waits for nobody any more. Nothing was done."), code="wrong-state")


def _held(review: PixelReview) -> PixelReview:
    """Return the row as it is now, held until the transaction ends. Raises ValidationError where it waits no more."""
    row = (
        PixelReview.objects.select_for_update(of=("self",))
        .select_related("file__submission__trial_site__trial", "file__submission__time_point__subject")
        .get(pk=review.pk)
    )
    _require_waiting(row)
    return row


def _point(review: PixelReview) -> TimePoint:
    point = review.file.submission.time_point
    if point is None:
        raise ValidationError(_("Nobody has named the subject of this delivery."), code="unassigned")
    return point


def _code(review: PixelReview) -> str:
    return review.file.submission.trial_site.trial.code

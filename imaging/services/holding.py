"""The quarantine desk: what the core laboratory signs about what is held back (`held`).

What the engine or a rule refused for certain is never released here: it is sent back, or destroyed. Pictures that a
person may release have their own page (`pixels`), conflicts of identity theirs (`conflicts`).
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.services import record
from audit.signing import Offer, Proof, offer, sha256_of, sign, signing
from imaging.models import IncomingFile, QuarantineDecision, Submission
from imaging.services import dropping, queries, road
from imaging.services.held import HELD_WHOLE, WHOLE
from trials import access
from trials.roles import Act

FileState, Delivery = IncomingFile.State, Submission.State
Verdict = QuarantineDecision.Verdict
MEANINGS = (Meaning.REVIEW, Meaning.RESPONSIBILITY)


def held_files(submission: Submission, code: str) -> QuerySet[IncomingFile]:
    """The files of one item: those refused for a reason, or all that are held with the delivery as a whole."""
    if code:
        return submission.files.filter(state=FileState.REFUSED, refusal_code=code).order_by("number")
    return submission.files.filter(state__in=WHOLE).order_by("number")


def offer_decision(*, by: Actor, submission: Submission, code: str, verdict: Verdict, reason: str) -> Offer:
    """Return what a decision on one item would sign. Raises ValidationError as `decide`."""
    by = access.require(by, Act.QUARANTINE_DECIDE, submission)
    files = _open(submission, code, verdict, reason)
    return offer(by=by, obj=submission, contents=_contents(submission, files, code, verdict, reason), meanings=MEANINGS)


@signing
def decide(
    *, by: Actor, submission: Submission, code: str, verdict: Verdict, reason: str, proof: Proof
) -> QuarantineDecision:
    """Send one item back to the site with a question, or destroy it, and sign as offered.

    Sent back, the files stay sealed. Raises ValidationError: `no-reason`, `busy` while the delivery is on its way,
    `wrong-state` where nothing of it is held for that reason, `conflict` where the coordinator compares two images,
    `unassigned` where there is no visit to ask about; SignatureRefused as `audit.signing.sign`.
    """
    by = access.require(by, Act.QUARANTINE_DECIDE, submission)
    submission = road.lock(submission)
    files = _open(submission, code, verdict, reason)
    contents = _contents(submission, files, code, verdict, reason)
    trial_code = submission.trial_site.trial.code
    signature = sign(by=by, proof=proof, obj=submission, contents=contents, meanings=MEANINGS, trial_code=trial_code)
    decision = QuarantineDecision(
        submission=submission, refusal_code=code, verdict=verdict, files=len(files), reason=reason,
        decided_by=by.id, signature_id=signature.pk, at=signature.at,
    )  # fmt: skip
    if verdict == Verdict.SENT_BACK and submission.time_point is not None:
        decision.query = queries.ask(by=by, time_point=submission.time_point, text=reason)
    decision.save()
    after = {"reason_code": code, "files": len(files)}
    record(by=by, act=f"quarantine.{verdict}", obj=submission, trial_code=trial_code, after=after, reason=reason)
    if verdict == Verdict.DESTROYED:
        dropping.drop(submission, files)
    return decision


def _open(submission: Submission, code: str, verdict: Verdict, reason: str) -> Sequence[IncomingFile]:
    if not reason.strip():
        raise ValidationError(
            _("Say why; the trail keeps it, and where the site is asked, it reads this."), code="no-reason"
        )
    if submission.state in (Delivery.RECEIVING, *road.WORKING):
        raise ValidationError(_("This delivery is on its way now; wait until it has ended."), code="busy")
    if code == "conflict":
        raise ValidationError(_("Two images with one identity: compare them and decide there."), code="conflict")
    if not code and submission.state not in HELD_WHOLE[:2]:
        raise ValidationError(_("This delivery is not held as a whole. Look at it again."), code="wrong-state")
    files = list(held_files(submission, code))
    if not files:
        raise ValidationError(_("Nothing of this delivery is held for that reason any more."), code="wrong-state")
    if verdict == Verdict.SENT_BACK and submission.time_point_id is None:
        raise ValidationError(
            _("Nobody has said whose scan this is, so there is no visit to ask the site about. Name it first."),
            code="unassigned",
        )
    return files


def _contents(
    submission: Submission, files: Sequence[IncomingFile], code: str, verdict: Verdict, reason: str
) -> dict[str, Any]:
    statement = {
        Verdict.SENT_BACK: "The site is asked. The files stay sealed, and nobody reads them.",
        Verdict.DESTROYED: "These files are destroyed and cannot be brought back.",
    }[verdict]
    return {
        "delivery": str(submission.pk),
        "held_for": code or "the delivery as a whole",
        "files": len(files),
        "files_sha256": sha256_of({str(file.number): file.sha256 for file in files}),
        "verdict": str(verdict),
        "statement": statement,
        "reason": reason,
    }

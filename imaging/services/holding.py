"""The quarantine desk: all that is held back over a trial's deliveries, and what the core laboratory signs about it.

What the engine or a rule refused for certain is never released here: it is sent back, or destroyed. Pictures that a
person may release have their own page (`pixels`), conflicts of identity theirs (`conflicts`).
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Min, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.services import record
from audit.signing import Offer, Proof, offer, sha256_of, sign, signing
from imaging.models import IncomingFile, QuarantineDecision, Submission
from imaging.services import dropping, queries, road
from trials import access
from trials.models import Trial
from trials.roles import Act

FileState, Delivery = IncomingFile.State, Submission.State
Verdict = QuarantineDecision.Verdict
MEANINGS = (Meaning.REVIEW, Meaning.RESPONSIBILITY)
# Held back with the delivery as a whole, not for a reason of their own.
_WHOLE = (FileState.RECEIVED, FileState.CLEANED)
_HELD_WHOLE = (Delivery.QUARANTINED, Delivery.UNASSIGNED, Delivery.STALLED)


class Kind(StrEnum):
    """Why something lies in quarantine, by who does something about it."""

    REFUSED = "refused"
    CONFLICT = "conflict"
    PICTURES = "pictures"
    DELIVERY = "delivery"
    UNASSIGNED = "unassigned"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Files of one delivery held back for one reason; nothing here is of a header, a name or a picture."""

    submission: Submission
    kind: Kind
    # Of the reason; "" for a delivery that is held as a whole.
    code: str
    why: str
    files: int
    size: int
    since: dt.datetime
    decision: QuarantineDecision | None = None

    @property
    def is_decidable(self) -> bool:
        return self.kind in (Kind.REFUSED, Kind.DELIVERY, Kind.UNASSIGNED)

    @property
    def may_be_sent_back(self) -> bool:
        return self.is_decidable and self.submission.time_point_id is not None


def items_of(by: Actor, trial: Trial) -> list[Item]:
    """Return what the actor may see of a trial's quarantine, what waits longest first."""
    rows = Submission.objects.filter(trial_site__trial=trial).select_related(
        "trial_site__trial", "trial_site__site", "time_point__subject", "time_point__scheduled"
    )
    # Where nothing is held any more, the key is gone: most deliveries of a trial need not be looked at.
    return items(access.within(by, rows.exclude(wrapped_key=b""), act=Act.QUARANTINE_VIEW))


def items(submissions: QuerySet[Submission]) -> list[Item]:
    """Return what is held back of these deliveries, what waits longest first."""
    apart = Q(state__in=(FileState.REFUSED, FileState.WAITING))
    with_all = Q(state__in=_WHOLE, submission__state__in=_HELD_WHOLE)
    held = IncomingFile.objects.filter(apart | with_all, submission__in=submissions.order_by())
    told = held.order_by().values("submission", "state", "refusal_code")
    rows: list[Any] = list(told.annotate(count=Count("pk"), bytes=Sum("size"), why=Min("refusal")))
    known = submissions.in_bulk({row["submission"] for row in rows})
    decided = _decided(known)
    found = [_item(known[row["submission"]], row, decided) for row in _merged(rows)]
    return sorted(found, key=lambda item: (item.since, str(item.submission.pk), item.code))


def _merged(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Received and cleaned files of a delivery that is held as a whole are one thing."""
    merged: dict[Any, dict[str, Any]] = {}
    for row in rows:
        place = "" if row["state"] in _WHOLE else row["state"]
        first = merged.setdefault((row["submission"], place, row["refusal_code"]), row)
        if first is not row:
            first["count"] += row["count"]
            first["bytes"] += row["bytes"]
    return merged.values()


def _decided(known: Iterable[Any]) -> dict[tuple[Any, str], QuarantineDecision]:
    """The newest decision on each delivery and reason."""
    rows = QuarantineDecision.objects.filter(submission__in=list(known)).select_related("query").order_by("id")
    return {(row.submission_id, row.refusal_code): row for row in rows}


def _item(submission: Submission, row: dict[str, Any], decided: dict[tuple[Any, str], QuarantineDecision]) -> Item:
    kind = _kind(submission, row)
    is_whole = kind in (Kind.DELIVERY, Kind.UNASSIGNED, Kind.STALLED)
    return Item(
        submission=submission,
        kind=kind,
        code="" if is_whole else row["refusal_code"],
        why=_why(submission, kind, row["why"]),
        files=row["count"],
        size=row["bytes"] or 0,
        since=submission.state_since,
        decision=decided.get((submission.pk, "" if is_whole else row["refusal_code"])),
    )


def _kind(submission: Submission, row: dict[str, Any]) -> Kind:
    if row["state"] == FileState.WAITING:
        return Kind.PICTURES
    if row["state"] == FileState.REFUSED:
        return Kind.CONFLICT if row["refusal_code"] == "conflict" else Kind.REFUSED
    return {Delivery.UNASSIGNED: Kind.UNASSIGNED, Delivery.STALLED: Kind.STALLED}.get(
        Delivery(submission.state), Kind.DELIVERY
    )


def _why(submission: Submission, kind: Kind, refusal: str) -> str:
    if kind is Kind.PICTURES:
        return str(_("Text in the picture may name somebody, and the machine was not sure that it found all of it."))
    if kind is Kind.UNASSIGNED:
        return str(_("Nobody has said yet whose scan this is."))
    return refusal if kind in (Kind.REFUSED, Kind.CONFLICT) else submission.refusal


def held_files(submission: Submission, code: str) -> QuerySet[IncomingFile]:
    """The files of one item: those refused for a reason, or all that are held with the delivery as a whole."""
    if code:
        return submission.files.filter(state=FileState.REFUSED, refusal_code=code).order_by("number")
    return submission.files.filter(state__in=_WHOLE).order_by("number")


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
    if not code and submission.state not in _HELD_WHOLE[:2]:
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

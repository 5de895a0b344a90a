"""What stands once something was erased: the decision as carried out, its tombstone, a line outside the database."""

import json
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.context import widened
from audit.services import canonical, record
from audit.signing import sha256_of
from imaging.models import Seclusion
from imaging.services import erasure as imaging
from imaging.services import seclusion
from privacy.models import Erasure, Tombstone
from privacy.services import tombstones
from privacy.services.destruction import Destroyed
from trials import access, refusals
from trials.models import Subject, Trial
from trials.roles import Act

FORMAT = "corelab-erasure-1"
Level, Ground, State = Erasure.Level, Erasure.Ground, Erasure.State
_AFTER_RETENTION = "GDPR 17(3)(d), 89: research and archiving; nothing links it to a person any more"
_LAW = "GDPR 17(3)(b) legal duty (CTR 58), (c) public health, (d) research and archiving"
_EVIDENCE = "GDPR 17(3)(b) legal duty (21 CFR 11.10(e), CTR 58), (e) legal claims"
STAYS = {
    Level.LINK: "coded images and everything measured, read and reported from them",
    Level.EVERYTHING: "what was measured, read and reported under the code, without images",
    Level.IMAGES: "what was recorded under the code, without images; reads of it are void",
}
_ALWAYS = (
    ("the audit trail, signatures and reports released before", _EVIDENCE),
    ("identifiers and hashes of what was destroyed, as proof that it was", _EVIDENCE),
)


def stays(level: str, ground: str) -> list[dict[str, str]]:
    """Return what an erasure leaves, each with the law that keeps it (P07)."""
    law = _AFTER_RETENTION if ground == Ground.RETENTION_OVER else _LAW
    kept = ((STAYS[Level(level)], law), *_ALWAYS)
    return [{"what": what, "ground": by_law} for what, by_law in kept]


def bury(*, by: Actor, erasure: Erasure, subjects: list[Subject], done: Destroyed) -> Tombstone:
    """Keep what an erasure destroyed, in the caller's transaction; the line outside follows its commit."""
    contents: dict[str, Any] = json.loads(canonical(_contents(erasure, subjects) | {"destroyed": asdict(done)}))
    tombstone = lay(erasure.trial, contents)
    tell(by, erasure, "erasure.done", erasure.reason, {"contents_sha256": tombstone.contents_sha256})
    # After the commit: a line for what was rolled back would destroy at the next start.
    transaction.on_commit(lambda: tombstones.append(contents))
    return tombstone


def _contents(erasure: Erasure, subjects: list[Subject]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "id": str(erasure.pk),
        "trial": erasure.trial.code,
        "is_whole_trial": erasure.subject_id is None,
        "subjects": [subject.code for subject in subjects],
        "level": erasure.level,
        "ground": erasure.ground,
        "reason": erasure.reason,
        "decided_by": erasure.decided_by,
        "decided_at": erasure.decided_at,
        "decision_signature": str(erasure.decision_signature_id or ""),
        "confirmed_by": erasure.confirmed_by,
        "confirmed_at": erasure.confirmed_at,
        "confirmation_signature": str(erasure.confirmation_signature_id or ""),
        "stays": stays(erasure.level, erasure.ground),
    }


def lay(trial: Trial, contents: dict[str, Any]) -> Tombstone:
    """Keep a tombstone's contents as they are."""
    return Tombstone.objects.create(
        id=contents["id"],
        trial=trial,
        contents=canonical(contents),
        contents_sha256=sha256_of(contents),
        at=timezone.now(),
    )


def tell(by: Actor, erasure: Erasure, act: str, reason: str, more: dict[str, Any] | None = None) -> None:
    subject = erasure.subject.code if erasure.subject else ""
    after = {"subject": subject, "level": erasure.level, "ground": erasure.ground} | (more or {})
    record(by=by, act=act, obj=erasure, trial_code=erasure.trial.code, after=after, reason=reason)


@widened("what a withdrawal erased is written down, whoever records it")
def bury_link(*, by: Actor, subject: Subject, reason: str, done: Destroyed) -> Tombstone:
    """Keep that a withdrawal (W5) erased the link, so that a restored backup erases it again.

    Its act is the withdrawal: nobody signs it a second time.
    """
    erasure = _erasure(subject, Level.LINK, Ground.CONSENT_WITHDRAWN, reason)
    erasure.decided_by = erasure.confirmed_by = by.id
    erasure.save(force_insert=True)
    return bury(by=by, erasure=erasure, subjects=[subject], done=done)


def _erasure(subject: Subject, level: Erasure.Level, ground: Erasure.Ground, reason: str) -> Erasure:
    now, trial = timezone.now(), subject.trial_site.trial
    told: dict[str, Any] = {"decided_at": now, "confirmed_at": now, "state": State.DONE, "reason": reason.strip()}
    return Erasure(trial=trial, subject=subject, level=level, ground=ground, **told)


@refusals.told("privacy.refused")
@transaction.atomic
def decide_destruction(*, by: Actor, row: Seclusion, reason: str) -> Seclusion:
    """Decide for one's side on images out of analysis; once both have, they are destroyed and a tombstone stands.

    Raises ValidationError as `imaging.services.seclusion.decide_destruction`.
    """
    by = access.require(by, Act.DESTRUCTION_DECIDE, row)
    decided = seclusion.decide_destruction(by=by, seclusion=row, reason=reason)
    if decided.state == Seclusion.State.DESTROYED:
        _bury_images(by, decided, reason)
    return decided


@widened("what sponsor and officer destroyed is written down, whoever decides last")
def _bury_images(by: Actor, row: Seclusion, reason: str) -> None:
    subject = row.subject
    first, last = row.decisions.order_by("id").values_list("decided_by", flat=True)
    erasure = _erasure(subject, Level.IMAGES, Ground.UNLAWFUL, reason)
    erasure.decided_by, erasure.confirmed_by = first, last
    erasure.save(force_insert=True)
    # Bytes that another subject's row names, too, never left the archive.
    gone = [asdict(image) for image in imaging.images_of(subject) if not imaging.is_stored(image)]
    bury(by=by, erasure=erasure, subjects=[subject], done=Destroyed(deliveries=[str(row.pk)], images=gone))

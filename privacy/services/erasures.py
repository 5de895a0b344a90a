"""Erasure by two people: one decides and signs, another confirms and signs, and then it is carried out (GDPR 17)."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.selectors import Signed
from audit.services import canonical, record
from audit.signing import Offer, Proof, offer, sha256_of, sign, signing
from imaging.services import seclusion
from privacy.models import Erasure, Tombstone
from privacy.selectors import is_retention_over
from privacy.services import tombstones
from privacy.services.destruction import destroy, inventory
from privacy.standing import has_valid_consent, is_collected_from
from trials import access, refusals
from trials.models import Subject, Trial
from trials.roles import Act
from trials.selectors import subjects_of

FORMAT = "corelab-erasure-1"
MEANINGS = (Meaning.APPROVAL, Meaning.RESPONSIBILITY)
Level, Ground, State = Erasure.Level, Erasure.Ground, Erasure.State
# Whoever may stop the use of a subject's data may agree to end it; deciding is for the data protection officer alone.
CONFIRM = Act.SUBJECT_RESTRICT
_AFTER_RETENTION = "GDPR 17(3)(d), 89: research and archiving; nothing links it to a person any more"
_LAW = "GDPR 17(3)(b) legal duty (CTR 58), (c) public health, (d) research and archiving"
_EVIDENCE = "GDPR 17(3)(b) legal duty (21 CFR 11.10(e), CTR 58), (e) legal claims"
STAYS = {
    Level.LINK: "coded images and everything measured, read and reported from them",
    Level.EVERYTHING: "what was measured, read and reported under the code, without images",
}
_ALWAYS = (
    ("the audit trail, signatures and reports released before", _EVIDENCE),
    ("identifiers and hashes of what was destroyed, as proof that it was", _EVIDENCE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be destroyed, on which ground and why."""

    level: Erasure.Level
    ground: Erasure.Ground
    reason: str


def stays(level: str, ground: str) -> list[dict[str, str]]:
    """Return what an erasure leaves, each with the law that keeps it (P07)."""
    law = _AFTER_RETENTION if ground == Ground.RETENTION_OVER else _LAW
    kept = ((STAYS[Level(level)], law), *_ALWAYS)
    return [{"what": what, "ground": by_law} for what, by_law in kept]


@refusals.told("privacy.refused")
def offer_decision(*, by: Actor, trial: Trial, subject: Subject | None, wish: Wish) -> Offer:
    """Return what a decision would sign. Raises ValidationError as `decide` does before that."""
    by = access.require(by, Act.ERASURE_DECIDE, trial)
    _refuse(trial, subject, wish.level, wish.ground, wish.reason)
    return offer(by=by, obj=subject or trial, contents=_decision(trial, subject, wish), meanings=MEANINGS)


@refusals.told("privacy.refused")
@signing
def decide(*, by: Actor, trial: Trial, subject: Subject | None, wish: Wish, proof: Proof) -> Erasure:
    """Decide on an erasure; nothing is destroyed before another person confirms.

    Without a subject it is the destruction at the end of a trial's retention. Raises SignatureRefused as `sign`, and
    ValidationError: `no-reason`, `must-stay` where law keeps the coded images, `collecting` while scans are
    still taken, `not-over` before retention has ended,
    `waits` where one waits already, `erased`.
    """
    by = access.require(by, Act.ERASURE_DECIDE, trial)
    Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
    _refuse(trial, subject, wish.level, wish.ground, wish.reason)
    signature = sign(
        by=by,
        proof=proof,
        obj=subject or trial,
        contents=_decision(trial, subject, wish),
        meanings=MEANINGS,
        trial_code=trial.code,
    )
    erasure = Erasure.objects.create(
        trial=trial,
        subject=subject,
        level=wish.level,
        ground=wish.ground,
        reason=wish.reason.strip(),
        decided_by=by.id,
        decided_at=signature.at,
        decision_signature_id=signature.pk,
    )
    _tell(by, erasure, "erasure.decided", wish.reason)
    return erasure


def _decision(trial: Trial, subject: Subject | None, wish: Wish) -> dict[str, Any]:
    return {
        "trial": trial.code,
        "subject": subject.code if subject else "every subject of the trial",
        "destroyed": str(wish.level.label),
        "ground": str(wish.ground.label),
        "reason": wish.reason.strip(),
        "stays": stays(wish.level, wish.ground),
    }


def _refuse(trial: Trial, subject: Subject | None, level: str, ground: str, reason: str) -> None:
    if not reason.strip():
        raise ValidationError(_("Say why. Nothing was decided."), code="no-reason")
    if trial.erasures.filter(subject=subject, state=State.PROPOSED).exists():
        raise ValidationError(
            _("An erasure waits for the second person already. Confirm or drop that one first."), code="waits"
        )
    _refuse_law(trial, subject, level, ground)


def _refuse_law(trial: Trial, subject: Subject | None, level: str, ground: str) -> None:
    """Coded data that a law keeps are not destroyed by whoever asks (GDPR 17(3)); identity may always go."""
    if subject is None and (level != Level.EVERYTHING or ground != Ground.RETENTION_OVER):
        raise ValidationError(
            _("A whole trial is destroyed at the end of its retention only, and then with its images."),
            code="must-stay",
        )
    if ground == Ground.RETENTION_OVER and not is_retention_over(trial):
        raise ValidationError(
            _("The time of retention is not over, or the trial's end is not recorded. Nothing was decided."),
            code="not-over",
        )
    if subject is not None and ground != Ground.RETENTION_OVER and is_collected_from(subject):
        raise ValidationError(
            _(
                "Scans of this subject are still collected: to erase and go on collecting would break the law. Have "
                "the site record the withdrawal first, then decide. Nothing was decided."
            ),
            code="collecting",
        )
    if subject is not None and level == Level.EVERYTHING and seclusion.is_held(subject):
        raise ValidationError(
            _(
                "Images of this subject lie out of analysis already: sponsor and data protection officer decide there "
                "whether they are destroyed. Here choose the link to the person alone. Nothing was decided."
            ),
            code="secluded",
        )
    if subject is not None and level == Level.EVERYTHING and not _may_lose_images(subject, ground):
        raise ValidationError(
            _(
                "The law keeps the coded images of this subject: GDPR 17(3)(b), (c) and (d). Choose the link to the "
                "person alone, or name the ground that lets them go: no valid consent, a law that demands it, or the "
                "end of retention. Nothing was decided."
            ),
            code="must-stay",
        )


def _may_lose_images(subject: Subject, ground: str) -> bool:
    if ground == Ground.UNLAWFUL:
        return not has_valid_consent(subject)
    return ground in (Ground.LEGAL_DUTY, Ground.RETENTION_OVER)


@refusals.told("privacy.refused")
def offer_confirmation(*, by: Actor, erasure: Erasure) -> Offer:
    """Return what a confirmation would sign. Raises ValidationError as `confirm` does before that."""
    by = access.require(by, CONFIRM, erasure)
    _refuse_confirmation(by, erasure)
    return offer(by=by, obj=erasure, contents=_confirmation(erasure), meanings=MEANINGS)


@refusals.told("privacy.refused")
@signing
def confirm(*, by: Actor, erasure: Erasure, proof: Proof) -> Tombstone:
    """Confirm an erasure and carry it out.

    Raises SignatureRefused as `sign`, and ValidationError: `wrong-state`, `one-person` for who decided it, and as
    `decide` where the law keeps by now what it did not before.
    """
    by = access.require(by, CONFIRM, erasure)
    erasure = Erasure.objects.select_for_update(of=("self",)).select_related("trial", "subject").get(pk=erasure.pk)
    _refuse_confirmation(by, erasure)
    signature = sign(
        by=by,
        proof=proof,
        obj=erasure,
        contents=_confirmation(erasure),
        meanings=MEANINGS,
        trial_code=erasure.trial.code,
    )
    erasure.state, erasure.confirmed_by, erasure.confirmed_at = State.DONE, by.id, signature.at
    erasure.confirmation_signature_id = signature.pk
    erasure.save(update_fields=["state", "confirmed_by", "confirmed_at", "confirmation_signature_id"])
    return _carry_out(by, erasure, signature)


def _refuse_confirmation(by: Actor, erasure: Erasure) -> None:
    if erasure.state != State.PROPOSED:
        raise ValidationError(
            _("This erasure was carried out or dropped already. Nothing was changed."), code="wrong-state"
        )
    if erasure.decided_by == by.id:
        raise ValidationError(
            _("You decided on this erasure. Another person confirms it; nothing was destroyed."), code="one-person"
        )
    _refuse_law(erasure.trial, erasure.subject, erasure.level, erasure.ground)


def _confirmation(erasure: Erasure) -> dict[str, Any]:
    return {
        "erasure": str(erasure.pk),
        "trial": erasure.trial.code,
        "level": erasure.get_level_display(),
        "ground": erasure.get_ground_display(),
        "reason": erasure.reason,
        "decided_by": erasure.decided_by,
        "decided_at": erasure.decided_at,
        "reaches": inventory(subjects_in(erasure), erasure.level),
        "stays": stays(erasure.level, erasure.ground),
    }


def subjects_in(erasure: Erasure) -> list[Subject]:
    """Return whom the erasure is about: one subject, or all of the trial that were not erased whole before."""
    rows = subjects_of(erasure.trial).order_by("code")
    return list(rows.filter(pk=erasure.subject_id) if erasure.subject_id else rows)


def _carry_out(by: Actor, erasure: Erasure, signature: Signed) -> Tombstone:
    subjects = subjects_in(erasure)
    done = destroy(by=by, subjects=subjects, level=erasure.level, reason=erasure.reason)
    contents: dict[str, Any] = json.loads(
        canonical(_contents(erasure, subjects, signature) | {"destroyed": asdict(done)})
    )
    tombstone = bury(erasure.trial, contents)
    _tell(by, erasure, "erasure.done", erasure.reason, {"contents_sha256": tombstone.contents_sha256})
    # After the commit: a line for what was rolled back would destroy at the next start.
    transaction.on_commit(lambda: tombstones.append(contents))
    return tombstone


def _contents(erasure: Erasure, subjects: list[Subject], signature: Signed) -> dict[str, Any]:
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
        "decision_signature": str(erasure.decision_signature_id),
        "confirmed_by": erasure.confirmed_by,
        "confirmed_at": signature.at,
        "confirmation_signature": str(signature.pk),
        "stays": stays(erasure.level, erasure.ground),
    }


def bury(trial: Trial, contents: dict[str, Any]) -> Tombstone:
    """Set the tombstone."""
    return Tombstone.objects.create(
        id=contents["id"],
        trial=trial,
        contents=canonical(contents),
        contents_sha256=sha256_of(contents),
        at=timezone.now(),
    )


@refusals.told("privacy.refused")
@transaction.atomic
def drop(*, by: Actor, erasure: Erasure, reason: str) -> Erasure:
    """Take a decision back before it is carried out. Raises ValidationError: `no-reason`, `wrong-state`."""
    by = access.require(by, CONFIRM, erasure)
    if not reason.strip():
        raise ValidationError(_("Say why it is dropped. Nothing was changed."), code="no-reason")
    erasure = Erasure.objects.select_for_update(of=("self",)).get(pk=erasure.pk)
    if erasure.state != State.PROPOSED:
        raise ValidationError(_("This erasure does not wait any more. Nothing was changed."), code="wrong-state")
    erasure.state = State.DROPPED
    erasure.save(update_fields=["state"])
    _tell(by, erasure, "erasure.dropped", reason)
    return erasure


def _tell(by: Actor, erasure: Erasure, act: str, reason: str, more: dict[str, Any] | None = None) -> None:
    subject = erasure.subject.code if erasure.subject else ""
    after = {"subject": subject, "level": erasure.level, "ground": erasure.ground} | (more or {})
    record(by=by, act=act, obj=erasure, trial_code=erasure.trial.code, after=after, reason=reason)

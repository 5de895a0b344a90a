"""Erasure by two people: one decides and signs, another confirms and signs, and then it is carried out (GDPR 17)."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.english import in_english
from audit.meanings import Meaning
from audit.signing import Offer, Proof, offer, sign, signing
from imaging.services import seclusion
from privacy.models import Erasure, Tombstone
from privacy.selectors import is_retention_over
from privacy.services.burials import bury, stays, tell
from privacy.services.destruction import destroy, inventory
from privacy.standing import has_valid_consent, is_collected_from
from trials import access, refusals
from trials.models import Subject, Trial
from trials.roles import Act
from trials.selectors import subjects_of

MEANINGS = (Meaning.APPROVAL, Meaning.RESPONSIBILITY)
Level, Ground, State = Erasure.Level, Erasure.Ground, Erasure.State
# Whoever may stop the use of a subject's data may agree to end it; deciding is for the data protection officer alone.
CONFIRM = Act.SUBJECT_RESTRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be destroyed, on which ground and why."""

    level: Erasure.Level
    ground: Erasure.Ground
    reason: str


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
    ValidationError: `no-reason`, `must-stay` where law keeps the coded images, `collecting` while scans are still
    taken, `not-over` before retention has ended, `waits` where one waits already, `erased`.
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
    tell(by, erasure, "erasure.decided", wish.reason)
    return erasure


@in_english
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
    is_secluded = subject is not None and level == Level.EVERYTHING and seclusion.is_held(subject)
    if is_secluded or level == Level.IMAGES:
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
    return _carry_out(by, erasure)


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


@in_english
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


def _carry_out(by: Actor, erasure: Erasure) -> Tombstone:
    subjects = subjects_in(erasure)
    done = destroy(by=by, subjects=subjects, level=erasure.level, reason=erasure.reason)
    return bury(by=by, erasure=erasure, subjects=subjects, done=done)


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
    tell(by, erasure, "erasure.dropped", reason)
    return erasure

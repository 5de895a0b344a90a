"""Recording and looking at arms: for who is unblinded by duty alone, and never without an event (design 3e, A10)."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from trials import access, refusals
from trials.keys import trial_key
from trials.models import Subject, SubjectArm, Trial
from trials.roles import Act

LONGEST = 60
_NONCE = 12
# Every sealed arm is of one length: how long a word is would tell which it is.
_PADDED = LONGEST * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One line of what is recorded."""

    subject: str
    arm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A subject's arm as it stands, who recorded it, and what was recorded before, oldest first."""

    subject: str
    arm: str
    by: str
    earlier: tuple[str, ...]


@refusals.told("act.refused")
@transaction.atomic
def write_down(*, by: Actor, trial: Trial, given: Sequence[Given], reason: str) -> int:
    """Record arms, all or none; returns how many were new. The event names subjects and never an arm.

    Raises ValidationError: `unknown` for a code that is no subject of the trial, `arm` for an empty or long one,
    `twice` for a subject named twice, `no-reason` where an arm that stands would change.
    """
    by = access.require(by, Act.ARM_RECORD, trial)
    subjects = _subjects(trial, given)
    standing = {code: _open(trial, rows[-1]) for code, rows in _rows(trial).items()}
    fresh = [one for one in given if standing.get(one.subject) != one.arm]
    if any(one.subject in standing for one in fresh) and not reason.strip():
        raise ValidationError(_("Say why an arm that stands changes. Nothing was recorded."), code="no-reason")
    for one in fresh:
        subject = subjects[one.subject]
        SubjectArm.objects.create(
            subject=subject, sealed=_seal(trial, subject, one.arm), reason=reason, at=timezone.now(), by=by.id
        )
        record(by=by, act="arm.recorded", obj=subject, trial_code=trial.code, reason=reason)
    return len(fresh)


@transaction.atomic
def look(*, by: Actor, trial: Trial) -> list[Shown]:
    """Return the arms of the trial, and keep who looked at them."""
    by = access.require(by, Act.ARM_VIEW, trial)
    shown = [_shown(trial, code, rows) for code, rows in sorted(_rows(trial).items())]
    record(by=by, act="arms.viewed", obj=trial, trial_code=trial.code, after={"subjects": len(shown)})
    return shown


def recorded_for(subject: Subject) -> str | None:
    """Return the arm as it stands, None where none is recorded; whoever hands it out asks first and keeps an event."""
    row = SubjectArm.objects.filter(subject=subject).order_by("-id").first()
    return None if row is None else _open(subject.trial_site.trial, row)


def _shown(trial: Trial, code: str, rows: list[SubjectArm]) -> Shown:
    *earlier, arm = (_open(trial, row) for row in rows)
    return Shown(subject=code, arm=arm, by=rows[-1].by, earlier=tuple(earlier))


def _rows(trial: Trial) -> dict[str, list[SubjectArm]]:
    found: dict[str, list[SubjectArm]] = {}
    rows = SubjectArm.objects.filter(subject__trial_site__trial=trial).select_related("subject").order_by("id")
    for row in rows:
        found.setdefault(row.subject.code, []).append(row)
    return found


def _subjects(trial: Trial, given: Sequence[Given]) -> dict[str, Subject]:
    found = Subject.objects.select_for_update(of=("self",)).filter(trial_site__trial=trial)
    known = {subject.code: subject for subject in found.filter(code__in=[one.subject for one in given])}
    if unknown := sorted({one.subject for one in given} - set(known)):
        raise ValidationError(
            _("No subject of this trial has the code: %(codes)s. Nothing was recorded."),
            code="unknown",
            params={"codes": ", ".join(unknown)},
        )
    if len(known) < len(given):
        raise ValidationError(_("A subject is named twice. Nothing was recorded."), code="twice")
    if any(not 0 < len(one.arm) <= LONGEST for one in given):
        raise ValidationError(
            _("An arm has 1 to %(most)s characters. Nothing was recorded."), code="arm", params={"most": LONGEST}
        )
    return known


def _seal(trial: Trial, subject: Subject, arm: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _cipher(trial).encrypt(nonce, arm.encode().ljust(_PADDED, b"\0"), _place(subject.pk))


def _open(trial: Trial, row: SubjectArm) -> str:
    sealed = bytes(row.sealed)
    plain = _cipher(trial).decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(row.subject_id))
    return plain.rstrip(b"\0").decode()


def _cipher(trial: Trial) -> AESGCM:
    return AESGCM(hmac.new(trial_key(trial), b"arms", hashlib.sha256).digest())


def _place(subject_id: int) -> bytes:
    """Bind a sealed arm to its subject: moved to another row it does not open."""
    return f"trials.SubjectArm.sealed:{subject_id}".encode()

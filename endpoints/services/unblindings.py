"""Recording every unblinding with its impact, and deciding whether a reader it touches reads on (C10, E6 4.1.4)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import because
from audit.meanings import Meaning
from audit.services import record
from audit.signing import Offer, Proof, offer, sign, signing
from endpoints.models import Assignment, UnblindedCase, Unblinding
from endpoints.models.unblindings import key_of
from trials import access, closures, refusals
from trials.models import Subject, Trial, User
from trials.models.subjects import FIRST_DAY
from trials.roles import BLINDED, Act

MEANINGS = (Meaning.AUTHORSHIP, Meaning.RESPONSIBILITY)
Kind, Decision = Unblinding.Kind, UnblindedCase.Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUnblinding:
    """What is written down: `subjects` by code, `readers` by account name; both may be empty."""

    kind: Unblinding.Kind
    happened_on: dt.date
    who: str
    known: str
    impact: str
    action: str
    subjects: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Touched:
    subjects: Sequence[Subject]
    readers: Sequence[User]


def blinded_of(trial: Trial) -> list[User]:
    """Everybody who reads or adjudicates in the trial today, or was ever given a case of it, by name."""
    seats = access.current_memberships().filter(trial=trial, role__in=BLINDED).values("user")
    given = Assignment.objects.filter(time_point__subject__trial_site__trial=trial).values("reader")
    return list(User.objects.filter(Q(pk__in=seats) | Q(pk__in=given)).order_by("last_name", "username"))


@refusals.told("act.refused")
def offer_entry(*, by: Actor, trial: Trial, new: NewUnblinding) -> Offer:
    """Return what an entry would sign. Raises ValidationError as `enter` does before the signature."""
    by = access.require(by, Act.UNBLINDING_RECORD, trial)
    _touched(trial, new)
    return offer(by=by, obj=_next(trial, new), contents=_contents(trial, new), meanings=MEANINGS)


@refusals.told("act.refused")
@signing
def enter(*, by: Actor, trial: Trial, new: NewUnblinding, proof: Proof) -> Unblinding:
    """Sign an entry; from the commit on its readers open nothing unread of its subjects until somebody decides.

    Raises ValidationError: `incomplete`, `date`, `subjects` or `readers` for whom the trial does not have, `open`
    where a planned unblinding would come before the data are closed for edits (C09), and SignatureRefused as
    `audit.signing.sign`.
    """
    by = access.require(by, Act.UNBLINDING_RECORD, trial)
    Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
    touched = _touched(trial, new)
    made = _next(trial, new)
    contents = _contents(trial, new)
    signature = sign(by=by, proof=proof, obj=made, contents=contents, meanings=MEANINGS, trial_code=trial.code)
    made.by, made.by_name, made.at, made.record_sha256 = by.id, by.name, signature.at, signature.record_sha256
    made.save(force_insert=True)
    pairs = [(subject, reader) for subject in touched.subjects for reader in touched.readers]
    UnblindedCase.objects.bulk_create(
        UnblindedCase(unblinding=made, subject=subject, reader=reader) for subject, reader in pairs
    )
    after = {"number": made.number, "kind": made.kind, "subjects": made.subjects, "cases": len(pairs)}
    record(by=by, act="unblinding.recorded", obj=made, trial_code=trial.code, after=after)
    return made


@refusals.told("act.refused")
@transaction.atomic
def decide(*, by: Actor, case: UnblindedCase, decision: UnblindedCase.Decision, reason: str) -> UnblindedCase:
    """Let a reader read on, or stop what is unread of the subject for good.

    Raises ValidationError: `no-reason`, `wrong-state` where it is decided already.
    """
    by = access.require(by, Act.UNBLINDING_DECIDE, case)
    if not reason.strip() or decision == Decision.WAITING:
        raise ValidationError(_("Decide, and say why. Nothing was changed."), code="no-reason")
    held = UnblindedCase.objects.select_for_update(of=("self",)).select_related("unblinding__trial").get(pk=case.pk)
    if held.decision != Decision.WAITING:
        raise ValidationError(_("This is decided already. Nothing was changed."), code="wrong-state")
    held.decision, held.reason, held.decided_at, held.decided_by = decision, reason.strip(), timezone.now(), by.id
    with because(held.reason):
        held.save(update_fields=["decision", "reason", "decided_at", "decided_by"])
        stopped = _stop(held) if decision == Decision.STOP else 0
    after = {"decision": decision, "stopped": stopped}
    code = held.unblinding.trial.code
    record(by=by, act="unblinding.decided", obj=held, trial_code=code, after=after, reason=held.reason)
    return held


def _stop(case: UnblindedCase) -> int:
    unread = Assignment.objects.filter(
        time_point__subject=case.subject_id, reader=case.reader_id, state=Assignment.State.OPEN
    )
    return unread.update(state=Assignment.State.STOPPED)


def _next(trial: Trial, new: NewUnblinding) -> Unblinding:
    number = trial.unblindings.count() + 1
    told = asdict(new) | {"subjects": sorted(set(new.subjects)), "readers": sorted(set(new.readers))}
    return Unblinding(pk=key_of(trial_id=trial.pk, number=number), trial=trial, number=number, **told)


def _contents(trial: Trial, new: NewUnblinding) -> dict[str, Any]:
    made = _next(trial, new)
    told = asdict(new) | {"kind": str(new.kind), "subjects": made.subjects, "readers": made.readers}
    return {"trial": trial.code, "number": made.number} | told


def _touched(trial: Trial, new: NewUnblinding) -> _Touched:
    if not all(text.strip() for text in (new.who, new.known, new.impact, new.action)):
        raise ValidationError(
            _("Say who learned it, what kind of thing, what it means and what was done. Nothing was recorded."),
            code="incomplete",
        )
    if not FIRST_DAY <= new.happened_on <= timezone.localdate():
        raise ValidationError(_("That day has not come yet, or lies before any trial. Check the day."), code="date")
    if new.kind == Kind.PLANNED and not closures.is_closed(trial.pk):
        raise ValidationError(
            _("Nobody is unblinded by plan while data can still change: close the data for edits first."), code="open"
        )
    subjects = list(Subject.objects.filter(trial_site__trial=trial, code__in=new.subjects).order_by("code"))
    readers = [user for user in blinded_of(trial) if user.get_username() in new.readers]
    if unknown := set(new.subjects) - {subject.code for subject in subjects}:
        raise ValidationError(
            _("No subject of this trial has the code: %(codes)s. Nothing was recorded."),
            code="subjects",
            params={"codes": ", ".join(sorted(unknown))},
        )
    if len(readers) < len(set(new.readers)):
        raise ValidationError(_("One of these people never read in this trial. Nothing was recorded."), code="readers")
    return _Touched(subjects, readers)

"""Closing a trial's data for edits by a signed act, and opening them again: reasoned, by two people, for a time (C09).

What the law lets a person demand at any time is no edit: consent is taken back, data restricted or erased as before.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.services import record
from audit.signing import Offer, Proof, offer, sign, signing
from trials import access, closures, refusals
from trials.models import Closure, TimePoint, Trial
from trials.models.closures import key_of
from trials.models.subjects import FIRST_DAY
from trials.roles import Act

Kind = Closure.Kind
MEANINGS = (Meaning.APPROVAL, Meaning.RESPONSIBILITY)
# Long enough for a weekend in between, short enough that nobody forgets it open.
LONGEST_HOURS = 168
_ACTS = {Kind.CLOSED: "data.closed", Kind.ASKED: "data.opening_asked", Kind.OPENED: "data.opened"}
_RIGHTS = {Kind.CLOSED: Act.DATA_CLOSE, Kind.ASKED: Act.DATA_CLOSE, Kind.OPENED: Act.DATA_OPEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to be signed: `cut_off` of a closing, `hours` of what is asked for."""

    kind: Closure.Kind
    reason: str
    cut_off: dt.date | None = None
    hours: int | None = None


def waiting(trial: Trial) -> Closure | None:
    """Return the request to open again that nobody has answered yet, by an opening or by closing anew."""
    latest = trial.closures.order_by("-number").first()
    return latest if latest is not None and latest.kind == Kind.ASKED else None


@refusals.told("act.refused")
def offer_step(*, by: Actor, trial: Trial, step: Step) -> Offer:
    """Return what the step would sign. Raises ValidationError as `take_step` does before the signature."""
    by = access.require(by, _RIGHTS[step.kind], trial)
    _refuse(by, trial, step)
    made = _next(trial, step)
    return offer(by=by, obj=made, contents=_contents(made), meanings=MEANINGS)


@refusals.told("act.refused")
@signing
def take_step(*, by: Actor, trial: Trial, step: Step, proof: Proof) -> Closure:
    """Sign one step; it is in force with the commit.

    Raises ValidationError: `no-reason`, `date` for a cut-off to come, `hours`, `wrong-state` where the data are
    closed (or open) already or nothing was asked, `same-person` where who asked would open, and SignatureRefused as
    `audit.signing.sign`.
    """
    closures.hold_steps(trial.pk)
    by = access.require(by, _RIGHTS[step.kind], trial)
    _refuse(by, trial, step)
    made = _next(trial, step)
    contents = _contents(made)
    signature = sign(by=by, proof=proof, obj=made, contents=contents, meanings=MEANINGS, trial_code=trial.code)
    made.by, made.by_name, made.at, made.record_sha256 = by.id, by.name, signature.at, signature.record_sha256
    if made.kind == Kind.OPENED and made.hours is not None:
        made.until = made.at + dt.timedelta(hours=made.hours)
    made.save(force_insert=True)
    after = {"number": made.number, "cut_off": made.cut_off, "hours": made.hours, "until": made.until}
    record(by=by, act=_ACTS[step.kind], obj=made, trial_code=trial.code, after=after, reason=made.reason)
    return made


def _next(trial: Trial, step: Step) -> Closure:
    number = trial.closures.count() + 1
    asked = waiting(trial) if step.kind == Kind.OPENED else None
    hours = asked.hours if asked else step.hours
    return Closure(
        pk=key_of(trial_id=trial.pk, number=number),
        trial=trial,
        number=number,
        kind=step.kind,
        cut_off=step.cut_off,
        hours=hours,
        reason=step.reason.strip(),
    )


def _contents(made: Closure) -> dict[str, Any]:
    """Return what is signed; a closing tells how far the data had come, an opening whose request it grants."""
    told: dict[str, Any] = {
        "trial": made.trial.code,
        "number": made.number,
        "step": str(made.kind),
        "reason": made.reason,
    }
    if made.kind == Kind.CLOSED:
        return told | {"cut_off": made.cut_off, "subjects": _subjects(made.trial), "time_points": _visits(made.trial)}
    asked = waiting(made.trial) if made.kind == Kind.OPENED else None
    granted = {"asked_by": asked.by_name, "asked_because": asked.reason} if asked else {}
    return told | {"hours": made.hours} | granted


def _subjects(trial: Trial) -> int:
    return sum(site.subjects.count() for site in trial.sites.all())


def _visits(trial: Trial) -> dict[str, int]:
    """Return how many time points stand in which state: what is closed unfinished is signed as unfinished."""
    states = TimePoint.objects.filter(subject__trial_site__trial=trial).order_by("pk").values_list("state", flat=True)
    return dict(sorted(Counter(states).items()))


def _refuse(by: Actor, trial: Trial, step: Step) -> None:
    if not step.reason.strip():
        raise ValidationError(_("Say why. Nothing was changed."), code="no-reason")
    is_closed = closures.is_closed(trial.pk)
    if step.kind == Kind.CLOSED:
        _refuse_closing(trial, step, is_closed=is_closed)
    elif not is_closed:
        raise ValidationError(
            _("The data of this trial are open for edits now. Nothing was changed."), code="wrong-state"
        )
    elif step.kind == Kind.ASKED:
        _refuse_asking(trial, step)
    else:
        _refuse_opening(by, trial)


def _refuse_closing(trial: Trial, step: Step, *, is_closed: bool) -> None:
    if is_closed and waiting(trial) is None:
        raise ValidationError(_("The data are closed already. Nothing was changed."), code="wrong-state")
    if trial.state != Trial.State.OPEN:
        raise ValidationError(_("Only an open trial has data to close. Nothing was changed."), code="wrong-state")
    if step.cut_off is None or not FIRST_DAY <= step.cut_off <= timezone.localdate():
        raise ValidationError(_("The cut-off lies in the future, or before any trial. Check the day."), code="date")


def _refuse_asking(trial: Trial, step: Step) -> None:
    if waiting(trial) is not None:
        raise ValidationError(
            _("Opening again is asked for already, and waits for a second person."), code="wrong-state"
        )
    if step.hours is None or not 1 <= step.hours <= LONGEST_HOURS:
        raise ValidationError(
            _("Data are opened again for 1 to %(hours)s hours."), code="hours", params={"hours": LONGEST_HOURS}
        )


def _refuse_opening(by: Actor, trial: Trial) -> None:
    asked = waiting(trial)
    if asked is None:
        raise ValidationError(_("Nobody has asked for the data to be opened again."), code="wrong-state")
    if asked.by == by.id:
        raise ValidationError(
            _("You asked for this yourself: another person opens the data again. Nothing was changed."),
            code="same-person",
        )

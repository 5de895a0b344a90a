"""Withdrawal over all floors: what it will do to this very subject, doing it in one transaction, and who is told."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from audit.actor import Actor
from audit.context import because
from audit.services import canonical, record
from endpoints.models import Assignment
from endpoints.services import voiding
from imaging.models import Instance, Submission
from imaging.services import seclusion
from imaging.services.road import WORKING
from privacy.models import Erasure
from privacy.services.burials import bury_link
from privacy.services.destruction import destroy
from privacy.services.recipients import Recipient, earlier_recipients, reports_about
from trials import access, refusals
from trials.agreement import EFFECTS, GATES, Effect, Gate, Level
from trials.models import Consent, Subject, TimePoint
from trials.roles import Act
from trials.services import consent
from trials.services import withdrawal as consents
from trials.services.withdrawal import NewWithdrawal

# So many things are named on the page; the rest is counted.
_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What becomes of one kind of thing: how many there are of this subject, and the first of them by name."""

    title: str
    effect: str
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Everything that will happen. `seen` names it, so that what is confirmed is what was shown."""

    parts: tuple[Part, ...]
    recipients: tuple[Recipient, ...]
    is_final: bool

    @property
    def seen(self) -> str:
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()


@refusals.told("privacy.refused")
def preview(*, by: Actor, subject: Subject, new: NewWithdrawal) -> Preview:
    """Tell what the withdrawal will do, in counts and names. Raises ValidationError as `withdraw`."""
    access.require(by, Act.CONSENT_RECORD, subject)
    consents.refuse_misfit(subject, consent.standing_of(subject), new)
    return Preview(
        parts=tuple(_parts(subject, new)),
        recipients=earlier_recipients(subject) if _tells_recipients(new) else (),
        is_final=new.level is not None and new.level.is_final,
    )


def _tells_recipients(new: NewWithdrawal) -> bool:
    return new.level is not None and new.level >= Level.W4


@refusals.told("privacy.refused")
@transaction.atomic
def withdraw(*, by: Actor, subject: Subject, new: NewWithdrawal, seen: str) -> Consent:
    """Withdraw on all floors at once; `seen` is that of the preview that was confirmed.

    W5 also erases the link to the person, W6 voids reads and has the images taken out of the archive. Raises
    ValidationError: `changed` where something new would be touched, and as `trials.services.withdrawal.withdraw`.
    """
    by = access.require(by, Act.CONSENT_RECORD, subject)
    if preview(by=by, subject=subject, new=new).seen != seen:
        raise ValidationError(
            _("Something changed since this page was shown. Nothing was done: look at it once more, then confirm."),
            code="changed",
        )
    row = consents.withdraw(by=by, subject=subject, new=new)
    if new.level == Level.W5:
        _erase_link(by, subject, new.reason)
    if new.level == Level.W6:
        voiding.void_reads(by=by, subject=subject, reason=new.reason)
        seclusion.begin(by=by, subject=subject, reason=new.reason)
    return row


def _erase_link(by: Actor, subject: Subject, reason: str) -> None:
    """Destroy what could tell whose the coded images are, which stay (W5)."""
    with because(reason):
        done = destroy(by=by, subjects=[subject], level=Erasure.Level.LINK, reason=reason)
        bury_link(by=by, subject=subject, reason=reason, done=done)
    code = subject.trial_site.trial.code
    after = {"level": Level.W5, "identity": done.identity}
    record(by=by, act="subject.unlinked", obj=subject, trial_code=code, after=after, reason=reason)


_EFFECTS = {
    Effect.OPEN: __("goes on"),
    Effect.FOLLOW_UP: __("only scans of routine care, each confirmed by the site"),
    Effect.EARLIER: __("refused; only what was acquired before, each scan confirmed by the investigator"),
    Effect.FINISH: __("what was assigned before is finished"),
    Effect.MARKED: __("goes on, marked with date and level"),
    Effect.CLOSED: __("ends at once"),
}


def _told(gate: Gate, new: NewWithdrawal) -> str:
    if new.level is not None:
        return str(_EFFECTS[EFFECTS[gate, new.level]])
    ends = GATES[gate].module.value in new.modules
    return str(_EFFECTS[Effect.CLOSED if ends else Effect.OPEN])


def _parts(subject: Subject, new: NewWithdrawal) -> Iterator[Part]:
    on_way = Submission.objects.filter(
        time_point__subject=subject, state__in=(Submission.State.RECEIVING, *WORKING)
    ).order_by("pk")
    yield _part(_("Deliveries on their way, and new ones"), _told(Gate.RECEIVE, new), map(str, on_way))
    yield _stored(subject, new)
    planned = TimePoint.objects.filter(subject=subject, state=TimePoint.State.EXPECTED).order_by("due_on")
    yield _part(
        _("Time points still expected"),
        _("stop; they count as overdue no more") if _stops(new) else _told(Gate.RECEIVE, new),
        (each.scheduled.code for each in planned.select_related("scheduled")),
    )
    yield _reads(subject, new)
    yield _part(_("Reads not assigned yet"), _told(Gate.ASSIGN, new), _unassigned(subject))
    yield _part(_("Computing on the images"), _told(Gate.COMPUTE, new), ())
    reports = (_("report %(number)s") % {"number": each.number} for each in reports_about(subject))
    yield _part(
        _("Results to the sponsor; signed reports stay as they are, the next one lists this"),
        _told(Gate.EXPORT, new),
        reports,
    )
    yield _part(_("Other research"), _told(Gate.SECONDARY, new), ())
    yield from _link(new)


def _stops(new: NewWithdrawal) -> bool:
    return new.level is not None and new.level.stops_collection


def _part(title: str, effect: str, names: Iterator[str] | tuple[str, ...]) -> Part:
    told = tuple(names)
    return Part(title=title, effect=effect, count=len(told), names=told[:_NAMED])


def _stored(subject: Subject, new: NewWithdrawal) -> Part:
    images = Instance.every.filter(series__study__time_point__subject=subject)
    codes = images.order_by("series__study__time_point__due_on").values_list(
        "series__study__time_point__scheduled__code", flat=True
    )
    effect = (
        _(
            "go back into the encrypted quarantine, out of every analysis; only sponsor and data protection officer "
            "together destroy them"
        )
        if new.level == Level.W6
        else _("stay for the purpose of the trial")
        if _stops(new)
        else _("stay")
    )
    return Part(
        title=_("Images stored"), effect=effect, count=images.count(), names=tuple(dict.fromkeys(codes))[:_NAMED]
    )


def _reads(subject: Subject, new: NewWithdrawal) -> Part:
    cases = Assignment.objects.filter(time_point__subject=subject).order_by("position")
    is_void = new.level == Level.W6
    if not is_void:
        cases = cases.filter(state=Assignment.State.OPEN)
    effect = _("voided, with the reason given here; locked ones stay readable") if is_void else _told(Gate.READ, new)
    return _part(
        _("Reads, locked or not") if is_void else _("Reads assigned and not finished"),
        effect,
        (each.time_point.scheduled.code for each in cases.select_related("time_point__scheduled")),
    )


def _unassigned(subject: Subject) -> Iterator[str]:
    waiting = TimePoint.objects.filter(subject=subject, state=TimePoint.State.ACCEPTED, assignments__isnull=True)
    return (each.scheduled.code for each in waiting.select_related("scheduled"))


def _link(new: NewWithdrawal) -> Iterator[Part]:
    if new.level == Level.W5:
        yield _part(
            _("The link between code and person"),
            _("erased for good here; the site strikes the line in its own list"),
            (),
        )

"""Who received something of a subject before, the notice they get once consent is gone, and who was told (GDPR 19)."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from audit.actor import Actor
from audit.context import widened
from audit.selectors import history
from audit.services import record
from privacy.models import Permit
from privacy.services import pseudonyms
from reports.models import Report
from reports.services import read as contents_of
from trials import access, refusals
from trials.agreement import Level, Standing
from trials.models import Disclosure, Subject
from trials.roles import Act
from trials.selectors import recipients_of
from trials.services import consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who received something of the subject, what, when, and under which id: the code, or one of its own."""

    name: str
    what: str
    on: dt.date
    known_as: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The text for those recipients who know the subject by one and the same id."""

    text: str
    recipients: tuple[Recipient, ...]


@widened("who received something is told to whoever takes consent back")
def earlier_recipients(subject: Subject) -> tuple[Recipient, ...]:
    """Return everyone to whom the ledger says that something of the subject went, oldest first."""
    lines = recipients_of(subject).order_by("at", "pk")
    return tuple(
        Recipient(name=line.recipient, what=line.what, on=line.at.date(), known_as=_known_as(subject, line))
        for line in lines
    )


def _known_as(subject: Subject, line: Disclosure) -> str:
    """Return the id under which the recipient knows the subject: the code would join what a permit keeps apart."""
    if not line.permit:
        return subject.code
    return pseudonyms.id_of(Permit.objects.get(trial=line.trial_id, number=line.permit), subject)


@widened("who received something is told to whoever takes consent back")
def reports_about(subject: Subject) -> list[Report]:
    """Return the reports that tell something of the subject, oldest first."""
    reports = subject.trial_site.trial.reports.select_related("trial")
    return [report for report in reports.order_by("number") if subject.code in contents_of(report).subjects]


_NEVER_VALID = __(
    "Subject %(code)s of trial %(trial)s never validly consented (found on %(on)s). Stop every use of images and "
    "results of this subject, destroy your copies, take the subject out of every analysis that is not final, and "
    "confirm this in writing. Signed reports are not changed; the next one lists this."
)
_WITHDREW = __(
    "Subject %(code)s of trial %(trial)s withdrew on %(on)s, also from other research. Use images and results of this "
    "subject for nothing but the trial itself, take the subject out of every later data set for other research, and "
    "confirm this in writing."
)


def notices(subject: Subject) -> tuple[Notice, ...]:
    """Return the texts for everybody who received something of the subject before, each with the id known there alone.

    Raises ValidationError (`wrong-state`) below W4, where nobody has to be told.
    """
    standing = _withdrawn(subject)
    by_id: dict[str, list[Recipient]] = {}
    for one in earlier_recipients(subject):
        by_id.setdefault(one.known_as, []).append(one)
    return tuple(
        Notice(text=_text(subject, standing, known_as), recipients=tuple(told))
        for known_as, told in (by_id or {subject.code: []}).items()
    )


def _text(subject: Subject, standing: Standing, known_as: str) -> str:
    told = {"code": known_as, "trial": subject.trial_site.trial.code, "on": standing.withdrawn_on}
    return str(_NEVER_VALID if standing.level == Level.W6 else _WITHDREW) % told


def _withdrawn(subject: Subject) -> Standing:
    standing = consent.standing_of(subject)
    if standing.level is None or standing.level < Level.W4 or standing.withdrawn_on is None:
        raise ValidationError(_("This subject did not withdraw at a level that recipients are told of."), "wrong-state")
    return standing


def told_on(subject: Subject) -> dict[str, dt.date]:
    """Return by name the recipients who were told of the withdrawal that stands, and on which day."""
    level, found = consent.standing_of(subject).level, dict[str, dt.date]()
    for event in history(subject).filter(act=_TOLD).order_by("sequence"):
        after = json.loads(event.after)
        if after.get("level") == level:
            found |= dict.fromkeys(after["recipients"], dt.date.fromisoformat(after["on"]))
    return found


_TOLD = "recipients.told"


@refusals.told("privacy.refused")
@transaction.atomic
def keep_told(*, by: Actor, subject: Subject, names: Sequence[str], on: dt.date) -> None:
    """Keep that recipients were told of the withdrawal that stands.

    Raises ValidationError: `wrong-state` below W4, `unknown` for a name that received nothing, `date` for a day before
    the withdrawal or to come.
    """
    by = access.require(by, Act.CONSENT_RECORD, subject)
    standing = _withdrawn(subject)
    if not names or set(names) - {one.name for one in earlier_recipients(subject)}:
        raise ValidationError(_("Choose who was told, among those who received something."), code="unknown")
    if standing.withdrawn_on is None or not standing.withdrawn_on <= on <= timezone.localdate():
        raise ValidationError(
            _("Nobody was told before the withdrawal, or on a day to come. Check the day."), code="date"
        )
    after = {"recipients": sorted(set(names)), "level": standing.level, "on": on}
    record(by=by, act=_TOLD, obj=subject, trial_code=subject.trial_site.trial.code, after=after)

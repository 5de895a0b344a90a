"""Who received something of a subject before, and the notice they get once consent is gone."""

import datetime as dt
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from audit.context import widened
from reports.models import Report
from reports.services import read as contents_of
from trials.agreement import Level
from trials.models import Subject
from trials.selectors import recipients_of
from trials.services import consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who received something of the subject, what, and when."""

    name: str
    what: str
    on: dt.date


@widened("who received something is told to whoever takes consent back")
def earlier_recipients(subject: Subject) -> tuple[Recipient, ...]:
    """Return everyone to whom the ledger says that something of the subject went, oldest first."""
    lines = recipients_of(subject).order_by("at", "pk")
    return tuple(Recipient(name=line.recipient, what=line.what, on=line.at.date()) for line in lines)


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


def recall_notice(subject: Subject) -> str:
    """Return the text for everybody who received something of the subject before; it names the code alone.

    Raises ValidationError (`wrong-state`) below W4, where nobody has to be told.
    """
    standing = consent.standing_of(subject)
    if standing.level is None or standing.level < Level.W4 or standing.withdrawn_on is None:
        raise ValidationError(_("This subject did not withdraw at a level that recipients are told of."), "wrong-state")
    told = {"code": subject.code, "trial": subject.trial_site.trial.code, "on": standing.withdrawn_on}
    return str(_NEVER_VALID if standing.level == Level.W6 else _WITHDREW) % told

"""Registering subjects and planning their visits."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import widened
from audit.services import record
from trials import access, closures
from trials.codes import new_code
from trials.models import Charter, ScheduledTimePoint, Subject, TimePoint, TrialSite
from trials.models.subjects import FIRST_DAY
from trials.roles import Act
from trials.services.consent_forms import is_live
from trials.services.consents import NewConsent, today_at, write_paper

# With half of all codes taken, eight misses in a row happen once in 256 registrations.
CODES_TRIED = 8
# A first treatment may be planned, but not further ahead.
PLANNED_AHEAD = dt.timedelta(days=366)


@transaction.atomic
def register(*, by: Actor, trial_site: TrialSite, day_zero: dt.date, consent: NewConsent) -> Subject:
    """Register a consented person under a random code and plan the charter's time points.

    The consent is given and waits for its check; no scan comes before that. Raises ValidationError where the trial or
    site is not open or has no approved form, a day is implausible, no free code was found, and as `consents.give`.
    """
    by = access.require(by, Act.SUBJECT_REGISTER, trial_site)
    refuse_day_zero(day_zero, trial_site)
    charter = _open_charter(trial_site)
    subject = _create(trial_site, day_zero)
    record(
        by=by,
        act="subject.registered",
        obj=subject,
        trial_code=trial_site.trial.code,
        after={"day_zero": day_zero},
    )
    write_paper(by, subject, consent)
    TimePoint.objects.bulk_create(
        TimePoint(subject=subject, scheduled=planned, due_on=due_on(day_zero, planned))
        for planned in charter.time_points.all()
    )
    return subject


def _create(trial_site: TrialSite, day_zero: dt.date) -> Subject:
    """Save the subject under a code that nobody has: of 2^30, two meet by chance once in a while."""
    for _attempt in range(CODES_TRIED):
        code = new_code()
        try:
            # A savepoint: what was done before in this transaction stays.
            with transaction.atomic():
                return Subject.objects.create(trial_site=trial_site, code=code, day_zero=day_zero)
        except IntegrityError:
            with widened("a code is one subject's in all trials"):
                if not Subject.objects.filter(code=code).exists():
                    raise
    raise ValidationError(_("No free code was found. Nobody was registered: try again in a moment."), code="no-code")


def refuse_day_zero(day_zero: dt.date, trial_site: TrialSite) -> None:
    """Raise ValidationError (`day-zero`) where the day lies before any trial or more than a year ahead."""
    latest = today_at(trial_site) + PLANNED_AHEAD
    if not FIRST_DAY <= day_zero <= latest:
        raise ValidationError(
            {
                "day_zero": ValidationError(
                    _("Day zero lies between %(first)s and %(latest)s. Check the year."),
                    code="day-zero",
                    params={"first": FIRST_DAY, "latest": latest},
                )
            }
        )


def due_on(day_zero: dt.date, planned: ScheduledTimePoint) -> dt.date:
    """Return the planned day in the calendar. Raises ValidationError (`planned-day`) where no calendar has it."""
    try:
        return day_zero + dt.timedelta(days=planned.day)
    except OverflowError:
        raise ValidationError(
            _("The charter plans time point %(code)s on a day that no calendar has. Ask the coordinator."),
            code="planned-day",
            params={"code": planned.code},
        ) from None


def _open_charter(trial_site: TrialSite) -> Charter:
    trial = trial_site.trial
    if not closures.takes_data(trial_site):
        raise ValidationError(_("This trial or site is not open for subjects."), code="not-open")
    if not is_live(trial_site):
        raise ValidationError(
            _("No version of the consent form is approved for this site yet, so nobody can be registered there (V02)."),
            code="not-live",
        )
    return trial.charters.get(state=Charter.State.APPROVED)

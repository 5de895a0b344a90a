"""Registering subjects and recording what they agreed to."""

import datetime as dt
import zoneinfo
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from trials import access
from trials.codes import new_code
from trials.models import Charter, Consent, ConsentForm, ScheduledTimePoint, Subject, TimePoint, Trial, TrialSite
from trials.models.subjects import FIRST_DAY
from trials.roles import Act

# A first treatment may be planned, but not further ahead.
PLANNED_AHEAD = dt.timedelta(days=366)


@dataclass(frozen=True, slots=True)
class NewConsent:
    """What the signed form says: `scopes` are values of ConsentForm.Scope."""

    form: ConsentForm
    scopes: tuple[str, ...]
    on: dt.date


@transaction.atomic
def add_consent_form(
    *, by: Actor, trial: Trial, version: str, approved_on: dt.date, scopes: tuple[str, ...]
) -> ConsentForm:
    by = access.require(by, Act.TRIAL_EDIT, trial)
    form = ConsentForm(trial=trial, version=version, approved_on=approved_on, scopes=list(scopes))
    form.full_clean()
    form.save()
    after = {"version": version, "approved_on": approved_on, "scopes": list(scopes)}
    record(by=by, act="consent_form.added", obj=form, trial_code=trial.code, after=after)
    return form


@transaction.atomic
def register(*, by: Actor, trial_site: TrialSite, day_zero: dt.date, consent: NewConsent) -> Subject:
    """Register a consented person under a random code and plan the charter's time points.

    Raises ValidationError where the trial or site is not open, a day is implausible or the consent does not cover
    imaging.
    """
    by = access.require(by, Act.SUBJECT_REGISTER, trial_site)
    refuse_day_zero(day_zero, trial_site)
    charter = _open_charter(trial_site)
    subject = Subject.objects.create(trial_site=trial_site, code=new_code(), day_zero=day_zero)
    record(
        by=by,
        act="subject.registered",
        obj=subject,
        trial_code=trial_site.trial.code,
        after={"day_zero": day_zero},
    )
    _write_consent(by, subject, Consent.Kind.GIVEN, consent)
    TimePoint.objects.bulk_create(
        TimePoint(subject=subject, scheduled=planned, due_on=due_on(day_zero, planned))
        for planned in charter.time_points.all()
    )
    return subject


def refuse_day_zero(day_zero: dt.date, trial_site: TrialSite) -> None:
    """Raise ValidationError (`day-zero`) where the day lies before any trial or more than a year ahead."""
    latest = _today(trial_site) + PLANNED_AHEAD
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


def _today(trial_site: TrialSite) -> dt.date:
    # The later of the site's calendar and ours: Auckland signs when UTC still has yesterday.
    return max(timezone.localdate(), timezone.localdate(timezone=zoneinfo.ZoneInfo(trial_site.site.time_zone)))


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
    if trial.state != Trial.State.OPEN or trial_site.state != TrialSite.State.OPEN:
        raise ValidationError(_("This trial or site is not open for subjects."), code="not-open")
    return trial.charters.get(state=Charter.State.APPROVED)


@transaction.atomic
def give_consent(*, by: Actor, subject: Subject, consent: NewConsent) -> Consent:
    """Record a newly signed form; it replaces what was agreed before."""
    by = access.require(by, Act.CONSENT_RECORD, subject)
    return _write_consent(by, subject, Consent.Kind.GIVEN, consent)


@transaction.atomic
def withdraw_consent(*, by: Actor, subject: Subject, on: dt.date, reason: str) -> Consent:
    """Take consent back: from now on no door, task or read opens for this subject; what is stored stays (W3)."""
    by = access.require(by, Act.CONSENT_RECORD, subject)
    if not reason.strip():
        raise ValidationError(_("Say why and how the subject withdrew."), code="no-reason")
    latest = subject.consents.first()
    if latest is None or latest.kind == Consent.Kind.WITHDRAWN:
        raise ValidationError(_("There is no consent to withdraw."), code="wrong-state")
    Subject.objects.filter(pk=subject.pk).update(state=Subject.State.WITHDRAWN)
    taken_back = NewConsent(form=latest.form, scopes=(), on=on)
    return _write_consent(by, subject, Consent.Kind.WITHDRAWN, taken_back, reason=reason)


def _write_consent(by: Actor, subject: Subject, kind: Consent.Kind, new: NewConsent, reason: str = "") -> Consent:
    _refuse_misfit(subject, kind, new)
    before = subject.consents.first()
    row = Consent.objects.create(
        subject=subject,
        form=new.form,
        kind=kind,
        scopes=sorted(new.scopes),
        on=new.on,
        recorded_at=timezone.now(),
        recorded_by=by.id,
    )
    if kind == Consent.Kind.GIVEN:
        Subject.objects.filter(pk=subject.pk).update(state=Subject.State.ENROLLED)
    record(
        by=by,
        act=f"consent.{kind}",
        obj=subject,
        trial_code=subject.trial_site.trial.code,
        before={"scopes": before.scopes} if before else {},
        after={"form": new.form.version, "scopes": sorted(new.scopes), "on": new.on},
        reason=reason,
    )
    return row


def _refuse_misfit(subject: Subject, kind: Consent.Kind, new: NewConsent) -> None:
    if new.form.trial_id != subject.trial_site.trial_id:
        raise ValidationError(_("That consent form belongs to another trial."), code="foreign-form")
    if not set(new.scopes) <= set(new.form.scopes):
        raise ValidationError(_("The form does not ask for one of these scopes."), code="scope")
    if kind == Consent.Kind.GIVEN and ConsentForm.Scope.IMAGING not in new.scopes:
        raise ValidationError(_("Without consent to imaging a subject cannot take part here."), code="scope")
    _refuse_day(subject, kind, new)


def _refuse_day(subject: Subject, kind: Consent.Kind, new: NewConsent) -> None:
    if not FIRST_DAY <= new.on <= _today(subject.trial_site):
        raise ValidationError(_("The date lies in the future, or before any trial. Check the year."), code="date")
    if kind == Consent.Kind.GIVEN and new.on < new.form.approved_on:
        raise ValidationError(_("The date lies before the form was approved."), code="date")
    first = subject.consents.order_by("on").first()
    if kind == Consent.Kind.WITHDRAWN and first is not None and new.on < first.on:
        raise ValidationError(_("Nobody withdraws before the first consent. Check the date."), code="date")

"""Correcting what was saved: each change with its reason, seen against the values as they stand (A03, EMA 6.2.1)."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import because, require_reason, widened
from audit.services import record
from audit.signing import sha256_of
from trials import access, closures
from trials.models import Site, Subject, TimePoint, Trial, TrialSite
from trials.roles import Act
from trials.services import consent
from trials.services.subjects import due_on, refuse_day_zero
from trials.services.trials import AE_TITLE, TIME_ZONES

Corrected: TypeAlias = Trial | TrialSite | Subject
# What belongs to the hospital itself, in every trial it takes part in; by the columns of trials.Site.
_OF_HOSPITAL = {"hospital": "name", "time_zone": "time_zone"}
_ACTS: dict[type[Model], str] = {
    Trial: "trial.corrected",
    TrialSite: "site.corrected",
    Subject: "subject.corrected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialChange:
    """New values of a trial; None leaves one as it is. The code stands in addresses and seals and never changes."""

    title: str | None = None
    protocol_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteChange:
    """New values of a trial's site; None leaves one as it is. `hospital` and `time_zone` count in all its trials."""

    number: str | None = None
    ae_title: str | None = None
    hospital: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectChange:
    """The true day zero; `site` is taken only to be refused in words."""

    day_zero: dt.date | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class _Difference:
    """What differs, as it was and as it becomes."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def within(self, names: Collection[str]) -> "_Difference":
        before, after = ({key: each[key] for key in each if key in names} for each in (self.before, self.after))
        return _Difference(before, after)


def values_of(row: Corrected) -> dict[str, Any]:
    """Return what may be corrected of a row, by the names of its Change."""
    match row:
        case Trial():
            return {"title": row.title, "protocol_number": row.protocol_number}
        case TrialSite():
            of_hospital = {"hospital": row.site.name, "time_zone": row.site.time_zone}
            return {"number": row.number, "ae_title": row.ae_title} | of_hospital
        case Subject():
            return {"day_zero": row.day_zero}


def seen_of(row: Corrected) -> str:
    """Name the values as they stand, so that a correction says which ones it was made against (SHA-256, hex)."""
    return sha256_of(values_of(row))


@transaction.atomic
def correct_trial(*, by: Actor, trial: Trial, change: TrialChange, reason: str, seen: str = "") -> Trial:
    """Correct title and protocol number.

    Raises ValidationError: `no-reason`, `stale` where the values are no longer those that `seen` names ("" asks for no
    such check), `same` where nothing differs, or as the model does.
    """
    by = access.require(by, Act.TRIAL_EDIT, trial)
    require_reason(reason)
    row = Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
    difference = _difference(row, asdict(change), seen)
    _save(row, difference.after, reason)
    _tell(by, row, trial=row, difference=difference, reason=reason)
    return row


@transaction.atomic
def correct_site(*, by: Actor, trial_site: TrialSite, change: SiteChange, reason: str, seen: str = "") -> TrialSite:
    """Correct number and AE title of a trial's site, and name and time zone of its hospital.

    A hospital takes part in several trials: each of them has the event, and all of them must be the actor's to edit,
    else PermissionDenied. Raises ValidationError as `correct_trial`, and `taken` for an AE title of another site.
    """
    by = access.require(by, Act.TRIAL_EDIT, trial_site)
    require_reason(reason)
    row = TrialSite.objects.select_for_update(of=("self",), no_key=True).select_related("trial").get(pk=trial_site.pk)
    row.site = Site.objects.select_for_update(no_key=True).get(pk=row.site_id)
    difference = _difference(row, asdict(change), seen)
    _refuse_ae_title(row, difference.after.get("ae_title", ""))
    _save(row, {name: value for name, value in difference.after.items() if name not in _OF_HOSPITAL}, reason)
    of_hospital = difference.within(_OF_HOSPITAL)
    others = _correct_hospital(by, row, of_hospital, reason) if of_hospital.after else ()
    _tell(by, row, trial=row.trial, difference=difference, reason=reason)
    for other in others:
        _tell(by, other, trial=other.trial, difference=of_hospital, reason=reason)
    return row


def may_correct_hospital(by: Actor, site: Site) -> bool:
    """Whether every trial of the hospital is the actor's to edit, and none has closed data."""
    with widened("a trial that the actor does not see counts as well"):
        trials = Trial.objects.filter(sites__site=site)
        if trials.exclude(pk__in=access.within(by, Trial.objects.all(), act=Act.TRIAL_EDIT)).exists():
            return False
        return not any(closures.is_closed(trial.pk) for trial in trials)


def _correct_hospital(by: Actor, row: TrialSite, difference: _Difference, reason: str) -> QuerySet[TrialSite]:
    """Return the hospital's places in other trials, which have to be told."""
    site = row.site
    if not may_correct_hospital(by, site):
        raise PermissionDenied(
            _(
                "This hospital also takes part in a trial that you do not coordinate, or whose data are closed, so its "
                "name and time zone stay as they are. Nothing was changed. Somebody who coordinates all its trials "
                "can correct them while they are open."
            )
        )
    if difference.after.get("time_zone", site.time_zone) not in TIME_ZONES:
        raise ValidationError({"time_zone": ValidationError(_("No time zone has this name."), code="time-zone")})
    _save(site, {_OF_HOSPITAL[name]: value for name, value in difference.after.items()}, reason)
    return TrialSite.objects.filter(site=site).exclude(pk=row.pk).select_related("trial")


def _refuse_ae_title(row: TrialSite, title: str) -> None:
    if not title:
        return
    with widened("an AE title is one site's in all trials"):
        is_taken = TrialSite.objects.filter(ae_title=title).exclude(pk=row.pk).exists()
    if is_taken:
        raise ValidationError(
            {
                "ae_title": ValidationError(
                    _("Another site sends under this AE title already, so deliveries could not be told apart."),
                    code="taken",
                )
            }
        )
    try:
        AE_TITLE(title)
    except ValidationError as refusal:
        raise ValidationError({"ae_title": refusal}) from None


# The database holds a subject to its site too: rows far below it are fenced by that site (trials.fences.anchors).
STAYS_AT_SITE = _(
    "A subject stays with the site that registered it: its consent stands on a form approved there, and its images "
    "bear that site's number. Somebody who moves to another hospital gives consent there on that hospital's form and "
    "is registered there under a code of its own; both sites note both codes in their own lists."
)


@transaction.atomic
def correct_subject(*, by: Actor, subject: Subject, change: SubjectChange, reason: str, seen: str = "") -> Subject:
    """Correct day zero, and with it the day on which each time point is due.

    Whoever may register subjects of the site answers for the day. Raises ValidationError as `correct_trial`, and
    `site-fixed`, `no-consent`, `day-zero`, `planned-day`, or `images-filed`: verdicts, reads and reports stand on
    study days that were counted from the old day when the images were filed.
    """
    by = access.require(by, Act.SUBJECT_REGISTER, subject)
    require_reason(reason)
    if change.site is not None:
        raise ValidationError(STAYS_AT_SITE, code="site-fixed")
    # As filing does: the subject first, its time points after.
    rows = Subject.objects.select_for_update(of=("self",)).select_related("trial_site__trial", "trial_site__site")
    row = rows.get(pk=subject.pk)
    difference = _difference(row, asdict(change), seen)
    _refuse_withdrawn(row)
    refuse_day_zero(difference.after["day_zero"], row.trial_site)
    points = list(TimePoint.objects.select_for_update(of=("self",)).filter(subject=row).select_related("scheduled"))
    _refuse_filed(points)
    _save(row, difference.after, reason)
    planned = _plan_anew(points, row.day_zero, reason)
    told = _Difference({**difference.before, **planned.before}, {**difference.after, **planned.after})
    _tell(by, row, trial=row.trial_site.trial, difference=told, reason=reason)
    return row


def _refuse_withdrawn(subject: Subject) -> None:
    """A restricted subject's day may be put right (GDPR 16); after a withdrawal nothing is planned any more."""
    if consent.last_collection_day(subject) is not None:
        raise ValidationError(
            _("Consent of subject %(code)s was withdrawn: no visit is planned any more. Nothing was changed."),
            code="no-consent",
            params={"code": subject.code},
        )


def _refuse_filed(points: Collection[TimePoint]) -> None:
    """Filing moves a time point on, and none comes back: it tells of images without asking the floor above."""
    if any(point.state != TimePoint.State.EXPECTED for point in points):
        raise ValidationError(
            _(
                "Images of this subject are filed already, and their study days were counted from this day zero: "
                "quality control, reads and reports stand on it. Nothing was changed. Keep a note to file with the "
                "true day at the site, and tell the coordinator of this trial."
            ),
            code="images-filed",
        )


def _plan_anew(points: Collection[TimePoint], day_zero: dt.date, reason: str) -> _Difference:
    before = {f"due {point.scheduled.code}": point.due_on for point in points}
    for point in points:
        point.due_on = due_on(day_zero, point.scheduled)
    with because(reason):
        TimePoint.objects.bulk_update(points, ["due_on"])
    return _Difference(before, {f"due {point.scheduled.code}": point.due_on for point in points})


def _difference(row: Corrected, told: Mapping[str, Any], seen: str) -> _Difference:
    if seen and seen != seen_of(row):
        raise ValidationError(
            _(
                "Somebody changed this meanwhile, so nothing of yours was saved. Look at the values as they are now, "
                "then save again what you still want to change."
            ),
            code="stale",
        )
    before = values_of(row)
    after = {name: value for name, value in told.items() if value is not None and value != before[name]}
    if not after:
        raise ValidationError(_("Nothing differs from what is saved, so nothing was changed."), code="same")
    return _Difference({name: before[name] for name in after}, after)


def _save(row: Model, values: Mapping[str, Any], reason: str) -> None:
    if not values:
        return
    for name, value in values.items():
        setattr(row, name, value)
    with widened("some values are one row's in all trials"):
        row.full_clean()
    try:
        with because(reason), transaction.atomic():
            row.save(update_fields=list(values))
    except IntegrityError:
        raise ValidationError(
            _("Somebody took this value in the same moment. Nothing was changed: look again, then choose another."),
            code="at-once",
        ) from None


def _tell(by: Actor, row: Corrected, *, trial: Trial, difference: _Difference, reason: str) -> None:
    record(
        by=by,
        act=_ACTS[type(row)],
        obj=row,
        trial_code=trial.code,
        before=difference.before,
        after=difference.after,
        reason=reason,
    )

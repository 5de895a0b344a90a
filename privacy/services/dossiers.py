"""Everything that is held about one subject, as data: what an access request is answered with (GDPR 15, 20)."""

import datetime as dt
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Sum
from django.utils import timezone

from audit.acts import words
from audit.english import in_english
from audit.selectors import histories
from endpoints.models import Assignment, EndpointResult, RadiomicsRun, Read, Segmentation
from endpoints.selectors.results import rows_of
from identity.selectors import Holding, holding_of
from imaging.models import QCDecision, Query, Seclusion, Series, Study, Submission
from privacy.models import Erasure, LegalBasis, Register, Request
from privacy.selectors import kept_until, retention_of
from privacy.services import decisions
from trials.models import Consent, Restriction, Subject, TimePoint
from trials.selectors import recipients_of

FORMAT = "corelab-access-2"
IDENTITY = (
    "This system knows the person by the code alone. The hospital that sent the images adds name and contact data, "
    "which it keeps itself."
)
IN_VAULT = (
    "Name, birth date, sex, the hospital's number and the contact data of the person lie here in a vault of their own, "
    "apart from everything below, and are opened by two people alone, who say why. The hospital adds them to this "
    "answer. Everything below stands under the code."
)
# What hangs on a subject and has acts of its own in the trail, with the way to it.
_ROADS: dict[Any, str] = {
    Assignment: "time_point__subject",
    Consent: "subject",
    EndpointResult: "subject",
    Erasure: "subject",
    QCDecision: "time_point__subject",
    Query: "time_point__subject",
    Read: "assignment__time_point__subject",
    Request: "subject",
    Restriction: "subject",
    Seclusion: "subject",
    Segmentation: "series__study__time_point__subject",
    Series: "study__time_point__subject",
    Study: "time_point__subject",
    Submission: "time_point__subject",
    TimePoint: "subject",
}
RIGHTS = (
    "to have wrong data put right (article 16)",
    "to have data erased, unless law keeps them (article 17)",
    "to have their use restricted (article 18)",
    "to receive the data in a common machine-readable form: the file beside this document (article 20)",
    "to object (article 21)",
    "to take back consent at any time, as easily as it was given (article 7(3))",
    "to opt out of secondary use (European Health Data Space, article 71)",
    "not to be subject to a decision made by a machine alone; none is made here (article 22)",
    "to complain to a supervisory authority (article 77)",
)


@in_english
def collect(subject: Subject) -> dict[str, Any]:
    """Return the dossier as JSON data: coded, with roles in place of colleagues' names."""
    trial = subject.trial_site.trial
    return {
        "format": FORMAT,
        "made_at": timezone.now(),
        "identity": _identity(subject),
        "subject": {
            "code": subject.code,
            "trial": trial.code,
            "title": trial.title,
            "protocol_number": trial.protocol_number,
            "sponsor": trial.sponsor.name,
            "site": f"{subject.trial_site.number} {subject.trial_site.site.name}",
            "day_zero": subject.day_zero,
            "state": subject.get_state_display(),
        },
        "purposes": _purposes(subject),
        "consents": decisions.consents(subject),
        "allowances": decisions.allowances(subject),
        "restrictions": decisions.restrictions(subject),
        "arm": decisions.arm(subject),
        "visits": _visits(subject),
        "deliveries": _deliveries(subject),
        "quality": decisions.quality(subject),
        "results": _results(subject),
        "features": _features(subject),
        "voided": decisions.voided(subject),
        "decisions": "No decision about the subject is made by a machine alone: a reader signs every read.",
        "looked_at": _looked_at(subject),
        "received_by": _received_by(subject),
        "requests": decisions.requests(subject),
        "unblindings": decisions.unblindings(subject),
        "breaches": decisions.breaches(subject),
        "destroyed": decisions.destroyed(subject),
        "retention": _retention(subject),
        "rights": list(RIGHTS),
        "contacts": _contacts(subject),
    }


def _identity(subject: Subject) -> str:
    is_here = settings.VAULT_ON and holding_of(subject) is Holding.RECORDED
    return IN_VAULT if is_here else IDENTITY


def _purposes(subject: Subject) -> list[dict[str, str]]:
    rows = LegalBasis.objects.filter(trial=subject.trial_site.trial)
    return [
        {
            "purpose": str(row.get_purpose_display()),
            "article_6": str(row.get_article_6_display()),
            "article_9": str(row.get_article_9_display()),
        }
        for row in rows
    ]


def _visits(subject: Subject) -> list[dict[str, Any]]:
    points = TimePoint.objects.filter(subject=subject).select_related("scheduled", "subject").order_by("due_on")
    return [
        {
            "visit": point.scheduled.code,
            "name": point.scheduled.name,
            "due_on": point.due_on,
            "state": str(point.get_state_display()),
            "scans": _scans(point),
        }
        for point in points
    ]


def _scans(point: TimePoint) -> list[dict[str, Any]]:
    rows = Series.objects.filter(study__time_point=point).select_related("study")
    return [
        {
            "series": row.uid,
            "modality": row.modality,
            "body_part": row.body_part,
            "scanned_on": _day(point, row.study.study_day),
            "images": row.images,
            "bytes": row.size,
        }
        for row in rows.annotate(images=Count("instances"), size=Sum("instances__size"))
    ]


def _day(point: TimePoint, study_day: int | None) -> dt.date | None:
    return None if study_day is None else point.subject.day_zero + dt.timedelta(days=study_day)


def _deliveries(subject: Subject) -> list[dict[str, Any]]:
    rows = Submission.objects.filter(time_point__subject=subject).order_by("received_at")
    return [
        {"received_at": row.received_at, "door": str(row.get_door_display()), "state": str(row.get_state_display())}
        for row in rows
    ]


def _results(subject: Subject) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows_of(subject, timezone.localdate()) if row.time_points]


def _features(subject: Subject) -> list[dict[str, Any]]:
    """Return what software computed of each drawn segment."""
    rows = RadiomicsRun.objects.filter(segmentation__series__study__time_point__subject=subject)
    return [
        {
            "visit": row.segmentation.series.study.time_point.scheduled.code,
            "segment": row.segmentation.label,
            "computed_at": row.computed_at,
            "values": row.values,
        }
        for row in rows.select_related("segmentation__series__study__time_point__scheduled").order_by("pk")
    ]


def _looked_at(subject: Subject) -> list[dict[str, Any]]:
    """Return who did what to the subject's records, by role: colleagues' names are theirs (GDPR 15(4))."""
    events = histories(_things(subject)).filter(layer="act").order_by()
    told = events.values("role", "act").annotate(times=Count("sequence"), first=Min("at"), last=Max("at"))
    return [
        {
            "role": row["role"].replace("_", " "),
            "what": words(row["act"]),
            "times": row["times"],
            "first": row["first"],
            "last": row["last"],
        }
        for row in told.order_by("first", "act", "role")
    ]


def _things(subject: Subject) -> dict[str, list[str]]:
    found = {model._meta.label: _keys(model, road, subject) for model, road in _ROADS.items()}
    return found | {Subject._meta.label: [str(subject.pk)]}


def _keys(model: Any, road: str, subject: Subject) -> list[str]:
    return [str(key) for key in model.objects.filter(**{road: subject}).values_list("pk", flat=True)]


def _received_by(subject: Subject) -> list[dict[str, Any]]:
    return [
        {
            "recipient": row.recipient,
            "what": f"{row.get_kind_display()}: {row.what}",
            "purpose": row.purpose,
            "permit": row.permit,
            "at": row.at,
        }
        for row in recipients_of(subject)
    ]


def _retention(subject: Subject) -> dict[str, Any]:
    trial = subject.trial_site.trial
    clock = retention_of(trial)
    return {
        "rule": clock.rule if clock else "",
        "years": clock.years if clock else None,
        "ended_on": clock.ended_on if clock else None,
        "kept_until": kept_until(trial),
    }


def _contacts(subject: Subject) -> dict[str, str]:
    register = Register.objects.filter(trial=subject.trial_site.trial).first()
    names = ("controller", "representative", "officer", "rights_contact", "authority")
    return {name: getattr(register, name, "") for name in names}

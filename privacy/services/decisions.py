"""What people decided about one subject, beside scans and results: the other half of what an access request is told."""

import json
from collections.abc import Iterator
from typing import Any

from endpoints.models import ReadVoid, UnblindedCase, Unblinding
from imaging.models import QCCheck, QCDecision, Query, Seclusion
from privacy.models import Breach, Erasure, Request, RequestExtension, Tombstone
from trials import closures
from trials.models import CollectionAllowance, Consent, ConsentForm, Restriction, Subject
from trials.services import arms

ARM_TOLD = "The data of the trial are closed and its planned unblinding names you, so your arm is told here."
ARM_KEPT = (
    "The arm you are in is recorded and kept back: knowing it before the analysis would spoil what the trial is to "
    "show (GDPR 15(4), 89). Ask again once the data of the trial are closed for edits and a planned unblinding that "
    "names you stands in its register: then it is told."
)
ARM_UNKNOWN = "No arm is recorded here."


def consents(subject: Subject) -> list[dict[str, Any]]:
    """Return every act of the consent's life, the oldest first."""
    rows = Consent.objects.filter(subject=subject).select_related("form").order_by("id")
    return [
        {
            "kind": str(row.get_kind_display()),
            "form": row.form.version,
            "language": row.language,
            "modules": [str(ConsentForm.Scope(scope).label) for scope in row.scopes],
            "level": str(row.get_level_display()),
            "on": row.on,
            "paper_sha256": row.scan_sha256,
            "recorded_at": row.recorded_at,
        }
        for row in rows
    ]


def allowances(subject: Subject) -> list[dict[str, Any]]:
    """Return the scans that the site let come after a withdrawal."""
    rows = CollectionAllowance.objects.filter(time_point__subject=subject).select_related("time_point__scheduled")
    return [
        {
            "visit": row.time_point.scheduled.code,
            "what": str(row.get_kind_display()),
            "reason": row.reason,
            "at": row.confirmed_at,
        }
        for row in rows.order_by("id")
    ]


def restrictions(subject: Subject) -> list[dict[str, Any]]:
    rows = Restriction.objects.filter(subject=subject).order_by("id")
    return [
        {"what": str(row.get_kind_display()), "ground": str(row.get_ground_display()), "at": row.at} for row in rows
    ]


def requests(subject: Subject) -> list[dict[str, Any]]:
    """Return what the subject asked for, until when an answer was due, and why that moved (GDPR 12(3))."""
    rows = Request.objects.filter(subject=subject).select_related("extension").order_by("id")
    return [
        {
            "kind": str(row.get_kind_display()),
            "received_on": row.received_on,
            "due_on": row.due_on,
            "extension": _extension(getattr(row, "extension", None)),
            "state": str(row.get_state_display()),
            "answer": row.answer,
        }
        for row in rows
    ]


def _extension(row: RequestExtension | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "months": row.months,
        "reason": row.reason,
        "told_on": row.told_on,
        "due_before": row.due_before,
        "due_on": row.due_on,
    }


def quality(subject: Subject) -> dict[str, list[dict[str, Any]]]:
    """Return what machine and people found of the scans, and what the site was asked and answered."""
    of_subject = {"time_point__subject": subject}
    found = QCCheck.objects.filter(**of_subject).select_related("time_point__scheduled").order_by("id")
    decided = QCDecision.objects.filter(**of_subject).select_related("time_point__scheduled").order_by("id")
    asked = Query.objects.filter(**of_subject).select_related("time_point__scheduled").order_by("pk")
    return {
        "findings": [
            {"visit": row.time_point.scheduled.code, "what": row.sentence, "weight": row.severity, "at": row.at}
            for row in found
        ],
        "verdicts": [
            {
                "visit": row.time_point.scheduled.code,
                "verdict": str(row.get_verdict_display()),
                "comment": row.comment,
                "at": row.at,
            }
            for row in decided
        ],
        "questions": [
            {
                "visit": row.time_point.scheduled.code,
                "state": str(row.get_state_display()),
                "said": list(row.messages.order_by("id").values("text", "at")),
            }
            for row in asked
        ],
    }


def unblindings(subject: Subject) -> list[dict[str, Any]]:
    """Return which entries of the register name the subject. What became known may be the arm, so it is not told."""
    rows = Unblinding.objects.filter(trial=subject.trial_site.trial).order_by("number")
    cases = UnblindedCase.objects.filter(subject=subject).select_related("unblinding")
    stopped = {row.unblinding_id for row in cases if row.decision == UnblindedCase.Decision.STOP}
    return [
        {
            "kind": str(row.get_kind_display()),
            "happened_on": row.happened_on,
            "impact": row.impact,
            "a_reader_stopped": row.pk in stopped,
        }
        for row in rows
        if subject.code in row.subjects
    ]


def voided(subject: Subject) -> list[dict[str, Any]]:
    rows = ReadVoid.objects.filter(read__assignment__time_point__subject=subject).order_by("voided_at")
    return [
        {"visit": row.read.assignment.time_point.scheduled.code, "reason": row.reason, "at": row.voided_at}
        for row in rows.select_related("read__assignment__time_point__scheduled")
    ]


def destroyed(subject: Subject) -> list[dict[str, Any]]:
    """Return what was erased, and that images were taken out of every analysis (W6)."""
    secluded = Seclusion.objects.filter(subject=subject)
    return [
        *({"what": f"images: {row.get_state_display()}", "ground": "W6", "at": row.begun_at} for row in secluded),
        *_erased(subject),
    ]


def _erased(subject: Subject) -> Iterator[dict[str, Any]]:
    for row in Tombstone.objects.filter(trial=subject.trial_site.trial).order_by("at"):
        told = json.loads(row.contents)
        if subject.code in told["subjects"]:
            what, ground = Erasure.Level(told["level"]).label, Erasure.Ground(told["ground"]).label
            yield {"what": str(what), "ground": str(ground), "at": row.at}


def breaches(subject: Subject) -> list[dict[str, Any]]:
    rows = Breach.objects.filter(trial=subject.trial_site.trial, subjects__contains=f" {subject.code} ")
    return [{"what": row.title, "known_at": row.known_at} for row in rows.order_by("known_at")]


def arm(subject: Subject) -> dict[str, Any]:
    """Return the arm once telling it spoils nothing, else that it is kept back, why, and when it will be told."""
    recorded = arms.recorded_for(subject)
    if recorded is None:
        return {"is_told": False, "arm": "", "sentence": ARM_UNKNOWN}
    is_told = _is_unblinded(subject)
    return {"is_told": is_told, "arm": recorded if is_told else "", "sentence": ARM_TOLD if is_told else ARM_KEPT}


def _is_unblinded(subject: Subject) -> bool:
    """Whether the data are closed now and a planned unblinding names the subject; others' entries open nothing."""
    trial = subject.trial_site.trial
    planned = Unblinding.objects.filter(trial=trial, kind=Unblinding.Kind.PLANNED)
    return closures.is_closed(trial.pk) and any(subject.code in row.subjects for row in planned)

"""Reading trials: what pages, reports and other floors ask for."""

from typing import Any

from django.db.models import QuerySet

from trials.models import Charter, Disclosure, Subject, TimePoint, Trial


def charter_contents(charter: Charter) -> dict[str, Any]:
    """Return everything the approval freezes, as canonical data."""
    return {
        "trial": charter.trial.code,
        "version": charter.version,
        "criteria": charter.criteria,
        "confirmation_required": charter.confirmation_required,
        "confirmation_days": charter.confirmation_days,
        "minimum_sd_days": charter.minimum_sd_days,
        "volumetry": charter.volumetry,
        "radiomics": charter.radiomics,
        "retain_patient_characteristics": charter.retain_patient_characteristics,
        "time_points": [
            {
                "code": planned.code,
                "name": planned.name,
                "day": planned.day,
                "window": [planned.window_before, planned.window_after],
                "requirements": [
                    {
                        "name": series.name,
                        "modality": series.modality,
                        "body_part": series.body_part,
                        "minimum_slices": series.minimum_slices,
                        "maximum_slice_thickness": series.maximum_slice_thickness,
                        "required": series.required,
                    }
                    for series in planned.requirements.all()
                ],
            }
            for planned in charter.time_points.prefetch_related("requirements")
        ],
    }


def approved_charter(trial: Trial) -> Charter:
    """Return the charter in force. Raises Charter.DoesNotExist before the first approval."""
    return trial.charters.get(state=Charter.State.APPROVED)


def subjects_of(trial: Trial) -> QuerySet[Subject]:
    return Subject.objects.filter(trial_site__trial=trial).select_related("trial_site__trial", "trial_site__site")


def time_points_of(subject: Subject) -> QuerySet[TimePoint]:
    return subject.time_points.select_related("scheduled", "subject__trial_site__trial")


def recipients_of(subject: Subject) -> QuerySet[Disclosure]:
    """Return every export that told of the subject, newest first (GDPR 15(1)(c), 19)."""
    return Disclosure.objects.filter(trial_id=subject.trial_site.trial_id, subjects__contains=f" {subject.code} ")

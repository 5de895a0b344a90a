"""Reading trials: what pages, reports and other floors ask for."""

from typing import Any

from django.db.models import QuerySet

from deid import DEFAULT_OPTIONS, Option, Policy
from deid.choices import Choices, read_choices
from deid.profile import Profile
from trials.models import Charter, DeidProfile, Disclosure, Subject, TimePoint, Trial


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
        **_deidentification(charter),
    }


def _deidentification(charter: Charter) -> dict[str, Any]:
    """Return what is told only where it was chosen: charters that were signed before keep their digest."""
    told: dict[str, Any] = {"measures_suv": True} if charter.measures_suv else {}
    if profile_of(charter) is not None:
        told["deidentification"] = choices_of(charter).told
    return told


def profile_of(charter: Charter) -> DeidProfile | None:
    """Return the charter's de-identification profile; None where it goes by the product's own."""
    return DeidProfile.objects.select_related("charter__trial").filter(charter=charter).first()


def choices_of(charter: Charter) -> Choices:
    """Return the rules that a charter de-identifies by."""
    profile = profile_of(charter)
    if profile is None:
        retained = {Option.RETAIN_PATIENT_CHARACTERISTICS} if charter.retain_patient_characteristics else set()
        return Choices(options=DEFAULT_OPTIONS | retained)
    return read_choices({name: getattr(profile, name) for name in Choices().told})


def policy_of(charter: Charter) -> Policy:
    """Return what executes a charter's rules; a profile bears the trial's code and the charter's version."""
    name = "basic" if profile_of(charter) is None else charter.trial.code
    return Policy.of(choices_of(charter), name=name, version=charter.version)


def exported_profile(charter: Charter) -> dict[str, Any]:
    """Return a charter's rules as the file that `python -m deid --profile` reads."""
    trial = charter.trial
    texts = {
        "sponsor": trial.sponsor.name[:64],
        "protocol_id": trial.protocol_number,
        "protocol_name": trial.title[:64],
    }
    return Profile(policy=policy_of(charter), measures_suv=charter.measures_suv, texts=texts).told


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

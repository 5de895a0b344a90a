"""What the charter expects for a time point, told to a machine that is about to send for it."""

from typing import Any

from imaging.services import submissions
from trials.models import TimePoint
from trials.selectors import approved_charter, exported_profile


def expected(time_point: TimePoint) -> dict[str, Any]:
    """Return trial, rules of de-identification and required series, and whether the subject's person is known here.

    Of the person nothing else is told. Raises ValidationError, as for a delivery, where no scan would be taken now.
    """
    submissions.refuse_closed(time_point)
    site, scheduled, subject = time_point.subject.trial_site, time_point.scheduled, time_point.subject
    return {
        "trial": site.trial.code,
        "site": site.number,
        "subject": subject.code,
        "time_point": scheduled.code,
        "time_point_name": scheduled.name,
        "profile": exported_profile(approved_charter(site.trial)),
        "requirements": [
            {
                "name": series.name,
                "modality": series.modality,
                "minimum_slices": series.minimum_slices,
                "required": series.required,
            }
            for series in scheduled.requirements.all()
        ],
        "knows_person": bool(subject.patient_id_token or subject.person_token),
    }

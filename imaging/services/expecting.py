"""What the charter expects for a time point, told to a machine that is about to send for it."""

from typing import Any

from django.db import transaction

from audit.actor import Actor
from audit.services import record
from imaging.services import submissions
from imaging.services.recognition import NOBODY, Told, told_in
from trials.keys import common_key
from trials.models import TimePoint
from trials.selectors import approved_charter, exported_profile


def asked(time_point: TimePoint) -> dict[str, Any]:
    """Return what the visit is and which series it asks for.

    Raises ValidationError, as for a delivery, where no scan would be taken now.
    """
    submissions.refuse_closed(time_point)
    scheduled, subject = time_point.scheduled, time_point.subject
    return {
        "subject": subject.code,
        "time_point": scheduled.code,
        "time_point_name": scheduled.name,
        "requirements": [
            {
                "name": series.name,
                "modality": series.modality,
                "minimum_slices": series.minimum_slices,
                "required": series.required,
            }
            for series in scheduled.requirements.all()
        ],
    }


def expected(time_point: TimePoint) -> dict[str, Any]:
    """Return the same with trial, rules of de-identification, and whether the subject's person is known here.

    `recognises` is whether by tokens under the subject's common key, so that a scan is known again whichever way it
    comes. Of the person nothing else is told. Raises ValidationError as `asked` does.
    """
    told = asked(time_point)
    site, known = time_point.subject.trial_site, told_in(time_point.subject)
    return told | {
        "trial": site.trial.code,
        "site": site.number,
        "profile": exported_profile(approved_charter(site.trial)),
        "knows_person": known != Told(),
        "recognises": known.common != NOBODY,
    }


@transaction.atomic
def equip(*, by: Actor, time_point: TimePoint) -> dict[str, Any]:
    """Return what `expected` does and the key by which a gateway tells whose scan it is; that it left is an event."""
    told, site = expected(time_point), time_point.subject.trial_site
    after = {"subject": time_point.subject.code, "time_point": time_point.scheduled.code}
    record(by=by, act="gateway.equipped", obj=site, trial_code=site.trial.code, after=after)
    return told | {"common_key": common_key(time_point.subject).hex()}

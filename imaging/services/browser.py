"""Cleaning in the site's browser: whether a trial takes it, and what the browser is given for one subject."""

from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from deid import ClinicalTrial, Option, Policy, engine_version
from imaging.models import Submission
from trials import access
from trials.keys import cleaning_key, common_key
from trials.models import TimePoint, Trial
from trials.roles import Act
from trials.selectors import approved_charter, exported_profile, policy_of

CENTRE = "Corelab"
# What `equip` reads of a delivery, for select_related.
ROAD = ("trial_site__trial__sponsor", "time_point__subject__trial_site__trial__sponsor", "time_point__scheduled")


def clinical_trial(time_point: TimePoint) -> ClinicalTrial:
    """What goes into the Clinical Trial modules (PS3.3 C.7.1.3); the site by its number, never its name."""
    site = time_point.subject.trial_site
    return ClinicalTrial(
        sponsor=site.trial.sponsor.name[:64],
        protocol_id=site.trial.protocol_number,
        protocol_name=site.trial.title[:64],
        site_id=site.number,
        site_name="",
        subject_code=time_point.subject.code,
        time_point_id=time_point.scheduled.code,
        time_point_description=time_point.scheduled.name,
        coordinating_center=CENTRE,
    )


def hindrance(trial: Trial, policy: Policy) -> Promise | None:
    """Return why scans of a trial are not cleaned in the browser, None where they may be."""
    if trial.key_scheme == Trial.KeyScheme.PER_TRIAL:
        return _(
            "This trial began before scans could be cleaned in the browser, so the core laboratory cleans them: they "
            "travel through the encrypted intake."
        )
    if Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES in policy.options:
        return _(
            "The rules of this trial ask that faces be taken out of pictures, which the browser cannot do: the scans "
            "travel through the encrypted intake."
        )
    if Option.RETAIN_UIDS in policy.options:
        return _(
            "The rules of this trial keep the scanner's own identifiers of images, so nothing could prove what the "
            "browser did: the scans travel through the encrypted intake."
        )
    return None


@transaction.atomic
def equip(*, by: Actor, submission: Submission) -> dict[str, Any]:
    """Return, as JSON, what a browser cleans this delivery with: the key of its subject, never the trial's, and rules.

    With it comes the key by which every way tells whose scan it is, the subject's, too.
    `offered` tells whether it may; where not, `why` is the sentence for the site and nothing else is told.
    Raises ValidationError `wrong-state` for whoever did not open the delivery, and once it takes nothing more.
    """
    by = access.require(by, Act.SUBMISSION_SEND, submission)
    time_point = submission.time_point
    if time_point is None or submission.sent_by != by.id or submission.state != Submission.State.RECEIVING:
        raise ValidationError(_("This delivery does not take more files. Start a new one."), code="wrong-state")
    trial, code = submission.trial_site.trial, time_point.subject.code
    charter = approved_charter(trial)
    policy = policy_of(charter)
    if why := hindrance(trial, policy):
        return {"offered": False, "why": str(why)}
    after = {"subject": code, "profile": f"{policy.name} {policy.version}", "policy": policy.digest}
    record(by=by, act="delivery.equipped", obj=submission, trial_code=trial.code, after=after)
    return {
        "offered": True,
        "why": "",
        "key": cleaning_key(trial, subject_code=code).hex(),
        "common_key": common_key(time_point.subject).hex(),
        "trial": asdict(clinical_trial(time_point)),
        "profile": exported_profile(charter),
        "policy": policy.digest,
        "engine": engine_version(),
    }

"""The certificate of a delivery: written once, when every object of it was cleaned or refused."""

import hashlib

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.services import canonical, record
from deid import Policy
from deid.certificate import Record, certificate, refused_record
from imaging.models import CleaningCertificate, IncomingFile, Submission

State = IncomingFile.State


@transaction.atomic
def certify(*, by: Actor, submission: Submission, policy: Policy) -> CleaningCertificate:
    """Write down what was done to each object, and its digest into the trail. Once: a second call gives the first."""
    made = CleaningCertificate.objects.filter(submission=submission).first()
    if made is not None:
        return made
    contents = canonical(_told(submission, policy))
    sha256 = hashlib.sha256(contents.encode()).hexdigest()
    made = CleaningCertificate.objects.create(
        submission=submission, contents=contents, sha256=sha256, at=timezone.now()
    )
    code = submission.trial_site.trial.code
    record(by=by, act="delivery.certified", obj=submission, trial_code=code, after={"certificate": sha256})
    return made


def _told(submission: Submission, policy: Policy) -> Record:
    # Neither an archive nor a DICOMDIR, laid aside before, is an object.
    files = submission.files.exclude(state__in=(State.EXPANDED, State.DISCARDED)).order_by("number")
    return {
        "delivery": str(submission.pk),
        "trial": submission.trial_site.trial.code,
        "site": submission.trial_site.number,
        "subject": submission.time_point.subject.code if submission.time_point else "",
        "time_point": submission.time_point.scheduled.code if submission.time_point else "",
        **certificate(policy, (_record(file) for file in files.iterator())),
    }


def _record(file: IncomingFile) -> Record:
    told: Record = {"number": file.number}
    if "cleaning" in file.facts:
        return told | {"sop_instance_uid": file.facts["sop_instance_uid"], **file.facts["cleaning"]}
    return told | refused_record(before=file.sha256, code=file.refusal_code, reason=file.refusal)

"""The certificates of a delivery: one for each run, of what was cleaned or refused in it and what waits."""

import hashlib
import json
from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.actor import Actor
from audit.services import canonical, record
from deid import Policy
from deid.certificate import Record, certificate, refused_record, waiting_record
from imaging.models import CleaningCertificate, IncomingFile, Submission

State = IncomingFile.State


@transaction.atomic
def certify(*, by: Actor, submission: Submission, policy: Policy) -> CleaningCertificate:
    """Write down what this run did to each object, and its digest into the trail.

    Objects that an earlier run decided on stand in its certificate, with the rules of its day; where all do, the newest
    is given.
    """
    earlier = list(CleaningCertificate.objects.filter(submission=submission))
    # Neither an archive nor a DICOMDIR, laid aside before, is an object.
    objects = submission.files.exclude(state__in=(State.EXPANDED, State.DISCARDED))
    files = objects.exclude(number__in=_decided(earlier, "cleaned"))
    # What was refused may have been worked on again.
    files = files.exclude(number__in=_decided(earlier, "refused"), state=State.REFUSED).order_by("number")
    if earlier and not files.exists():
        return earlier[0]
    contents = canonical(_told(submission, policy, files))
    sha256 = hashlib.sha256(contents.encode()).hexdigest()
    made = CleaningCertificate.objects.create(
        submission=submission, contents=contents, sha256=sha256, at=timezone.now()
    )
    code = submission.trial_site.trial.code
    record(by=by, act="delivery.certified", obj=submission, trial_code=code, after={"certificate": sha256})
    return made


def _decided(earlier: Iterable[CleaningCertificate], decision: str) -> set[int]:
    """Return the numbers of the files on which an earlier run decided so."""
    told = [each for made in earlier for each in json.loads(made.contents)["files"]]
    return {each["number"] for each in told if each["decision"] == decision}


def _told(submission: Submission, policy: Policy, files: QuerySet[IncomingFile]) -> Record:
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
    if file.state == State.WAITING:
        return told | waiting_record(before=file.sha256)
    if "cleaning" in file.facts:
        return told | {"sop_instance_uid": file.facts["sop_instance_uid"], **file.facts["cleaning"]}
    return told | refused_record(before=file.sha256, code=file.refusal_code, reason=file.refusal)

"""How a delivery stands, in the uploader's words, and the receipt for what was filed."""

import hashlib
import json
from typing import Any

from django.db.models import Count

from audit.selectors import history
from imaging.models import CleaningCertificate, IncomingFile, Submission
from imaging.services.road import WORKING

State = Submission.State
ENDED = (State.CHECKED, State.QUARANTINED, State.DISCARDED)


def refusals(submission: Submission) -> list[dict[str, Any]]:
    """Refused files grouped by reason: count, sentence, and the first numbers."""
    refused = submission.files.filter(state=IncomingFile.State.REFUSED)
    groups = refused.values("refusal_code", "refusal").annotate(count=Count("pk")).order_by("-count", "refusal_code")
    return [
        {
            "code": group["refusal_code"],
            "sentence": group["refusal"],
            "count": group["count"],
            "numbers": list(refused.filter(refusal=group["refusal"]).values_list("number", flat=True)[:10]),
        }
        for group in groups
    ]


def describe(submission: Submission) -> dict[str, Any]:
    """State, counts and refusals; `ended` tells that nothing will change by itself any more."""
    counts = dict(submission.files.values_list("state").annotate(Count("pk")))
    return {
        "id": str(submission.pk),
        "state": submission.state,
        "sentence": Submission.State(submission.state).label,
        "reason": submission.refusal,
        "files": sum(counts.values()) - counts.get(IncomingFile.State.EXPANDED, 0),
        "counts": counts,
        "refusals": refusals(submission),
        "working": submission.state in WORKING,
        "ended": submission.state in ENDED,
    }


def receipt(submission: Submission) -> dict[str, Any]:
    """SOP Instance UID and hashes of every filed object; refused ones by number and reason (I02, V04)."""
    filed = submission.files.filter(state=IncomingFile.State.FILED)
    return {
        "delivery": str(submission.pk),
        "trial": submission.trial_site.trial.code,
        "site": submission.trial_site.number,
        "subject": submission.time_point.subject.code if submission.time_point else "",
        "time_point": submission.time_point.scheduled.code if submission.time_point else "",
        "received_at": submission.received_at,
        "state": submission.state,
        "filed": [
            {
                "number": file.number,
                "sop_instance_uid": file.facts["sop_instance_uid"],
                "received_sha256": file.sha256,
                "filed_sha256": file.cleaned_sha256,
            }
            for file in filed
        ],
        "refused": refusals(submission),
    }


def certificate(made: CleaningCertificate) -> dict[str, Any]:
    """Return what de-identification did, its digest, and the event of the trail that says the same.

    `is_as_recorded` tells whether the certificate is what that event bears.
    """
    event = history(made.submission).filter(act="delivery.certified").first()
    sha256 = hashlib.sha256(made.contents.encode()).hexdigest()
    return {
        "certificate": json.loads(made.contents),
        "sha256": made.sha256,
        "made_at": made.at,
        "event": event.sequence if event else None,
        "is_as_recorded": sha256 == made.sha256 and event is not None and sha256 in event.after,
    }


def object_certificate(told: dict[str, Any], number: int) -> dict[str, Any] | None:
    """Return the part of a certificate that is about one object, None where it names none of this number."""
    whole = told["certificate"]
    found = next((each for each in whole["files"] if each["number"] == number), None)
    if found is None:
        return None
    kept = {name: whole[name] for name in ("delivery", "trial", "engine", "table", "profile", "policy_sha256")}
    actions = {"actions": whole["patterns"][found["pattern"]]} if "pattern" in found else {}
    return {**kept, **found, **actions, "certificate_sha256": told["sha256"], "event": told["event"]}

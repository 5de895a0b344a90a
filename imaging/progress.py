"""How a delivery stands, in the uploader's words, and the receipt for what was filed."""

from typing import Any

from django.db.models import Count

from imaging.models import IncomingFile, Submission
from imaging.services.road import WORKING

State = Submission.State
ENDED = (State.CHECKED, State.REVIEW, State.QUARANTINED, State.DISCARDED)


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

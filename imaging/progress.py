"""How a delivery stands, in the uploader's words, and the receipt for what was filed."""

import hashlib
import json
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from audit.proofs import extract
from audit.selectors import history
from imaging.models import CleaningCertificate, IncomingFile, Submission
from imaging.next_steps import step_for
from imaging.selectors import digest_of_filed, filed_objects
from imaging.services.road import WORKING

State = Submission.State
_CLEAN = (IncomingFile.State.CLEANED, IncomingFile.State.FILED)
_SENTENCES = {
    State.RECEIVING: _("Files are still arriving. What has arrived lies here encrypted."),
    State.SORTING: _("All files arrived. They are compared with subjects and visits now."),
    State.UNASSIGNED: _("All files arrived. Now a person must say whose scan this is, and of which visit."),
    State.RECEIVED: _("All files arrived and lie encrypted. They are opened next, without anybody's doing."),
    State.OPENED: _("The files were opened. They are being de-identified now."),
    State.CLEANED: _("The files are de-identified. They are being filed now."),
    State.FILED: _("The images are filed. They are being checked now."),
    State.CHECKED: _("The images are filed and checked. Quality control looks at the visit next."),
    State.REVIEW: _("Pictures wait until the core laboratory has looked at them. Nothing has to be done at the site."),
    State.QUARANTINED: _("Nothing of this delivery was filed. The site must do something; see below."),
    State.STALLED: _("A fault of ours stopped this delivery. The operator mends it; nothing has to be sent again."),
    State.DISCARDED: _("This delivery was discarded. What was filed before that stays filed."),
}
ENDED = (State.CHECKED, State.REVIEW, State.QUARANTINED, State.DISCARDED)


def refusals(submission: Submission) -> list[dict[str, Any]]:
    """Refused files grouped by reason: count, sentence, and the first numbers."""
    refused = submission.files.filter(state=IncomingFile.State.REFUSED)
    groups = refused.values("refusal_code", "refusal").annotate(count=Count("pk")).order_by("-count", "refusal_code")
    return [
        {
            "code": group["refusal_code"],
            "sentence": group["refusal"],
            "next": step_for(group["refusal_code"]),
            "count": group["count"],
            "numbers": list(refused.filter(refusal=group["refusal"]).values_list("number", flat=True)[:10]),
        }
        for group in groups
    ]


def sentence_of(submission: Submission) -> str:
    """How the delivery stands, and who does something next."""
    return str(_SENTENCES[State(submission.state)])


def describe(submission: Submission) -> dict[str, Any]:
    """State, counts and refusals; `ended` tells that nothing will change by itself any more."""
    counts = dict(submission.files.values_list("state").annotate(Count("pk")))
    return {
        "id": str(submission.pk),
        "state": submission.state,
        "sentence": Submission.State(submission.state).label,
        "story": sentence_of(submission),
        "reason": submission.refusal,
        "files": sum(counts.values()) - counts.get(IncomingFile.State.EXPANDED, 0),
        "counts": counts,
        "deidentified": sum(counts.get(state, 0) for state in _CLEAN),
        "refusals": refusals(submission),
        "parted_from": submission.parted_from_id and str(submission.parted_from_id),
        "parts": [str(pk) for pk in submission.parts.order_by("pk").values_list("pk", flat=True)],
        "working": submission.state in WORKING,
        "ended": submission.state in ENDED,
    }


def receipt(submission: Submission) -> dict[str, Any]:
    """SOP Instance UID and hashes of every filed object; refused ones by number and reason (I02, V04).

    `sha256` is what the trail says of the filed objects in event `event`, `seal` the signed extract that proves it
    without us (`audit.verifier`), None until the next checkpoint; `is_as_recorded` whether both agree.
    """
    sha256 = digest_of_filed(submission)
    event = history(submission).filter(act="scan.filed", after__contains=sha256).last()
    return {
        "delivery": str(submission.pk),
        "trial": submission.trial_site.trial.code,
        "site": submission.trial_site.number,
        "subject": submission.time_point.subject.code if submission.time_point else "",
        "time_point": submission.time_point.scheduled.code if submission.time_point else "",
        "received_at": submission.received_at,
        "state": submission.state,
        "filed": filed_objects(submission),
        "refused": refusals(submission),
        "sha256": sha256,
        "is_as_recorded": event is not None,
        "event": event.sequence if event else None,
        "seal": extract(shown=[event.sequence]) if event else None,
    }


def certificates(submission: Submission) -> list[dict[str, Any]]:
    """Return what each run of de-identification did, newest first."""
    return [certificate(made) for made in CleaningCertificate.objects.filter(submission=submission)]


def certificate(made: CleaningCertificate) -> dict[str, Any]:
    """Return what a run of de-identification did, its digest, and the event of the trail that says the same.

    `is_as_recorded` tells whether the certificate is what that event bears.
    """
    event = history(made.submission).filter(act="delivery.certified", after__contains=made.sha256).first()
    sha256 = hashlib.sha256(made.contents.encode()).hexdigest()
    return {
        "certificate": json.loads(made.contents),
        "sha256": made.sha256,
        "made_at": made.at,
        "event": event.sequence if event else None,
        "is_as_recorded": sha256 == made.sha256 and event is not None,
    }


def object_certificate(submission: Submission, number: int) -> dict[str, Any] | None:
    """Return what the newest certificate that names this object says of it, None where none does."""
    for told in certificates(submission):
        for found in told["certificate"]["files"]:
            if found["number"] == number:
                return _of_object(told, found)
    return None


def _of_object(told: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    whole = told["certificate"]
    kept = {name: whole[name] for name in ("delivery", "trial", "engine", "table", "profile", "policy_sha256")}
    actions = {"actions": whole["patterns"][found["pattern"]]} if "pattern" in found else {}
    return {**kept, **found, **actions, "certificate_sha256": told["sha256"], "event": told["event"]}

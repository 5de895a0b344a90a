"""What the DICOM node needs of the domain: who sends, and deliveries that outlived their node."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.actor import Actor, machine
from imaging.models import Submission
from imaging.services import submissions
from trials.models import Trial, TrialSite

# An association is far shorter; past this its node was killed.
ABANDONED_AFTER = dt.timedelta(minutes=15)


def sender(ae_title: str) -> TrialSite | None:
    """Return the open site of an open trial that sends under this AE title, if any."""
    return (
        TrialSite.objects.select_related("trial")
        .filter(ae_title=ae_title, state=TrialSite.State.OPEN, trial__state=Trial.State.OPEN)
        .exclude(ae_title="")
        .first()
    )


def known_ae_titles() -> list[str]:
    open_sites = TrialSite.objects.filter(state=TrialSite.State.OPEN, trial__state=Trial.State.OPEN)
    return list(open_sites.exclude(ae_title="").values_list("ae_title", flat=True))


def node(*, ae_title: str, request_id: str) -> Actor:
    return machine("dicom-node", source="dicom", request_id=request_id, on_behalf_of=ae_title)


def close_abandoned() -> None:
    """Hand DICOM deliveries of a killed node to a person: what was acknowledged is sealed and recorded."""
    limit = timezone.now() - ABANDONED_AFTER
    left = Submission.objects.filter(
        state=Submission.State.RECEIVING, door=Submission.Door.DICOM, state_since__lt=limit
    ).select_related("trial_site__trial")
    for submission in left:
        by = node(ae_title=submission.trial_site.ae_title, request_id=f"delivery-{submission.pk}")
        try:
            submissions.close_association(by=by, submission=submission)
        except ValidationError:
            # Its own node was faster.
            continue

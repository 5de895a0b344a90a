"""Closing what has gone silent, and removing what a killed process left in the quarantine."""

import datetime as dt
from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actor import machine
from audit.context import acting
from audit.services import record
from imaging import archive, quarantine
from imaging.models import Submission
from imaging.services import defacing, doors, filing, road, submissions
from imaging.services.forgetting import forget_claims
from trials.services import tokens

State = Submission.State
# A sender that says nothing for so long has died, or its node has.
SILENT_DICOM = dt.timedelta(minutes=15)
# A line that is only just there has not told so yet.
_BEGINNING = dt.timedelta(seconds=10)
# A sender over DICOMweb that says nothing for so long has sent all of it, as far as anybody can tell.
SILENT_WEB = dt.timedelta(seconds=90)
# A browser may come back after a night or a weekend and go on.
SILENT_BROWSER = dt.timedelta(days=4)
# Halves of a write in progress are younger.
_UNFINISHED_SECONDS = 3600.0


def close_silent() -> None:
    """Let DICOM deliveries go on whose line was lost or is silent; discard browser ones that nobody finishes."""
    receiving = Submission.objects.filter(state=State.RECEIVING).select_related("trial_site__trial")
    now = timezone.now()
    for submission in receiving.filter(door=Submission.Door.DICOM, active_at__lt=now - _BEGINNING):
        if submission.active_at < now - SILENT_DICOM or not quarantine.is_on_line(submission):
            _quietly(_hand_over, submission)
    for submission in receiving.filter(door=Submission.Door.WEB, active_at__lt=now - SILENT_WEB):
        _quietly(_end_sending, submission)
    for submission in receiving.filter(door=Submission.Door.BROWSER, active_at__lt=now - SILENT_BROWSER):
        _quietly(_discard, submission)


def _quietly(act: Callable[[Submission], None], submission: Submission) -> None:
    try:
        act(submission)
    except ValidationError:
        # It moved on by itself meanwhile.
        return


def _hand_over(submission: Submission) -> None:
    by = doors.node(ae_title=submission.trial_site.ae_title, request_id=f"delivery-{submission.pk}")
    if submissions.close_association(by=by, submission=submission).state == State.DISCARDED:
        quarantine.destroy(submission)


def _end_sending(submission: Submission) -> None:
    by = tokens.actor_of(submission.stow.token, request_id=f"delivery-{submission.pk}")
    with acting(by):
        submissions.close_association(by=by, submission=submission)


@transaction.atomic
def _discard(submission: Submission) -> None:
    by = machine("worker", source="worker", request_id=f"delivery-{submission.pk}", on_behalf_of=submission.sent_by)
    with acting(by):
        road.move(submission, expected=State.RECEIVING, to=State.DISCARDED)
        Submission.objects.filter(pk=submission.pk).update(wrapped_key=b"")
        forget_claims(Submission.objects.filter(pk=submission.pk))
    reason = "the sender did not finish it within four days"
    record(by=by, act="delivery.discarded", obj=submission, trial_code=submission.trial_site.trial.code, reason=reason)
    transaction.on_commit(lambda: quarantine.destroy(submission))


def tidy_after_stop() -> None:
    """Remove everything that a stop in the middle left: only while no other process of this home runs."""
    quarantine.vault().sweep_unfinished(older_than_seconds=0)
    archive.sweep_unfinished(older_than_seconds=0)
    for submission in Submission.objects.filter(pk__in=quarantine.vault().list_submissions()):
        quarantine.forget_unrecorded(submission)
    tidy_quarantine()


def tidy_quarantine() -> None:
    """Remove originals of filed and discarded deliveries, and halves of writes, that a kill left behind."""
    quarantine.vault().sweep_unfinished(older_than_seconds=_UNFINISHED_SECONDS)
    defacing.sweep()
    for submission in Submission.objects.filter(pk__in=quarantine.vault().list_submissions()):
        if submission.state == State.DISCARDED:
            quarantine.destroy(submission)
        elif submission.state == State.CHECKED:
            filing.empty(submission)

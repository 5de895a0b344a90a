"""The state column as queue: moves are filtered UPDATEs, a claim is a lease, and a lost broker loses nothing."""

import datetime as dt

from celery import current_app
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from imaging.models import Submission

State = Submission.State
# The states in which a machine has work to do.
WORKING = (State.SORTING, State.RECEIVED, State.OPENED, State.CLEANED, State.FILED)
# Long enough for the slowest single file, short enough that a killed worker's delivery goes on soon.
LEASE = dt.timedelta(seconds=45)
# With the growing pauses of `back_off` these reach over a day: a full disk is mended by then, or a person is needed.
MAXIMUM_ATTEMPTS = 30
_LONGEST_PAUSE = dt.timedelta(hours=1)


def lock(submission: Submission) -> Submission:
    """Read the delivery's row anew and hold it until the transaction ends; take it before any event is recorded."""
    return Submission.objects.select_for_update(of=("self",)).select_related("trial_site__trial").get(pk=submission.pk)


def move(submission: Submission, *, expected: Submission.State, to: Submission.State, refusal: str = "") -> None:
    """Raise ValidationError (`wrong-state`) where somebody else moved it first; queue the next stage on commit."""
    moved = Submission.objects.filter(pk=submission.pk, state=expected).update(
        state=to, state_since=timezone.now(), leased_until=None, attempts=0, refusal=refusal
    )
    if not moved:
        raise moved_on()
    submission.state = to
    if to in WORKING:
        transaction.on_commit(lambda: _queue(str(submission.pk)))


def moved_on() -> ValidationError:
    """Say that somebody else was faster; what they did stands."""
    return ValidationError(_("This delivery has moved on meanwhile. Look at it again."), code="wrong-state")


def _queue(submission_id: str) -> None:
    # By name: services never import tasks.
    current_app.send_task("imaging.tasks.advance", args=[submission_id])


def claim(submission_id: str) -> Submission | None:
    """Take the lease of a submission that has work, or None where another has it or nothing is to do."""
    now = timezone.now()
    taken = _free(now).filter(pk=submission_id).update(leased_until=now + LEASE, attempts=F("attempts") + 1)
    if not taken:
        return None
    return Submission.objects.select_related(
        "trial_site__trial__sponsor", "trial_site__site", "time_point__subject"
    ).get(pk=submission_id)


def renew(submission: Submission) -> None:
    """Keep the lease while work goes on."""
    Submission.objects.filter(pk=submission.pk).update(leased_until=timezone.now() + LEASE)


def back_off(submission: Submission) -> None:
    """Keep a delivery whose stage failed for a while that grows with each failure."""
    pause = min(LEASE * 2 ** min(submission.attempts - 1, 10), _LONGEST_PAUSE)
    Submission.objects.filter(pk=submission.pk).update(leased_until=timezone.now() + pause)


def standing() -> list[str]:
    """Ids of submissions that have work and no living claim: what the sweep queues again."""
    return [str(pk) for pk in _free(timezone.now()).values_list("pk", flat=True)[:200]]


def _free(now: dt.datetime) -> QuerySet[Submission]:
    unclaimed = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
    return Submission.objects.filter(unclaimed, state__in=WORKING)

"""Sending a scan again: the next delivery for the same time point takes the place of one, and nothing is deleted.

The site announces it on the old delivery, because a scanner can name no delivery that its own replaces. It happens
when the successor is filed: what came again stands, what did not is set aside, in the archive but out of every check,
read and search. An image that comes under the same SOP Instance UID with other content is a conflict as ever.
"""

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from imaging.models import Conflict, IncomingFile, Instance, Resend, SetAside, Submission
from imaging.services import road
from imaging.services.submissions import refuse_closed
from trials import access
from trials.models import TimePoint
from trials.roles import Act

State = Resend.State
# A delivery that has ended; one that waits for a person ends once that person has decided.
_ENDED = (Submission.State.CHECKED, Submission.State.QUARANTINED, Submission.State.DISCARDED)
_UNDER_WAY = (Submission.State.RECEIVING, *road.WORKING)


def standing(submission: Submission) -> Resend | None:
    """What was announced of this delivery, or has happened to it."""
    return submission.resends.exclude(state=State.TAKEN_BACK).select_related("successor").first()


def announced_at(time_point: TimePoint) -> QuerySet[Resend]:
    return Resend.objects.filter(submission__time_point=time_point, state=State.ANNOUNCED).select_related("submission")


def is_open(submission: Submission) -> bool:
    """Whether it may be announced that another takes the place of this delivery."""
    point = submission.time_point
    has_ended = submission.state in _ENDED and point is not None and point.state != TimePoint.State.ACCEPTED
    return has_ended and standing(submission) is None


@transaction.atomic
def announce(*, by: Actor, submission: Submission, reason: str) -> Resend:
    """Say that the next delivery for this time point takes the place of `submission`.

    Raises ValidationError: `no-reason`; `wrong-state` while it is on its way or was superseded; `busy` while another
    delivery of the time point is, since nobody could say which of the two is meant; and as `refuse_closed`, above all
    `accepted`: what was accepted may have been read.
    """
    by = access.require(by, Act.SUBMISSION_SEND, submission)
    if not reason.strip():
        raise ValidationError(_("Say why it is sent again; the trail keeps it."), code="no-reason")
    submission = road.lock(submission)
    point = submission.time_point
    if point is None or submission.state not in _ENDED or standing(submission) is not None:
        raise ValidationError(_("This delivery cannot be superseded now. Look at it again."), code="wrong-state")
    refuse_closed(TimePoint.objects.select_for_update().get(pk=point.pk))
    if point.submissions.filter(state__in=_UNDER_WAY).exists():
        words = _("Another delivery for this time point is on its way. Wait until it has ended.")
        raise ValidationError(words, code="busy")
    resend = Resend.objects.create(
        submission=submission, reason=reason.strip(), announced_at=timezone.now(), announced_by=by.id
    )
    _record(by, "delivery.resend_announced", submission, reason=reason.strip())
    return resend


@transaction.atomic
def take_back(*, by: Actor, submission: Submission) -> None:
    """Let the delivery stand as it is. Raises ValidationError (`wrong-state`) where nothing is announced any more."""
    by = access.require(by, Act.SUBMISSION_ASSIGN, submission)
    submission = road.lock(submission)
    open_ones = submission.resends.filter(state=State.ANNOUNCED)
    if not open_ones.update(state=State.TAKEN_BACK, ended_at=timezone.now(), ended_by=by.id):
        raise ValidationError(_("No resend of this delivery is announced any more."), code="wrong-state")
    _record(by, "delivery.resend_taken_back", submission)


def awaited(submission: Submission) -> QuerySet[Resend]:
    """What this delivery is to take the place of, once it is filed: announced before it was received."""
    if submission.time_point is None:
        return Resend.objects.none()
    before = submission.received_at or timezone.now()
    return announced_at(submission.time_point).filter(announced_at__lt=before).exclude(submission=submission)


def supersede(*, by: Actor, successor: Submission) -> None:
    """Carry out what was announced, in the transaction in which the successor is filed."""
    # What conflicts with a filed image leaves it standing until the coordinator has decided.
    came = {*_filed(successor), *_in_conflict(successor)}
    for resend in awaited(successor):
        set_aside = [image for image in _images(resend.submission) if image.uid not in came]
        now = timezone.now()
        SetAside.objects.bulk_create(SetAside(instance=image, resend=resend, at=now) for image in set_aside)
        Resend.objects.filter(pk=resend.pk).update(state=State.DONE, successor=successor, ended_at=now, ended_by=by.id)
        after = {"successor": str(successor.pk), "images_set_aside": len(set_aside)}
        _record(by, "delivery.superseded", resend.submission, after=after, reason=resend.reason)


def lift(instance: Instance) -> None:
    """Let an image stand again whose identity came once more with a later delivery, be it as a conflict."""
    SetAside.objects.filter(instance=instance, lifted_at__isnull=True).update(lifted_at=timezone.now())


def _filed(submission: Submission) -> Iterator[str]:
    rows = submission.files.filter(state=IncomingFile.State.FILED).values_list("facts", flat=True)
    return (facts["sop_instance_uid"] for facts in rows)


def _in_conflict(submission: Submission) -> QuerySet[Conflict, str]:
    return Conflict.objects.filter(file__submission=submission).values_list("instance__uid", flat=True)


def _images(superseded: Submission) -> QuerySet[Instance]:
    """The images that stand of a delivery and of those it had taken the place of."""
    family, asked = {superseded.pk}, [superseded.pk]
    while asked:
        older = Resend.objects.filter(successor__in=asked).values_list("submission", flat=True)
        asked = [key for key in older if key not in family]
        family |= set(asked)
    return Instance.objects.filter(Q(submission__in=family), series__study__time_point=superseded.time_point)


def require_none_announced(time_point: TimePoint) -> None:
    """Raise ValidationError (`resend`) while the site is about to send a scan of this time point again."""
    if announced_at(time_point).exists():
        words = _("The site has announced that it sends this scan again. Wait for it, or have that taken back first.")
        raise ValidationError(words, code="resend")


def _record(
    by: Actor, act: str, submission: Submission, *, after: dict[str, object] | None = None, reason: str = ""
) -> None:
    code = submission.trial_site.trial.code
    record(by=by, act=act, obj=submission, trial_code=code, after=after or {}, reason=reason)

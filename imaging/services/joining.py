"""Which delivery the objects of a DICOMweb request go into: requests of one sending join, nothing else does."""

from dataclasses import dataclass

from django.db import transaction

from audit.actor import Actor
from audit.context import admit
from audit.services import record
from imaging.models import StowDelivery, Submission
from imaging.services import quotas, submissions
from trials.models import SiteToken, TimePoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """What the objects of one delivery have in common: visit, study (keyed), and the person a gateway told."""

    time_point: TimePoint | None
    mark: str
    person: str


def open_or_join(by: Actor, token: SiteToken, whose: Whose) -> StowDelivery:
    """Return the token's open delivery of the same, or a new one.

    Raises ValidationError: `quota`, and what `submissions.refuse_closed` raises.
    """
    admit(by)
    if whose.time_point is not None:
        submissions.refuse_closed(whose.time_point)
    if (standing := _standing(token, whose)) is not None:
        return standing
    quotas.require_room(by=by, trial_site=token.trial_site, more=quotas.Room(deliveries=1))
    with transaction.atomic():
        # Held, so that two requests at once do not open two.
        SiteToken.objects.select_for_update().get(pk=token.pk)
        return _standing(token, whose) or _start(by, token, whose)


def _standing(token: SiteToken, whose: Whose) -> StowDelivery | None:
    same = {"mark": whose.mark, "person": whose.person, "submission__time_point": whose.time_point}
    rows = StowDelivery.objects.filter(token=token, submission__state=Submission.State.RECEIVING, **same)
    return rows.select_related("submission__trial_site__trial", "submission__time_point__subject").last()


def _start(by: Actor, token: SiteToken, whose: Whose) -> StowDelivery:
    time_point = whose.time_point
    submission = submissions.begin(by=by, trial_site=token.trial_site, time_point=time_point, door=Submission.Door.WEB)
    named = {} if time_point is None else {"subject": time_point.subject.code, "time_point": time_point.scheduled.code}
    after = {"door": "web", "token": token.label, **named}
    record(by=by, act="delivery.started", obj=submission, trial_code=token.trial_site.trial.code, after=after)
    return StowDelivery.objects.create(submission=submission, token=token, mark=whose.mark, person=whose.person)


@transaction.atomic
def reserve(delivery: StowDelivery, count: int) -> int:
    """Return the first of `count` numbers that are this request's alone."""
    first = StowDelivery.objects.select_for_update().get(pk=delivery.pk).next_number
    StowDelivery.objects.filter(pk=delivery.pk).update(next_number=first + count)
    return first

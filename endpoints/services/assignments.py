"""Giving accepted scans to readers, under a code, in the order of the charter's schedule."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from endpoints.models import Assignment
from endpoints.services.cases import is_shut
from trials import access
from trials.agreement import Gate
from trials.models import TimePoint, Trial, User
from trials.roles import Act, Role
from trials.services import consent
from trials.services.recipients import read_code


@transaction.atomic
def assign(*, by: Actor, time_point: TimePoint, reader: User) -> Assignment:
    """Give one accepted time point to a reader, who will see a case code and a position only.

    Raises ValidationError: `not-accepted`, `not-a-reader`, `no-consent`, `unblinded`, `assigned`, or `order` where an
    earlier scan should come first or a later one was opened already.
    """
    by = access.require(by, Act.READ_ASSIGN, time_point)
    subject = time_point.subject
    consent.require(subject, Gate.ASSIGN)
    _refuse_misfit(time_point, reader)
    _refuse_disorder(time_point, reader)
    assignment = Assignment.objects.create(
        time_point=time_point,
        reader=reader,
        case_code=read_code(subject.trial_site.trial, subject),
        position=_position(time_point),
        assigned_at=timezone.now(),
    )
    record(
        by=by,
        act="read.assigned",
        obj=assignment,
        trial_code=subject.trial_site.trial.code,
        after={"time_point": str(time_point), "reader": reader.get_username(), "position": assignment.position},
    )
    return assignment


@transaction.atomic
def assign_all(*, by: Actor, trial: Trial, reader: User) -> list[Assignment]:
    """Give every accepted time point that nobody reads yet to one reader, each subject's scans in order.

    A subject whose scans go to another reader stays there; one without consent or baseline is passed over.
    """
    by = access.require(by, Act.READ_ASSIGN, trial)
    return [
        assign(by=by, time_point=time_point, reader=reader)
        for time_point in _unread(trial)
        if _is_assignable(time_point, reader)
    ]


def readers_of(trial: Trial) -> list[User]:
    """Everybody who holds the reader role in the trial today, by name."""
    seats = access.current_memberships().filter(trial=trial, role=Role.READER)
    return list(User.objects.filter(pk__in=seats.values("user"), is_active=True).order_by("last_name", "username"))


def _unread(trial: Trial) -> list[TimePoint]:
    accepted = TimePoint.objects.filter(
        subject__trial_site__trial=trial, state=TimePoint.State.ACCEPTED, assignments__isnull=True
    )
    return list(
        accepted.select_related("subject__trial_site__trial", "scheduled").order_by("subject", "scheduled__day")
    )


def _is_assignable(time_point: TimePoint, reader: User) -> bool:
    others = Assignment.objects.filter(time_point__subject=time_point.subject).exclude(reader=reader)
    if is_shut(subject=time_point.subject, reader_id=reader.pk):
        return False
    if others.exists() or not consent.allows(time_point.subject, Gate.ASSIGN):
        return False
    try:
        _refuse_disorder(time_point, reader)
    except ValidationError:
        return False
    return True


def _position(time_point: TimePoint) -> int:
    """Return 1 for the first planned time point of the subject, 2 for the next."""
    before = time_point.subject.time_points.filter(scheduled__day__lt=time_point.scheduled.day)
    return before.count() + 1


def _refuse_misfit(time_point: TimePoint, reader: User) -> None:
    if time_point.state != TimePoint.State.ACCEPTED:
        raise ValidationError(
            _("Quality control has not accepted this time point, so nobody may read it yet."), code="not-accepted"
        )
    if reader not in readers_of(time_point.subject.trial_site.trial):
        raise ValidationError(_("This person is not a reader in this trial today."), code="not-a-reader")
    if is_shut(subject=time_point.subject, reader_id=reader.pk):
        raise ValidationError(
            _("This reader was unblinded for this subject, and nobody has decided that it reads on (see Unblinding)."),
            code="unblinded",
        )
    if Assignment.objects.filter(time_point=time_point, reader=reader).exists():
        raise ValidationError(_("This reader already has this time point."), code="assigned")


def _refuse_disorder(time_point: TimePoint, reader: User) -> None:
    day = time_point.scheduled.day
    own = Assignment.objects.filter(time_point__subject=time_point.subject, reader=reader)
    if own.filter(time_point__scheduled__day__gt=day, read__isnull=False).exists():
        raise ValidationError(
            _("This reader has already opened a later scan of this subject, so this one cannot be read in order."),
            code="order",
        )
    earlier = time_point.subject.time_points.filter(scheduled__day__lt=day)
    missing = earlier.exclude(assignments__reader=reader)
    first = earlier.order_by("scheduled__day").first()
    if missing.filter(state=TimePoint.State.ACCEPTED).exists() or (first and missing.filter(pk=first.pk).exists()):
        raise ValidationError(
            _("Give this reader the baseline and every earlier accepted scan of this subject first."), code="order"
        )

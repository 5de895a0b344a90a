"""Moving a time point from state to state: a filtered UPDATE whose count is checked."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from trials.models import TimePoint

State = TimePoint.State
# Who may follow whom; a scan may come again until quality control has accepted one.
_MOVES = {
    State.RECEIVED: (State.EXPECTED, State.QUERIED, State.REFUSED, State.RECEIVED),
    State.QUERIED: (State.RECEIVED,),
    State.ACCEPTED: (State.RECEIVED, State.QUERIED),
    State.REFUSED: (State.RECEIVED, State.QUERIED),
}


def require_open(time_point: TimePoint, to: TimePoint.State) -> TimePoint.State:
    """Return the stored state if `to` may follow it. Raises ValidationError (`wrong-state`) out of order (C08)."""
    stored = TimePoint.State(TimePoint.objects.values_list("state", flat=True).get(pk=time_point.pk))
    if stored not in _MOVES[to]:
        raise _not_open(stored)
    return stored


def _not_open(state: TimePoint.State) -> ValidationError:
    return ValidationError(
        _("This time point is “%(state)s” now, so that step is not open."),
        code="wrong-state",
        params={"state": state.label},
    )


def move(*, by: Actor, time_point: TimePoint, to: TimePoint.State, reason: str = "") -> TimePoint:
    """Move and record, inside the caller's transaction. Raises ValidationError (`wrong-state`) out of order (C08)."""
    before = require_open(time_point, to)
    if not TimePoint.objects.filter(pk=time_point.pk, state=before).update(state=to):
        raise _not_open(before)
    time_point.state = to
    record(
        by=by,
        act=f"time_point.{to}",
        obj=time_point,
        trial_code=time_point.subject.trial_site.trial.code,
        before={"state": before},
        after={"state": to},
        reason=reason,
    )
    return time_point

"""Taking the trail of a trial out of the house: the taking is an event of its own (21 CFR 11.10(e))."""

from django.db import transaction

from audit.actor import Actor
from audit.selectors import Events, Wanted, trial_events
from audit.services import record
from trials import access
from trials.models import Trial
from trials.roles import Act


@transaction.atomic
def export(*, by: Actor, trial: Trial, wanted: Wanted) -> Events:
    """Return the wanted events, newest first, after recording that they were taken."""
    by = access.require(by, Act.AUDIT_VIEW, trial)
    events = trial_events(trial_code=trial.code, wanted=wanted)
    after = {"events": events.count(), "filter": wanted.as_record()}
    record(by=by, act="audit.exported", obj=trial, trial_code=trial.code, after=after)
    return events

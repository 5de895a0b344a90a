"""A question to a site about one of its time points."""

from django.utils import timezone

from audit.actor import Actor
from audit.services import record
from imaging.models import Query, QueryMessage
from trials.models import TimePoint


def ask(*, by: Actor, time_point: TimePoint, text: str) -> Query:
    """Open a query in the caller's transaction, which asked who may."""
    query = Query.objects.create(time_point=time_point, opened_at=timezone.now())
    QueryMessage.objects.create(query=query, author=by.name, text=text, at=timezone.now())
    trial = time_point.subject.trial_site.trial
    record(by=by, act="query.opened", obj=query, trial_code=trial.code, after={"text": text})
    return query

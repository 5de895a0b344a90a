"""Reading the trail."""

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from django.db.models import Model, Q, QuerySet

from audit.chain import GENESIS, HASHED_FIELDS, Fault, first_fault
from audit.models import AuditEvent, Signature

# The two tables have one writer; other floors name what they get by these and never import the models.
Events: TypeAlias = QuerySet[AuditEvent]
Signed: TypeAlias = Signature


@dataclass(frozen=True, slots=True)
class Head:
    """The last event's sequence and hash: printed in every report."""

    sequence: int
    hash: str


def head() -> Head:
    event = AuditEvent.objects.order_by("-sequence").only("sequence", "hash").first()
    return Head(sequence=event.sequence, hash=event.hash) if event else Head(sequence=0, hash=GENESIS)


def verify() -> Fault | None:
    """The first record of the log that does not hold, or None."""
    rows = AuditEvent.objects.order_by("sequence").values("sequence", "hash", *HASHED_FIELDS)
    return first_fault(rows.iterator(chunk_size=2000))


def history(obj: Model) -> Events:
    return AuditEvent.objects.filter(object_type=obj._meta.label, object_id=str(obj.pk))


def signatures(obj: Model) -> QuerySet[Signature]:
    return Signature.objects.filter(object_type=obj._meta.label, object_id=str(obj.pk)).order_by("at")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a trial are asked for; empty means any. Days are UTC and include both ends."""

    act: str = ""
    person: str = ""
    since: dt.date | None = None
    until: dt.date | None = None

    def as_record(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}


def trial_events(*, trial_code: str, wanted: Wanted) -> Events:
    """Return a trial's events, newest first."""
    events = AuditEvent.objects.filter(trial_code=trial_code)
    if wanted.act:
        events = events.filter(act=wanted.act)
    if wanted.person:
        events = events.filter(Q(actor_id=wanted.person) | Q(on_behalf_of=wanted.person))
    if wanted.since:
        events = events.filter(at__date__gte=wanted.since)
    if wanted.until:
        events = events.filter(at__date__lte=wanted.until)
    return events.order_by("-sequence")


def acts_in(trial_code: str) -> list[str]:
    """Every act the trial's trail knows."""
    acts = AuditEvent.objects.filter(trial_code=trial_code).order_by("act").values_list("act", flat=True)
    return list(acts.distinct())


def people_in(trial_code: str) -> list[str]:
    """Every actor the trial's trail knows, persons and machines."""
    people = AuditEvent.objects.filter(trial_code=trial_code).order_by("actor_id").values_list("actor_id", flat=True)
    return list(people.distinct())


def histories(*, label: str, keys: list[str]) -> Events:
    """Return the events of several objects of one model (`label` as in trials.TimePoint)."""
    return AuditEvent.objects.filter(object_type=label, object_id__in=keys)

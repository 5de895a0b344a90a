"""Reading the rights of the person: what is asked for, what opted out, what is kept until when."""

import datetime as dt
import json
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from privacy import clocks
from privacy.models import Breach, BreachEntry, Request, Tombstone
from privacy.standing import allows_secondary_use
from trials.models import Disclosure, Retention, Subject, Trial
from trials.selectors import subjects_of

# What stops secondary use from the day it came, before anybody has answered it.
_STOPS = (Request.Kind.OPT_OUT, Request.Kind.OBJECTION, Request.Kind.RESTRICTION)
_VOID = (Request.State.REFUSED, Request.State.WITHDRAWN)


def requests_of(trial: Trial) -> QuerySet[Request]:
    rows = Request.objects.filter(subject__trial_site__trial=trial)
    return rows.select_related("subject__trial_site__trial")


def days_left(request: Request) -> int:
    """Return the days until an open request is due; negative once it is overdue."""
    return (request.due_on - timezone.localdate()).days


def secondary_subjects(trial: Trial) -> list[Subject]:
    """Return who may be told of in secondary use now: consent covers it, nobody opted out, nothing was erased (P12)."""
    stopped = Q(requests__kind__in=_STOPS) & ~Q(requests__state__in=_VOID)
    barred = subjects_of(trial).filter(stopped).values("pk")
    rows = subjects_of(trial).exclude(pk__in=barred).exclude(code__in=erased_codes(trial)).order_by("code")
    return [subject for subject in rows if allows_secondary_use(subject)]


def retention_of(trial: Trial) -> Retention | None:
    return Retention.objects.filter(trial=trial).first()


def kept_until(trial: Trial) -> dt.date | None:
    """Return the last day on which the trial's records must be kept; None while that is not known."""
    clock = retention_of(trial)
    return clocks.kept_until(clock.ended_on, clock.years) if clock and clock.ended_on else None


def is_retention_over(trial: Trial) -> bool:
    last = kept_until(trial)
    return last is not None and timezone.localdate() > last


def erased_codes(trial: Trial) -> frozenset[str]:
    """Return the codes of every subject of the trial that an erasure was carried out on."""
    rows = Tombstone.objects.filter(trial=trial).values_list("contents", flat=True)
    return frozenset(code for contents in rows for code in json.loads(contents)["subjects"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The 72 hours of a breach: when they end, and when the authority was told (or why not: `is_excused`)."""

    ends_at: dt.datetime
    told_at: dt.datetime | None
    is_excused: bool

    @property
    def is_running(self) -> bool:
        return self.told_at is None and not self.is_excused

    @property
    def is_late(self) -> bool:
        """Whether the authority was told too late, or still is not told though it should have been."""
        return not self.is_excused and (self.told_at or timezone.now()) > self.ends_at

    @property
    def hours_left(self) -> int:
        """Return whole hours until it ends; negative once it has."""
        return int((self.ends_at - timezone.now()).total_seconds() // 3600)


def clock_of(breach: Breach) -> Clock:
    entries = list(breach.entries.all())
    told = [entry.happened_at for entry in entries if entry.kind == BreachEntry.Kind.AUTHORITY]
    is_excused = any(entry.kind == BreachEntry.Kind.NO_NOTICE for entry in entries)
    return Clock(
        ends_at=clocks.tell_by(breach.known_at),
        told_at=min(told, default=None),
        is_excused=is_excused and not told,
    )


def is_closed(breach: Breach) -> bool:
    return breach.entries.filter(kind=BreachEntry.Kind.CLOSED).exists()


def recipients_in(breach: Breach) -> list[Disclosure]:
    """Return what left about anybody affected, newest first."""
    codes = set(breach.subjects.split())
    return [row for row in Disclosure.objects.filter(trial=breach.trial_id) if codes & set(row.codes)]

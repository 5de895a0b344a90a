"""Planned review of a trial's trail: what to look at, and the record that somebody did (A15, E6(R3) 4.2.3, EMA 6.2.2).

A view finds events that deserve a look, never a verdict: that is the reviewer's, in words.
"""

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.models import AuditEvent, Layer, Review
from audit.selectors import Events, Wanted, trial_events
from audit.services import record

Verdict = Review.Verdict
# Hours of a working day, the first included and the last not, and the first day of the weekend (Monday is 0).
FIRST_HOUR, LAST_HOUR, SATURDAY = 6, 22, 5
# Events of values by one person that are many: in one request, or within a minute.
MANY = 20
_MINUTE = dt.timedelta(minutes=1)
_MACHINE = "machine:"
_CHUNK = 2000


class View(TextChoices):
    ODD_HOURS = "odd_hours", _("at odd hours: before 6:00, after 22:00, at weekends")
    MASS_EDITS = "mass_edits", _("many values at once by one person")
    AFTER_LOCK = "after_lock", _("values changed after they were signed")


@dataclass(frozen=True, slots=True)
class Belonging:
    """Rows that a signature on another row covers: the column that points there, and the label of what it points at."""

    column: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a review looks at: days are UTC and include both ends.

    `zones` gives the time zone a person works in (UTC where none is given). `signed` are the labels of records that a
    signature locks, `belonging` says of other labels to which record they belong, in one step or several.
    """

    trial_code: str
    view: View
    since: dt.date
    until: dt.date
    zones: Mapping[str, str] = field(default_factory=dict)
    signed: frozenset[str] = frozenset()
    belonging: Mapping[str, Belonging] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Glance:
    """As much of an event as the views compare."""

    sequence: int
    at: dt.datetime
    actor_id: str
    request_id: str


_GLANCE = ("sequence", "at", "actor_id", "request_id")


def find(scope: Scope) -> list[int]:
    """Return the sequences of the events that the view finds, newest first."""
    finders = {View.ODD_HOURS: _at_odd_hours, View.MASS_EDITS: _in_masses, View.AFTER_LOCK: _after_lock}
    return sorted(finders[scope.view](scope), reverse=True)


def digest(sequences: Iterable[int]) -> str:
    """Name what was shown, so that a verdict is about that and nothing else."""
    return hashlib.sha256(",".join(map(str, sequences)).encode()).hexdigest()


def events_of(sequences: Iterable[int]) -> Events:
    return AuditEvent.objects.filter(sequence__in=list(sequences)).order_by("-sequence")


def _in_scope(scope: Scope) -> Events:
    wanted = Wanted(since=scope.since, until=scope.until)
    return trial_events(trial_code=scope.trial_code, wanted=wanted).order_by("sequence")


def _by_people(events: Events) -> Iterator[_Glance]:
    """Machines work at night and in masses; what they were told to do stands under who told them."""
    rows = events.exclude(actor_id__startswith=_MACHINE).values_list(*_GLANCE)
    return (_Glance(*row) for row in rows.iterator(chunk_size=_CHUNK))


def _at_odd_hours(scope: Scope) -> list[int]:
    glances = _by_people(_in_scope(scope))
    return [one.sequence for one in glances if is_odd(one.at, zone=scope.zones.get(one.actor_id, "UTC"))]


def is_odd(at: dt.datetime, *, zone: str) -> bool:
    """Whether a moment lies outside 6:00 to 22:00 of the zone, or on its Saturday or Sunday."""
    there = at.astimezone(ZoneInfo(zone))
    return there.weekday() >= SATURDAY or not FIRST_HOUR <= there.hour < LAST_HOUR


def _in_masses(scope: Scope) -> set[int]:
    by_person: defaultdict[str, list[_Glance]] = defaultdict(list)
    by_request: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for one in _by_people(_in_scope(scope).filter(layer=Layer.ROW)):
        by_person[one.actor_id].append(one)
        by_request[one.actor_id, one.request_id].append(one.sequence)
    of_requests = (group for group in by_request.values() if len(group) >= MANY)
    return set(chain(*of_requests, *map(_within_a_minute, by_person.values())))


def _within_a_minute(own: list[_Glance]) -> Iterator[int]:
    """Yield what belongs to any minute in which one person wrote MANY values; not only to minutes of the clock."""
    own = sorted(own, key=lambda one: one.at)
    first = told = 0
    for last, one in enumerate(own):
        while one.at - own[first].at > _MINUTE:
            first += 1
        if last - first + 1 >= MANY:
            yield from (each.sequence for each in own[max(first, told) : last + 1])
            told = last + 1


def _after_lock(scope: Scope) -> Iterator[int]:
    """Yield values written on a signed record after its signature; the signing itself moves the record, once."""
    locks = _Locks(scope)
    labels = [*scope.signed, *scope.belonging]
    rows = _in_scope(scope).filter(layer=Layer.ROW, object_type__in=labels).exclude(act="row.adopted")
    for event in rows.iterator(chunk_size=_CHUNK):
        if locks.is_broken_by(event):
            yield event.sequence


@dataclass(frozen=True, slots=True)
class _Lock:
    sequence: int
    request_id: str


class _Locks:
    """The signatures of a trial, by the record each locks."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._told: dict[tuple[str, str], str] = {}
        self._by_record: defaultdict[tuple[str, str], list[_Lock]] = defaultdict(list)
        signed = trial_events(trial_code=scope.trial_code, wanted=Wanted(layer=Layer.ACT, act="record.signed"))
        for event in signed.filter(object_type__in=scope.signed):
            self._by_record[event.object_type, event.object_id].append(_Lock(event.sequence, event.request_id))

    def is_broken_by(self, event: AuditEvent) -> bool:
        return any(
            lock.sequence < event.sequence and lock.request_id != event.request_id
            for record_of in self._records(event)
            for lock in self._by_record.get(record_of, ())
        )

    def _records(self, event: AuditEvent) -> Iterator[tuple[str, str]]:
        """Yield the record a row belongs to; where a change moved it, the one before and the one after."""
        for payload in {event.before, event.after} - {"", "{}"}:
            yield from self._climb(event.object_type, event.object_id, payload)

    def _climb(self, label: str, key: str, payload: str) -> Iterator[tuple[str, str]]:
        while (step := self._scope.belonging.get(label)) and label not in self._scope.signed:
            label, key = step.label, str(json.loads(payload).get(step.column) or "")
            if label not in self._scope.signed:
                payload = self._last_told(label, key)
        if label in self._scope.signed:
            yield label, key

    def _last_told(self, label: str, key: str) -> str:
        """Return the row as the trail knew it last, gone or not."""
        if (label, key) not in self._told:
            rows = AuditEvent.objects.filter(layer=Layer.ROW, object_type=label, object_id=key)
            before, after = rows.order_by("-sequence").values_list("before", "after").first() or ("{}", "{}")
            self._told[label, key] = before if after in {"", "{}"} else after
        return self._told[label, key] or "{}"


def past(trial_code: str) -> QuerySet[Review]:
    return Review.objects.filter(trial_code=trial_code)


def review(*, by: Actor, scope: Scope, verdict: str, findings: str, seen: str) -> Review:
    """Record that somebody looked at what the scope shows, and what they found; `seen` is the digest of what it showed.

    Raises ValidationError: `no-findings`, `verdict`, or `changed` where the view finds other events by now.
    """
    if not findings.strip():
        raise ValidationError(_("Say what you looked at and found. No review was recorded."), code="no-findings")
    if verdict not in Verdict.values:
        raise ValidationError(_("Choose a verdict from the list. No review was recorded."), code="verdict")
    found = find(scope)
    if digest(found) != seen:
        raise ValidationError(
            _("More has happened since this list was shown. Look at it again, then record your review."), code="changed"
        )
    return _keep(by, scope, {"events_seen": len(found), "verdict": verdict, "findings": findings.strip()})


@transaction.atomic
def _keep(by: Actor, scope: Scope, said: dict[str, Any]) -> Review:
    looked_at = {"view": str(scope.view), "since": scope.since, "until": scope.until}
    made = Review.objects.create(
        trial_code=scope.trial_code,
        **looked_at,
        **said,
        reviewer_id=by.id,
        reviewer_name=by.name,
        at=timezone.now(),
    )
    record(by=by, act="trail.reviewed", obj=made, trial_code=made.trial_code, after=looked_at | said)
    return made

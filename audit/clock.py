"""Whether our clock can be believed: against the database's, and against the last sealed moment (A07, E6 4.2.2(d))."""

import datetime as dt
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audit.actor import machine
from audit.models import AuditEvent, Checkpoint
from audit.services import Thing, record

ALARM = dt.timedelta(seconds=2)
UNSAFE = dt.timedelta(seconds=30)
# One alarm an episode, not one every few seconds.
_QUIET = dt.timedelta(minutes=10)
CLOCK = Thing(kind="audit.Clock", key="clock", name="the clock")
_NOW = {"postgresql": "SELECT clock_timestamp()", "sqlite": "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"}


def drift() -> dt.timedelta:
    """Return by how much our clock is off, the larger of two ways; never negative."""
    now = timezone.now()
    against_database = abs(now - _database_clock())
    latest = Checkpoint.objects.order_by("-size").values_list("at", flat=True).first()
    # A sealed moment lies in the past, unless the clock was set back.
    behind_seal = max(latest - now, dt.timedelta()) if latest else dt.timedelta()
    return max(against_database, behind_seal)


def _database_clock() -> dt.datetime:
    with connection.cursor() as cursor:
        cursor.execute(_NOW[connection.vendor])
        (told,) = cursor.fetchone()
    return told if isinstance(told, dt.datetime) else dt.datetime.fromisoformat(told)


def is_unsafe() -> bool:
    """Whether nothing may be signed or sealed at the time our clock tells."""
    return drift() > UNSAFE


def watch() -> dt.timedelta:
    """Return the drift; past ALARM an event tells the operator, once an episode."""
    found = drift()
    if found > ALARM and not _was_told():
        with transaction.atomic():
            _tell(found)
    return found


def _was_told() -> bool:
    # By the database's order, not by a clock that is in doubt.
    told = AuditEvent.objects.filter(object_type=CLOCK.kind).order_by("-sequence").first()
    return told is not None and abs(timezone.now() - told.at) < _QUIET


def _tell(found: dt.timedelta) -> None:
    by = machine("clock", source="sealer", request_id="clock")
    after: dict[str, Any] = {"seconds": f"{found.total_seconds():.1f}"}
    record(by=by, act="clock.drifted", obj=CLOCK, after=after)

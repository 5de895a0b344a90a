"""Events of the trail as a page shows them, change by change, and as the rows of an exported table."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from audit.models import AuditEvent

COLUMNS = (
    "sequence",
    "at",
    "actor_id",
    "actor_name",
    "role",
    "on_behalf_of",
    "act",
    "object_type",
    "object_id",
    "object_label",
    "before",
    "after",
    "reason",
    "request_id",
    "source",
    "software_version",
    "hash",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One fact before and after an act; empty text where there was none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    event: AuditEvent
    changes: tuple[Change, ...]


def lines(events: Iterable[AuditEvent]) -> list[Line]:
    return [Line(event=event, changes=_changes(event)) for event in events]


def _changes(event: AuditEvent) -> tuple[Change, ...]:
    before, after = json.loads(event.before), json.loads(event.after)
    names = sorted({*before, *after})
    return tuple(Change(name, _text(before.get(name)), _text(after.get(name))) for name in names)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def cells(event: AuditEvent) -> list[str]:
    """Return the event's text under each of COLUMNS; times in ISO 8601 with microseconds, JSON as it was hashed."""
    return [_cell(event, name) for name in COLUMNS]


def _cell(event: AuditEvent, name: str) -> str:
    return event.at.isoformat(timespec="microseconds") if name == "at" else str(getattr(event, name))

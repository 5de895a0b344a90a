"""Events of the trail as a page shows them: what changed, line by line."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from audit.models import AuditEvent


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

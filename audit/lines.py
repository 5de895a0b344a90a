"""Events of the trail as a page shows them, field by field in words, and as the rows of an exported table."""

import datetime as dt
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from audit import acts, wording
from audit.models import AuditEvent, Layer
from audit.verifier import is_masked, stamp
from audit.wording import Names

COLUMNS = (
    "sequence",
    "layer",
    "at",
    "stored_at",
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
    "commitment",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field before and after, in words; empty text where there was none. `key` is the field as it was stored."""

    key: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An event in words. `link` is the kind of its object as addresses of histories name it, "" where it is gone."""

    event: AuditEvent
    act: str
    role: str
    kind: str
    thing: str
    link: str
    changes: tuple[Change, ...]
    is_masked: bool
    is_row: bool


def lines(events: Iterable[AuditEvent]) -> list[Line]:
    names = Names()
    return [_line(event, names) for event in events]


def _line(event: AuditEvent, names: Names) -> Line:
    label, key = event.object_type, event.object_id
    is_row = event.layer == Layer.ROW
    return Line(
        event=event,
        act=acts.words(event.act),
        role=wording.named(event.role.replace("_", " ")),
        kind=wording.kind(label),
        thing=event.object_label or names.of(label, key),
        link=_link(label) if names.find(label, key) else "",
        changes=row_changes(event, names) if is_row else _act_changes(event),
        is_masked=is_masked(event.commitment),
        is_row=is_row,
    )


def _link(label: str) -> str:
    """Only what answers to a trial has a history of its own."""
    model = wording.model_of(label)
    return str(model._meta.model_name) if model and hasattr(model, "road") else ""


def _told(text: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(text or "{}")
    return told


def row_changes(event: AuditEvent, names: Names, *, only: Collection[str] | None = None) -> tuple[Change, ...]:
    """Return what differs, in the order of the columns, of all columns or of `only` some.

    The key of a row is left out: it says nothing that the row's name does not.
    """
    before, after = _told(event.before), _told(event.after)
    label = event.object_type
    return tuple(
        Change(
            key=column,
            name=wording.field_name(label, column),
            before=names.value(label, column, before.get(column)),
            after=names.value(label, column, after.get(column)),
        )
        for column in {**before, **after}
        if (before.get(column) or "") != (after.get(column) or "")
        and not wording.is_key(label, column)
        and (only is None or column in only)
    )


def _act_changes(event: AuditEvent) -> tuple[Change, ...]:
    before, after = _told(event.before), _told(event.after)
    return tuple(
        Change(
            key=name,
            name=wording.field_name(event.object_type, name),
            before=_text(event, name, before.get(name)),
            after=_text(event, name, after.get(name)),
        )
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _text(event: AuditEvent, name: str, value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return wording.plain(wording.field_of(event.object_type, name), text)


def cells(row: tuple[Any, ...]) -> list[str]:
    """Return the text of COLUMNS' values; times in ISO 8601 with microseconds, JSON as it was hashed."""
    return [stamp(value) if isinstance(value, dt.datetime) else str(value) for value in row]

"""Events as who must not learn everything sees them: only what a veil names passes, the rest is told to be masked."""

import json
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audit.actor import MACHINE
from audit.models import AuditEvent
from audit.verifier import is_masked
from audit.wording import Names

# Beside the values that are shown: the names of those that are not.
MASKED = "masked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """What passes.

    The acts of `own` with their name, other people under `code`, labels of `named` kinds, and the values of which
    `shows` (kind, column) says so.
    """

    own: str
    code: Callable[[str], str]
    named: frozenset[str]
    shows: Callable[[str, str], bool]


def veiled(events: Iterable[AuditEvent], veil: Veil) -> Iterator[AuditEvent]:
    """Yield copies to be shown, never to be saved."""
    names = Names()
    return (_veiled(event, veil, names) for event in events)


def _veiled(event: AuditEvent, veil: Veil, names: Names) -> AuditEvent:
    """Return what passes of an event.

    Without the salted digest: with its salt, a short value could be guessed and the guess proven. Whether a record was
    masked for everybody stays told.
    """
    told = copy(event)
    told.actor_id, told.actor_name = _who(event.actor_id, event.actor_name, veil)
    told.on_behalf_of = _who(event.on_behalf_of, "", veil)[0]
    told.object_label = _label(event, names) if event.object_type in veil.named else ""
    told.object_id = ""
    told.before, told.after = _values(event, veil)
    told.reason = event.reason and _("masked")
    told.request_id = told.source = ""
    told.commitment = event.commitment if is_masked(event.commitment) else ""
    return told


def _label(event: AuditEvent, names: Names) -> str:
    return event.object_label or names.find(event.object_type, event.object_id)


def _who(key: str, name: str, veil: Veil) -> tuple[str, str]:
    if not key or key == veil.own or key.startswith(MACHINE):
        return key, name
    return veil.code(key), veil.code(key)


def _values(event: AuditEvent, veil: Veil) -> tuple[str, str]:
    if is_masked(event.commitment):
        return event.before, event.after
    before, after = json.loads(event.before), json.loads(event.after)
    changed = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    hidden = sorted(name for name in changed if not veil.shows(event.object_type, name))
    masked = {MASKED: ", ".join(hidden)} if hidden else {}
    shown = changed.difference(hidden)
    return _told(before, shown, {}), _told(after, shown, masked)


def _told(values: dict[str, Any], shown: set[str], masked: dict[str, str]) -> str:
    return json.dumps({name: value for name, value in values.items() if name in shown} | masked, ensure_ascii=False)

"""How an event is hashed: pure, so that an outsider can do the same with the columns alone."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

GENESIS = "0" * 64
HASHED_FIELDS = (
    "at",
    "actor_id",
    "actor_name",
    "role",
    "on_behalf_of",
    "act",
    "object_type",
    "object_id",
    "object_label",
    "trial_code",
    "before",
    "after",
    "reason",
    "request_id",
    "source",
    "software_version",
    "previous_hash",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """The first record that does not hold, and why, in words."""

    sequence: int
    sentence: str


def digest(values: Mapping[str, object]) -> str:
    """SHA-256 (hex) over the canonical JSON of HASHED_FIELDS; times as UTC with microseconds."""
    told = {name: _text(values[name]) for name in HASHED_FIELDS}
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _text(value: object) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)


def first_fault(events: Iterable[Mapping[str, object]]) -> Fault | None:
    """Walk events in sequence order; return the first edited, missing, inserted or reordered one, or None."""
    previous = GENESIS
    for event in events:
        sequence = int(str(event["sequence"]))
        if event["previous_hash"] != previous:
            return Fault(sequence, "does not follow the record before it: a record was deleted, inserted or moved here")
        if digest(event) != event["hash"]:
            return Fault(sequence, "was edited after it was written: its hash does not match its contents")
        previous = str(event["hash"])
    return None

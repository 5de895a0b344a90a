"""What a verification looks at, gathered from the database; an export writes the same into files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from audit.models import AuditEvent, Checkpoint, Tile
from audit.sealing import public_key
from audit.tree import WIDTH
from audit.verifier import HEADER, PAYLOAD, Evidence, Row, Sealed, read_checkpoints, stamp
from audit.watching import postgresql, sqlite
from audit.watching.expected import installed, tables

_HASH = 32
_TIMES = ("at", "stored_at")


@contextmanager
def snapshot() -> Iterator[None]:
    """Look at one moment of the database while others write: an examination reads events, rows and seals in turn."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            # Django's own would be IMMEDIATE and keep every writer waiting.
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("COMMIT")


def gather(*, outside: Path | None, with_rows: bool) -> Evidence:
    """Return the whole log with its witnesses, to be examined within the same `snapshot`.

    `outside` is a checkpoint file that was kept elsewhere.
    """
    # Before the database is looked at: what the sealer publishes meanwhile would seem cut from the log.
    held = read_checkpoints(outside) if outside else []
    return Evidence(
        public_key=public_key(),
        events=events(),
        checkpoints=checkpoints(),
        outside=held,
        rows=live_rows() if with_rows else None,
        triggers=installed(),
    )


def checkpoints() -> list[Sealed]:
    return [Sealed(text, signature) for text, signature in Checkpoint.objects.values_list("text", "signature")]


def events() -> Iterator[dict[str, Any]]:
    """Yield every event in sealed order with its stored leaf; those not sealed yet come last, without."""
    sealed: set[int] = set()
    for tile in Tile.objects.filter(level=0).order_by("number").iterator():
        sealed.update(tile.sequences)
        yield from _of_tile(tile)
    waiting = AuditEvent.objects.order_by("sequence").values(*HEADER, *PAYLOAD, "commitment")
    for event in waiting.filter(sequence__gt=_all_sealed_up_to(sealed)).iterator(chunk_size=2000):
        if event["sequence"] not in sealed:
            yield event | {"leaf": ""}


def _all_sealed_up_to(sealed: set[int]) -> int:
    """Return 0 where a gap may hide an event that was never sealed, else the last sequence."""
    last = max(sealed, default=0)
    return last if AuditEvent.objects.filter(sequence__lte=last).count() == len(sealed) else 0


def _of_tile(tile: Tile) -> Iterator[dict[str, Any]]:
    found = AuditEvent.objects.filter(sequence__in=tile.sequences).values(*HEADER, *PAYLOAD, "commitment")
    by_sequence = {event["sequence"]: event for event in found}
    hashes = bytes(tile.hashes)
    for place, sequence in enumerate(tile.sequences[:WIDTH]):
        # A record that is gone leaves a gap, which shifts every later leaf: the verifier says where.
        if event := by_sequence.get(sequence):
            yield event | {"leaf": hashes[place * _HASH : (place + 1) * _HASH].hex()}


def live_rows() -> Iterator[Row]:
    """Yield every row of every watched table as its triggers would tell it."""
    dialect = postgresql if connection.vendor == "postgresql" else sqlite
    for table in tables():
        with connection.cursor() as cursor:
            cursor.execute(dialect.live(table))
            while rows := cursor.fetchmany(2000):
                yield from (Row(table.label, str(key), row) for key, row in rows)


def export(folder: Path) -> int:
    """Write everything the stand-alone verifier reads into an empty folder; returns the number of events."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with snapshot():
        return _export(folder)


def _export(folder: Path) -> int:
    count = _write(folder / "events.jsonl", map(_plain, events()))
    _write(folder / "checkpoints.jsonl", ({"text": one.text, "signature": one.signature} for one in checkpoints()))
    _write(
        folder / "rows.jsonl",
        ({"object_type": row.object_type, "object_id": row.object_id, "row": row.row} for row in live_rows()),
    )
    (folder / "triggers.json").write_text(json.dumps(installed(), sort_keys=True))
    (folder / "seal.pub").write_text(public_key().hex() + "\n")
    return count


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    return event | {name: stamp(event[name]) for name in _TIMES}


def _write(path: Path, things: Iterator[dict[str, Any]]) -> int:
    with path.open("w") as file:
        return sum(file.write(json.dumps(thing, ensure_ascii=False) + "\n") > 0 for thing in things)


def checkpoint_file() -> Path:
    path: Path = settings.CHECKPOINT_FILE
    return path

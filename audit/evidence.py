"""What a verification looks at, gathered from the database; an export writes the same into files."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from audit.models import AuditEvent, Checkpoint, Tile
from audit.records import wholes
from audit.sealing import public_key
from audit.tree import WIDTH
from audit.verifier import Evidence, Row, Sealed, read_checkpoints
from audit.watching.expected import installed, tables
from audit.watching.operation import live

# Hex digits of a leaf.
_DIGITS = 64
# Tiles that are read at once: some hundred kilobytes.
_TILES = 32
# Bits of a number that say its place within a block, and all of them set.
_BLOCK, _PLACE = 10, (1 << 10) - 1


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
    sealed = _Numbers()
    for tile in Tile.objects.filter(level=0).order_by("number").iterator(chunk_size=_TILES):
        leaves = _leaves(tile)
        for event in wholes(list(leaves)):
            event["leaf"] = leaves[event["sequence"]]
            yield event
        sealed.add(leaves)
    for event in wholes(_waiting(sealed)):
        event["leaf"] = ""
        yield event


def _leaves(tile: Tile) -> dict[int, str]:
    """Return the leaf of each event; whatever a tile names beyond its leaves was not sealed.

    A record that is gone leaves a gap, which shifts every later leaf: the verifier says where.
    """
    hashes = bytes(tile.hashes).hex()
    cuts = (hashes[start : start + _DIGITS] for start in range(0, len(hashes), _DIGITS))
    return dict(zip(tile.sequences[:WIDTH], cuts, strict=False))


class _Numbers:
    """Whole numbers that lie close together, in little more than a bit each."""

    def __init__(self) -> None:
        self._blocks: dict[int, int] = {}

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            block = number >> _BLOCK
            self._blocks[block] = self._blocks.get(block, 0) | 1 << (number & _PLACE)

    def __contains__(self, number: int) -> bool:
        return bool(self._blocks.get(number >> _BLOCK, 0) >> (number & _PLACE) & 1)

    def __len__(self) -> int:
        return sum(block.bit_count() for block in self._blocks.values())

    def last(self) -> int:
        highest = max(self._blocks, default=0)
        return (highest << _BLOCK) + self._blocks.get(highest, 1).bit_length() - 1


def _waiting(sealed: _Numbers) -> Iterator[int]:
    """Yield the numbers of the events that are not sealed; all are looked at where a gap may hide one."""
    every = AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)
    is_whole = every.filter(sequence__lte=sealed.last()).count() == len(sealed)
    rest = every.filter(sequence__gt=sealed.last()) if is_whole else every
    return (sequence for sequence in rest.iterator(chunk_size=2000) if sequence not in sealed)


def live_rows() -> Iterator[Row]:
    """Yield every row of every watched table as its triggers would tell it."""
    for table in tables():
        with connection.cursor() as cursor:
            cursor.execute(live(table, vendor=connection.vendor))
            while rows := cursor.fetchmany(2000):
                yield from (Row(table.label, str(key), row) for key, row in rows)


def export(folder: Path) -> int:
    """Write everything the stand-alone verifier reads into an empty folder; returns the number of events."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with snapshot():
        return _export(folder)


def _export(folder: Path) -> int:
    count = _write(folder / "events.jsonl", events())
    _write(folder / "checkpoints.jsonl", ({"text": one.text, "signature": one.signature} for one in checkpoints()))
    _write(
        folder / "rows.jsonl",
        ({"object_type": row.object_type, "object_id": row.object_id, "row": row.row} for row in live_rows()),
    )
    (folder / "triggers.json").write_text(json.dumps(installed(), sort_keys=True))
    (folder / "seal.pub").write_text(public_key().hex() + "\n")
    return count


def _write(path: Path, things: Iterator[dict[str, Any]]) -> int:
    with path.open("w") as file:
        return sum(file.write(json.dumps(thing, ensure_ascii=False) + "\n") > 0 for thing in things)

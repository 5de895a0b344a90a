"""Tombstones outside the database: one line a tombstone, in a file that no backup brings back (pitfall 23).

Each line carries a keyed mark, so that nobody who may only write files has data destroyed at the next start.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.services import canonical


class TombstonesDamaged(RuntimeError):
    """A line of the file cannot be trusted; the text tells the operator which and what to do."""


def append(contents: Mapping[str, Any]) -> None:
    """Add a line, durable when this returns."""
    path = Path(settings.ERASURES_FILE)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = canonical({"tombstone": contents, "mark": _mark(contents)}) + "\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb") as file:
        # A line that a power cut left half written must not swallow this one.
        file.write(("\n" if _is_cut(path) else "").encode() + line.encode())
        file.flush()
        os.fsync(file.fileno())


def _is_cut(path: Path) -> bool:
    data = path.read_bytes()
    return bool(data) and not data.endswith(b"\n")


def read() -> Iterator[dict[str, Any]]:
    """Yield the contents of every tombstone, oldest first. Raises TombstonesDamaged.

    The half of a line that a power cut left behind is passed over: its erasure stands in the database, and a start
    writes it again.
    """
    path = Path(settings.ERASURES_FILE)
    if not path.exists():
        return
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if line and (contents := _parse(line, number)) is not None:
            yield contents


def _parse(line: bytes, number: int) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
        contents: dict[str, Any] = told["tombstone"]
        mark = str(told["mark"])
    except (ValueError, KeyError, TypeError):
        if line.endswith(b"}"):
            raise _damaged(number) from None
        return None
    if not hmac.compare_digest(mark, _mark(contents)):
        raise _damaged(number)
    return contents


def _damaged(number: int) -> TombstonesDamaged:
    return TombstonesDamaged(
        f"Line {number} of the file of erasures was changed, or was written under another key. Nothing was erased and "
        "nothing is served: bring the file back as it was, with the key of this installation, then start again."
    )


def _mark(contents: Mapping[str, Any]) -> str:
    # Its own key for each use.
    key = hmac.new(settings.KEY_ENCRYPTION_KEY, b"erasures", hashlib.sha256).digest()
    return hmac.new(key, canonical(contents).encode(), hashlib.sha256).hexdigest()


def stamp() -> tuple[int, int]:
    """Return what tells whether the file has changed: time (ns) and size; zeros where there is none."""
    try:
        told = Path(settings.ERASURES_FILE).stat()
    except FileNotFoundError:
        return 0, 0
    return told.st_mtime_ns, told.st_size

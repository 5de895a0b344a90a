"""What was sent, kept beside the key, so that a second run sends only what was not acknowledged.

One JSON object a line, written to the end and to the disk before the next request. No line holds an identity: persons
are digests under the site's key, objects the UIDs and digests they have after cleaning.
"""

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An object that the server acknowledged: `mark` tells which file it was, to whoever has file and key."""

    mark: str
    uid: str
    sha256: str
    delivery: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The person of a subject: the name they go by outside, and every digest they were recognised by."""

    name: str
    tokens: frozenset[str]


@dataclass(slots=True)
class Ledger:
    """Open for one run at a time."""

    path: Path
    sent: dict[str, Sent] = field(default_factory=dict)
    _persons: dict[tuple[str, str], Known] = field(default_factory=dict)
    _descriptor: int = -1

    def __enter__(self) -> Self:
        """Raises ValueError where another run holds it, others may read it, or it is of another kind; OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _MODE)
        try:
            self._require_alone()
            self._load()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *told: object) -> None:
        os.close(self._descriptor)

    def _require_alone(self) -> None:
        if os.fstat(self._descriptor).st_mode & 0o077:
            raise ValueError("the state file may be readable by its owner only; set its mode to 0600")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError("another run is sending with this state file; wait until it ended") from None

    def _load(self) -> None:
        text = self.path.read_bytes()
        whole, _newline, torn = text.rpartition(b"\n")
        if torn:
            # The machine stopped while it was written: what it said was not relied on yet.
            os.ftruncate(self._descriptor, len(text) - len(torn))
        try:
            for line in whole.splitlines():
                self._take(json.loads(line))
        except (ValueError, KeyError, TypeError):
            raise ValueError("the state file is not one that this program wrote; name another with --state") from None

    def _take(self, told: dict[str, Any]) -> None:
        if told["kind"] == "person":
            known = Known(name=told["name"], tokens=frozenset(told["tokens"]))
            self._persons[told["trial"], told["subject"]] = known
        elif told["kind"] == "forgotten":
            self.sent = {mark: each for mark, each in self.sent.items() if each.delivery != told["delivery"]}
        else:
            sent = {name: str(told[name]) for name in ("mark", "uid", "sha256", "delivery")}
            self.sent[sent["mark"]] = Sent(**sent)

    def person(self, *, trial: str, subject: str) -> Known | None:
        return self._persons.get((trial, subject))

    def subjects_of(self, tokens: frozenset[str], *, trial: str) -> list[str]:
        """Return the codes under which this person was sent in the trial."""
        return sorted(code for (of, code), known in self._persons.items() if of == trial and known.tokens & tokens)

    def remember(self, known: Known, *, trial: str, subject: str) -> None:
        if self._persons.get((trial, subject)) != known:
            told = {"kind": "person", "trial": trial, "subject": subject, "name": known.name}
            self._write([told | {"tokens": sorted(known.tokens)}])

    def acknowledge(self, sent: Iterable[Sent]) -> None:
        self._write(
            [
                {"kind": "sent", "mark": each.mark, "uid": each.uid, "sha256": each.sha256, "delivery": each.delivery}
                for each in sent
            ]
        )

    def forget(self, delivery: str) -> None:
        """Let what a delivery held be sent again: it was discarded at Corelab."""
        self._write([{"kind": "forgotten", "delivery": delivery}])

    def _write(self, lines: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fsync(self._descriptor)
        for line in lines:
            self._take(line)

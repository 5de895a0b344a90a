"""The second look at a folder: each file cleaned, streamed and acknowledged, in requests of bounded size."""

import functools
import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deid.command.folder import opened
from deid.gateway.cleaning import Cleaner, pieces_of
from deid.gateway.ledger import Ledger, Sent
from deid.gateway.line import Answer, Line, Lost
from deid.gateway.survey import UNREADABLE, Found
from deid.keyed import keyed_digest
from deid.model import Rejected

MOST_OBJECTS, MOST_BYTES = 100, 64 << 20
STORE = "/dicomweb/studies"
_TAKEN, _FAILED = "00081199", "00081198"
_UID, _REASON, _COMMENT = "00081155", "00081197", "00000902"
_FULL, _NOT_AUTHORISED = 0xA700, 0x0124
_ACCEPTED, _NO_ROOM = 202, 507


class State(StrEnum):
    """What became of one file."""

    TAKEN = "taken"
    EARLIER = "taken by an earlier run"
    REFUSED = "refused"
    UNSENT = "not sent"


@dataclass(slots=True)
class Outcome:
    """A file and what became of it; the digest before is in `found`, the one after is of what crossed the line."""

    found: Found
    state: State = State.UNSENT
    code: str = ""
    reason: str = ""
    uid: str = ""
    sha256: str = ""
    delivery: str = ""

    def refuse(self, code: str, reason: str) -> None:
        self.state, self.code, self.reason = State.REFUSED, code, reason


class _Spoiled(Exception):
    """A file failed after some of it was on the line: the request must break off, and begin without it."""


class _Nothing(Exception):
    """No file of the request is left to send."""


@dataclass(slots=True, kw_only=True)
class Sending:
    """One run: where to, for whom, and what became of each file. `trouble` says why it stopped early, if it did.

    `person` is what Corelab is told of whose scans they are; it goes in a header, which no address and no log repeats.
    """

    line: Line
    cleaner: Cleaner
    ledger: Ledger
    subject: str
    time_point: str
    person: str
    show: Callable[[int, int], None]
    outcomes: list[Outcome] = field(default_factory=list)
    trouble: str = ""
    _done: int = 0

    def send_all(self, found: Sequence[Found]) -> None:
        """Send what was not acknowledged before; where the line is lost or the door closes, stop and say so."""
        self.outcomes = [self._outcome(each) for each in found]
        waiting = [each for each in self.outcomes if each.state is State.UNSENT]
        self._advance(len(self.outcomes) - len(waiting))
        batches = list(_batches(waiting))
        for number, batch in enumerate(batches, start=1):
            try:
                self._send(batch, is_last=number == len(batches))
            except Lost as lost:
                self.trouble = str(lost)
            if self.trouble:
                return
            self._advance(len(batch))

    def forget_discarded(self, found: Sequence[Found]) -> None:
        """Let be sent again what was discarded at Corelab meanwhile. Raises Lost."""
        sent = [each for one in found if (each := self.ledger.sent.get(self._mark(one)))]
        for delivery in sorted({each.delivery for each in sent} - {""}):
            if self.line.get(delivery).told.get("state") == "discarded":
                self.ledger.forget(delivery)

    def _advance(self, files: int) -> None:
        self._done += files
        if self._done:
            self.show(self._done, len(self.outcomes))

    def _outcome(self, found: Found) -> Outcome:
        sent = self.ledger.sent.get(self._mark(found))
        if sent is None:
            return Outcome(found)
        return Outcome(found, state=State.EARLIER, uid=sent.uid, sha256=sent.sha256, delivery=sent.delivery)

    def _mark(self, found: Found) -> str:
        """Return what this file is known by in the ledger: by its bytes, whose it is, and where it went.

        Not by the rules: what was acknowledged under earlier ones would come again with other bytes, as a conflict.
        """
        place = (str(self.line.address), self.subject, self.time_point, found.sha256)
        return keyed_digest(key=self.cleaner.key, domain="gateway-sent", text="\n".join(place)).hex()

    def _send(self, batch: list[Outcome], *, is_last: bool) -> None:
        named = {"subject": self.subject, "timepoint": self.time_point} | ({"complete": "1"} if is_last else {})
        while True:
            boundary = f"corelab-{secrets.token_hex(12)}"
            headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary="{boundary}"'}
            headers |= {"Corelab-Person": self.person} if self.person else {}
            try:
                answer = self.line.post(STORE, functools.partial(self._body, batch, boundary), headers=headers, **named)
            except _Spoiled:
                continue
            except _Nothing:
                return
            self._hear(answer, [each for each in batch if each.state is State.UNSENT])
            return

    def _body(self, batch: list[Outcome], boundary: str) -> Iterator[bytes | memoryview]:
        """Return the body of a request, made anew for each try. Raises _Nothing where no file of it is left."""
        parts = self._parts(batch, boundary)
        first = next(parts, None)
        if first is None:
            raise _Nothing
        return itertools.chain((first,), parts)

    def _parts(self, batch: list[Outcome], boundary: str) -> Iterator[bytes | memoryview]:
        is_begun = False
        for each in batch:
            for piece in self._part(each, boundary):
                is_begun = True
                yield piece
        if is_begun:
            yield f"\r\n--{boundary}--\r\n".encode()

    def _part(self, outcome: Outcome, boundary: str) -> Iterator[bytes | memoryview]:
        """Yield one file as a part; nothing where it is refused. Raises _Spoiled where it fails on its way."""
        if outcome.state is State.REFUSED:
            return
        is_begun = False
        try:
            with opened(outcome.found.path) as file:
                cleaned = self.cleaner.clean(outcome.found, file)
                outcome.uid, digest = cleaned.sop_instance_uid, hashlib.sha256()
                is_begun = True
                yield f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
                for piece in pieces_of(cleaned):
                    digest.update(piece)
                    yield piece
                outcome.sha256 = digest.hexdigest()
        except Rejected as rejected:
            outcome.refuse(rejected.code, rejected.reason)
            if is_begun:
                raise _Spoiled from None
        except OSError:
            # Of the file: what the line suffers is raised where it is sent, not here.
            outcome.refuse("unreadable", UNREADABLE)
            if is_begun:
                raise _Spoiled from None

    def _hear(self, answer: Answer, asked: list[Outcome]) -> None:
        taken, failed = _by_uid(answer, _TAKEN), _by_uid(answer, _FAILED)
        delivery = next(iter(answer.deliveries), "")
        for each in asked:
            if each.uid in failed:
                self._refuse(each, failed[each.uid], answer)
            elif answer.status == _ACCEPTED and each.uid in taken:
                each.state, each.delivery = State.TAKEN, delivery
        self._write(each for each in asked if each.state is State.TAKEN)
        is_closed = any(_first(item, _REASON) == str(_NOT_AUTHORISED) for item in failed.values())
        if answer.status == _NO_ROOM:
            self.trouble = f"There is no room at Corelab now: {answer.sentence}"
        elif is_closed or any(each.state is State.UNSENT for each in asked):
            self.trouble = self.trouble or answer.sentence

    def _refuse(self, outcome: Outcome, item: dict[str, Any], answer: Answer) -> None:
        outcome.sha256 = ""
        words = _first(item, _COMMENT)
        # The comment is cut at 64 signs (PS3.7); the header has the whole sentence.
        sentence = answer.sentence if words and words.rstrip() in answer.sentence else words or answer.sentence
        if _first(item, _REASON) == str(_FULL):
            # It may have room later: not refused for good.
            self.trouble = f"There is no room at Corelab now: {sentence}"
            outcome.reason = sentence
        else:
            outcome.refuse("corelab", sentence)

    def _write(self, taken: Iterable[Outcome]) -> None:
        try:
            self.ledger.acknowledge(
                Sent(mark=self._mark(each.found), uid=each.uid, sha256=each.sha256, delivery=each.delivery)
                for each in taken
            )
        except OSError as full:
            self.trouble = f"The state file could not be written ({full.strerror}), so the next run sends these again."


def _batches(waiting: Sequence[Outcome]) -> Iterator[list[Outcome]]:
    """Cut into requests of at most MOST_OBJECTS files and MOST_BYTES, of one file at least."""
    batch: list[Outcome] = []
    size = 0
    for each in waiting:
        if batch and (len(batch) >= MOST_OBJECTS or size + each.found.size > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each.found.size
    if batch:
        yield batch


def _by_uid(answer: Answer, sequence: str) -> dict[str, dict[str, Any]]:
    told = answer.told.get(sequence)
    items = told.get("Value", []) if isinstance(told, dict) else []
    return {_first(item, _UID): item for item in items if isinstance(item, dict)}


def _first(item: dict[str, Any], tag: str) -> str:
    told = item.get(tag)
    values = told.get("Value") if isinstance(told, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""

"""Tell whether an audit log holds: one file with the standard library and `cryptography`, for outsiders and for us."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache, reduce
from hashlib import blake2b, sha256
from json.encoder import encode_basestring
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, Self, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_HEADER = "sequence layer act at stored_at actor_id actor_name role on_behalf_of object_type object_id trial_code"
HEADER = (*_HEADER.split(), "request_id", "source", "software_version")
PAYLOAD = ("object_label", "before", "after", "reason")
GENESIS, EXTRACT = "0" * 64, "corelab-audit-extract-1"
_MASK, _EMPTY = "0" * 32, sha256(b"").digest()
_NOTHING = ("",) * len(PAYLOAD)
_MALFORMED = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
_FORM = "corelab audit 1\norigin {}\nsize {}\nroot {}\nprevious {}\ntriggers {}\ntime {}\n"
_TIME = r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+00:00)"
_READ = re.compile(_FORM.format(r"([^\x00-\x1f\x7f]+)", "(0|[1-9][0-9]{0,17})", *["([0-9a-f]{64})"] * 3, _TIME))
Event = Mapping[str, Any]
_Made = TypeVar("_Made")
Kind = StrEnum(
    "Kind",
    "UNREADABLE HEADER PAYLOAD MASKED TRIGGERS REPLAY PROOF KEY SIGNATURE ORDER CHAIN ORIGIN BATCH COUNT CUT REWRITTEN",
)
# A break of one of these draws more of its kind after it, so only the first is told.
_TOLD_ONCE = {Kind.ORDER, Kind.CHAIN, Kind.ORIGIN, Kind.BATCH, Kind.CUT, Kind.REWRITTEN}


def stamp(moment: datetime) -> str:
    """Return the only form in which a time is hashed: UTC, microseconds, +00:00. Raises ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError("A time without a zone is no evidence.")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=stamp).encode
_dump_sorted = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_header, _payload = itemgetter(*HEADER), itemgetter(*PAYLOAD)


@lru_cache(maxsize=1024)
def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def commit(*, salt: bytes, object_label: str, before: str, after: str, reason: str) -> str:
    """Return salt and salted digest of a payload in 96 hex characters. Raises ValueError unless salt has 16 bytes."""
    if len(salt) != len(_MASK) // 2:
        raise ValueError("A salt has 16 bytes.")
    # Labels, reasons and "{}" come again and again, what a row was after a change does not.
    parts = _digest(object_label) + _digest(before) + sha256(after.encode()).digest() + _digest(reason)
    return salt.hex() + sha256(salt + parts).hexdigest()


def is_masked(commitment: str) -> bool:
    return commitment.startswith(_MASK)


def leaf(event: Event) -> bytes:
    """Return the 32-byte leaf of an event; the salt is not in it, so masking leaves it as it was."""
    return sha256(b"\x00" + canonical(event).encode()).digest()


def canonical(event: Event) -> str:
    """Return the text of a leaf: compact JSON of the header's values and the digest of the payload."""
    values = [*_header(event), event["commitment"][len(_MASK) :]]
    # What `_dump` makes of text, without its detours; it takes times besides.
    try:
        words = ",".join(map(encode_basestring, values[1:]))
    except TypeError:
        return _dump(values)
    return f"[{values[0]},{words}]" if type(values[0]) is int else _dump(values)


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def sha256_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def digest_of_triggers(triggers: Mapping[str, str]) -> str:
    """Return the SHA-256, in hex, over the definitions by name; their order does not matter."""
    return sha256_of(_dump_sorted(dict(triggers)))


class Range:
    """The root of a growing list of 32-byte leaves, in the memory of its logarithm (RFC 9162 2.1.1)."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        rest = self.size
        while rest & 1:
            leaf = sha256(b"\x01" + self._peaks.pop() + leaf).digest()
            rest >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        return reduce(lambda root, peak: node(peak, root), reversed(self._peaks or [_EMPTY]))


def root_from(*, leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root an inclusion proof leads to (RFC 9162 2.1.3.2). Raises ValueError where its shape is wrong."""
    if not 0 <= index < size or (size == 1 and path) or any(len(part) != len(_EMPTY) for part in (leaf, *path)):
        raise ValueError("No tree of that size has such a proof.")
    if size == 1:
        return leaf
    *rest, sister = path
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return node(root_from(leaf=leaf, index=index, size=half, path=rest), sister)
    return node(sister, root_from(leaf=leaf, index=index - half, size=size - half, path=rest))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed of a log at one size; hashes are 64 hex characters, `time` has the form of `stamp`."""

    origin: str
    size: int
    root: str
    previous: str
    triggers: str
    time: str

    def text(self) -> str:
        return _FORM.format(*astuple(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read exactly what `text` writes; anything else raises ValueError."""
        found = _READ.fullmatch(text)
        if found is None or not datetime.fromisoformat(found[6]):
            raise ValueError("This is not the text of a checkpoint.")
        return cls(found[1], int(found[2]), *found.groups()[2:])


@dataclass(frozen=True, slots=True)
class Sealed:
    """The text of a checkpoint with the Ed25519 signature over it, in hex."""

    text: str
    signature: str

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint.parse(self.text)

    def is_signed_by(self, public_key: bytes) -> bool:
        """Return whether this is a checkpoint that was signed with the key; never raises."""
        try:
            signed = self.checkpoint.text().encode()
            Ed25519PublicKey.from_public_bytes(public_key).verify(bytes.fromhex(self.signature), signed)
        except (InvalidSignature, *_MALFORMED):
            return False
        return True


def _parsed(lines: Iterable[bytes], name: str, make: Callable[..., _Made]) -> Iterator[_Made]:
    for number, line in enumerate(lines, start=1):
        try:
            yield make(**json.loads(line))
        except _MALFORMED:
            raise ValueError(f"Line {number} of {name} does not have the right form.") from None


def read_checkpoints(path: Path) -> list[Sealed]:
    """Read a checkpoint a line, but for a last line torn by a power cut. Raises OSError or ValueError."""
    *lines, last = path.read_bytes().split(b"\n")
    return list(_parsed([*lines, last] if last.endswith(b"}") else lines, path.name, Sealed))


@dataclass(frozen=True, slots=True)
class Row:
    object_type: str
    object_id: str
    row: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A log in sealed order, each event with its "leaf" in hex ("" or none: not sealed yet), and its witnesses."""

    public_key: bytes
    events: Iterable[Event]
    checkpoints: Sequence[Sealed]
    outside: Sequence[Sealed] = ()
    rows: Iterable[Row] | None = None
    triggers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    sentence: str


def _readable(sealed: Sequence[Sealed]) -> Iterator[Checkpoint]:
    for one in sealed:
        with suppress(*_MALFORMED):
            yield one.checkpoint


def _record_faults(event: Event, sealed: str) -> list[Fault]:
    name, faults, commitment = event["sequence"], list[Fault](), event["commitment"]
    label, before, after, reason = payload = _payload(event)
    if sealed and leaf(event).hex() != sealed:
        faults.append(Fault(Kind.HEADER, f"Record {name} is not what was sealed: its header or seal was edited."))
    if not is_masked(commitment):
        salt = bytes.fromhex(commitment[: len(_MASK)])
        if commit(salt=salt, object_label=label, before=before, after=after, reason=reason) != commitment:
            faults.append(Fault(Kind.PAYLOAD, f"Record {name}: its label, before, after or reason was edited."))
    elif payload != _NOTHING:
        faults.append(Fault(Kind.MASKED, f"Record {name} counts as masked but still shows a payload."))
    return faults


def _state(row: str) -> bytes:
    """Return a short digest of a row, whatever the order of its columns; empty where the row is gone."""
    return b"" if row in ("", "{}") else blake2b(_dump_sorted(json.loads(row)).encode(), digest_size=16).digest()


class Finding:
    """What one pass over a log shows; it keeps the roots at the signed sizes and the last state of each row."""

    def __init__(self, evidence: Evidence) -> None:
        self.faults: list[Fault] = []
        self.events = self.sealed = self.unsealed = self.masked = 0
        self.checkpoints, self._tree, self._is_replayed = len(evidence.checkpoints), Range(), evidence.rows is not None
        self._told, self._good = set[Kind](), set[Sealed]()
        self._signed(evidence.checkpoints, evidence.public_key, "of the log")
        self._inside = list(_readable(evidence.checkpoints))
        self._outside = list(_readable(self._signed(evidence.outside, evidence.public_key, "held outside")))
        self._roots = {one.size: "" for one in (*self._inside, *self._outside)} | {0: _EMPTY.hex()}
        self._hidden, self._explained, self._installed = set[str](), set[str](), list[tuple[int, str]]()
        self._last: dict[str, bytes | None] = {}

    def _tell(self, kind: Kind, sentence: str, *, when: bool = True) -> None:
        if when and kind not in self._told:
            self.faults.append(Fault(kind, sentence))
            self._told |= _TOLD_ONCE & {kind}

    def _signed(self, sealed: Sequence[Sealed], key: bytes, where: str) -> list[Sealed]:
        # What is held outside is mostly what the log holds too.
        new = [(number, one) for number, one in enumerate(sealed, start=1) if one not in self._good]
        bad = {number: one for number, one in new if not one.is_signed_by(key)}
        if bad:
            place = f"{len(bad)} of {len(sealed)} checkpoints {where}, first number {min(bad)},"
            self._tell(Kind.SIGNATURE, f"{place} are not signed with the key given.")
        self._good.update(one for number, one in new if number not in bad)
        return [one for one in sealed if one in self._good]

    def take(self, event: Event) -> None:
        """Weigh the next record; one that is malformed is a fault and stops nothing."""
        self.events += 1
        try:
            sealed = event.get("leaf") or ""
            self._place(sealed)
            self.faults += _record_faults(event, sealed)
            self._remember(event, is_hidden=is_masked(event["commitment"]))
        except _MALFORMED:
            self._tell(Kind.UNREADABLE, f"Line {self.events} of the log does not have the form of a record.")

    def _place(self, sealed: str) -> None:
        if not sealed:
            self.unsealed += 1
            return
        self._tree.add(bytes.fromhex(sealed))
        self.sealed += 1
        if self.sealed in self._roots:
            self._roots[self.sealed] = self._tree.root().hex()
        if self.unsealed:
            self._tell(Kind.ORDER, f"Line {self.events} of the log is sealed, but one before it is not.")

    def _remember(self, event: Event, *, is_hidden: bool) -> None:
        if is_hidden:
            self.masked += 1
            self._hidden.add(str(event["sequence"]))
        if event["act"] == "trail.masked":
            self._explained.add(event["object_id"])
        elif event["act"] == "trail.installed":
            self._installed.append((self.events, event["after"]))
        if event["layer"] == "row" and self._is_replayed:
            # What a masked record said can no longer be compared.
            self._last[f"{event['object_type']} {event['object_id']}"] = None if is_hidden else _state(event["after"])

    def weigh_checkpoints(self) -> None:
        follows, good = GENESIS, 0
        for earlier, later in zip(self._inside[:1] + self._inside, self._inside, strict=False):
            name = f"The checkpoint over {later.size} records"
            told = [after for number, after in self._installed if earlier.size < number <= later.size]
            is_told = any(later.triggers in after for after in told)
            is_backwards = later.size < earlier.size or later.time < earlier.time
            self._tell(Kind.CHAIN, f"{name} does not name the one before it.", when=later.previous != follows)
            self._tell(Kind.CHAIN, f"{name} runs backwards in size or time.", when=is_backwards)
            self._tell(Kind.ORIGIN, f"{name} is of another log.", when=later.origin != earlier.origin)
            if self._roots[later.size] not in ("", later.root):
                place = f"the sealed records {good + 1} to {later.size}"
                self._tell(Kind.BATCH, f"One of {place} was edited, deleted, inserted or moved.")
            # Behind a broken batch the numbers have shifted.
            elif later.triggers != earlier.triggers and not is_told and Kind.BATCH not in self._told:
                self._tell(Kind.TRIGGERS, f"{name} found triggers dropped or changed, and no record tells why.")
            follows, good = sha256_of(later.text()), later.size
        count = f"The last checkpoint counts {good} sealed records, the log holds {self.sealed}."
        self._tell(Kind.COUNT, count, when=self.sealed != good)

    def weigh_witnesses(self, triggers: Mapping[str, str] | None) -> None:
        for held in sorted({*self._outside} - {*self._inside}, key=attrgetter("size")):
            name = f"The checkpoint over {held.size} records held outside"
            if any(held.origin != one.origin for one in self._inside[:1]):
                self._tell(Kind.ORIGIN, f"{name} is of another log.")
            elif held.size > self.sealed:
                self._tell(Kind.CUT, f"{name} is gone; the log ends with {self.sealed}: its tail was cut off.")
            else:
                self._tell(Kind.REWRITTEN, f"{name} is not of this log: its records or checkpoints were rewritten.")
        if triggers is not None and any(one.triggers != digest_of_triggers(triggers) for one in self._inside[-1:]):
            self._tell(Kind.TRIGGERS, "A trigger was dropped or changed since the last checkpoint.")
        for sequence in sorted(self._hidden - self._explained):
            self._tell(Kind.MASKED, f"Record {sequence} is masked, and no record tells by whom and why.")

    def replay(self, rows: Iterable[Row]) -> None:
        for row in rows:
            name = f"{row.object_type} {row.object_id}"
            last, now = self._last.pop(name, b""), _state(row.row)
            self._tell(Kind.REPLAY, f"{name} is in the database, but by the log it should not be.", when=last == b"")
            self._tell(Kind.REPLAY, f"{name} is not what the log says last.", when=last not in (None, b"", now))
        for name in (name for name, last in self._last.items() if last):
            self._tell(Kind.REPLAY, f"{name} is in the log, but no longer in the database.")


def examine(evidence: Evidence) -> Finding:
    """Say all that is wrong with a log, in one pass. Raises ValueError where a live row is not JSON."""
    finding = Finding(evidence)
    for event in evidence.events:
        finding.take(event)
    finding.weigh_checkpoints()
    finding.weigh_witnesses(evidence.triggers)
    finding.replay(evidence.rows or ())
    return finding


def examine_extract(extract: Mapping[str, Any], public_key: bytes | None) -> list[Fault]:
    """Say all that is wrong with what is attached to a signed report; without a key the one inside is believed."""
    try:
        return list(_extract_faults(extract, public_key))
    except _MALFORMED:
        return [Fault(Kind.UNREADABLE, f"This does not have the form of {EXTRACT}.")]


def _extract_faults(extract: Mapping[str, Any], public_key: bytes | None) -> Iterator[Fault]:
    key, sealed, entries = bytes.fromhex(extract["public_key"]), Sealed(**extract["checkpoint"]), [*extract["entries"]]
    checkpoint = sealed.checkpoint
    if extract["format"] != EXTRACT:
        raise ValueError
    if public_key not in (None, key):
        yield Fault(Kind.KEY, "The extract names another key than the one given.")
    if not sealed.is_signed_by(public_key or key):
        yield Fault(Kind.SIGNATURE, "The checkpoint of the extract is not signed with the key of the log.")
    for number, entry in enumerate(entries, start=1):
        try:
            yield from _entry_faults(entry, checkpoint)
        except _MALFORMED:
            yield Fault(Kind.UNREADABLE, f"Entry {number} of the extract, or its proof, does not have the right form.")


def _entry_faults(entry: Mapping[str, Any], checkpoint: Checkpoint) -> Iterator[Fault]:
    own, path = bytes.fromhex(entry["leaf"]), [bytes.fromhex(part) for part in entry["proof"]]
    root = root_from(leaf=own, index=entry["index"], size=checkpoint.size, path=path)
    if root.hex() != checkpoint.root:
        yield Fault(Kind.PROOF, f"Leaf {entry['index']} is not in the log that the checkpoint seals.")
    if entry["event"] is not None:
        yield from _record_faults(entry["event"], own.hex())


def _lines(path: Path, make: Callable[..., _Made]) -> Iterator[_Made]:
    with path.open("rb") as file:
        yield from _parsed(file, path.name, make)


def _examine_folder(options: argparse.Namespace, key: bytes) -> tuple[list[Fault], list[str]]:
    evidence = Evidence(
        public_key=key,
        events=_lines(options.folder / "events.jsonl", dict[str, Any]),
        checkpoints=read_checkpoints(options.folder / "checkpoints.jsonl"),
        outside=read_checkpoints(options.outside) if options.outside else (),
        rows=_lines(options.folder / "rows.jsonl", Row) if options.replay else None,
        triggers=json.loads((options.folder / "triggers.json").read_bytes()),
    )
    found = examine(evidence)
    seals = f"{found.sealed} sealed by {found.checkpoints} checkpoints, {found.unsealed} not sealed yet"
    words = [f"{found.events} records: {seals}, {found.masked} masked."]
    if not options.outside:
        words.append("Without --outside a cut tail or a rewrite with a stolen key cannot be seen.")
    if not options.replay:
        words.append("Without --replay a row changed behind the log cannot be seen.")
    return found.faults, words


def _examine_file(options: argparse.Namespace, key: bytes | None) -> tuple[list[Fault], list[str]]:
    words = ["A time stamp in the extract is not examined here: `openssl ts -verify` does that."]
    if key is None:
        words.append("Without --key an extract that was signed with another key cannot be seen.")
    return examine_extract(json.loads(options.extract.read_bytes()), key), words


def main(argv: Sequence[str]) -> int:
    """Examine an export or an extract; return 0 where all holds, 1 where not, 2 where it cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="an export of the log; needs --key")
    parser.add_argument("--extract", type=Path, metavar="FILE", help="instead: what is attached to a signed report")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the public key: 64 hex characters")
    parser.add_argument("--outside", type=Path, metavar="FILE", help="checkpoints that were kept elsewhere")
    parser.add_argument("--replay", action="store_true", help="compare the live rows with the log")
    options = parser.parse_args(argv)
    if bool(options.folder) == bool(options.extract) or (options.folder and not options.key):
        parser.error("name a FOLDER and --key, or --extract")
    try:
        key = bytes.fromhex(options.key.read_text()) if options.key else None
        if key is not None:
            Ed25519PublicKey.from_public_bytes(key)
        faults, words = _examine_file(options, key) if options.extract else _examine_folder(options, key or b"")
    except (OSError, *_MALFORMED) as error:
        sys.stderr.write(f"This cannot be read: {error}\n")
        return 2
    # Escaped, so that no forged name can write lines of its own to the terminal.
    told = [f"{fault.kind}: {fault.sentence.encode('unicode_escape').decode()}" for fault in faults] or ["All holds."]
    sys.stdout.write("".join(f"{line}\n" for line in (*told, *words)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

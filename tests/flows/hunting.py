"""Finding what was planted, in whatever coding it lies: plain, UTF-16, JSON, base64, deflated; in files and in pages.

Nothing is passed over, sealed and compressed bytes neither. So what is looked for must be too long for chance: in a
hundred megabytes of noise a given word of eight bytes turns up once in 10^11 runs.
"""

import base64
import binascii
import json
import re
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.flows.corpus import FOREIGN, Sender
from tests.stack import ROOT, Session, Stack

# No hexadecimal digit beside a number: a hash may hold any nine digits.
_PLANT = re.compile(rb"(qy[bcdfghjklmnpqrstvwxz]+uzov)|(?<![0-9a-f])(731\d{6})(?![0-9a-f])")
_BIRTH = re.compile(rb"(?<!\d)(19530417|1953-04-17|17 apr(?:il)?\.? 1953|17/04/1953|04/17/1953)(?!\d)")
_UID = re.compile(rb"1\.2\.826\.0\.1\.3680043\.8\.498\.\d{20,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_LINK = re.compile(r'(?:href|src|hx-get)="(/[^"#]*)')
_SHORTEST = 8
_CODECS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1", "shift_jis", "iso2022_jp")


def _foreign_words() -> frozenset[bytes]:
    parts = {part for name in FOREIGN.values() for part in re.split(r"[=^]", name) if not part.isascii()}
    coded = {part.encode(codec, "ignore") for part in parts for codec in _CODECS}
    escaped = {json.dumps(part)[1:-1].encode() for part in parts}
    # A codec that lacks the letters leaves shreds behind, which nobody wrote.
    whole = {word for word in coded if any(_reads(word, codec) in parts for codec in _CODECS)}
    if short := [word for word in whole | escaped if len(word) < _SHORTEST]:
        raise ValueError(f"chance may write these: plant longer names than {short}")
    return frozenset(whole | escaped)


def _reads(word: bytes, codec: str) -> str:
    return word.decode(codec, "ignore")


@dataclass(frozen=True, slots=True)
class Hunt:
    """What to look for."""

    numbers: frozenset[bytes]
    uids: frozenset[bytes]
    foreign: frozenset[bytes] = field(default_factory=_foreign_words)
    # Keys and passwords, in every form in which one may be written down.
    secrets: frozenset[bytes] = frozenset()

    @classmethod
    def after(cls, sender: Sender, *, secrets: Iterable[bytes] = ()) -> "Hunt":
        """Everything that this sender has planted by now, and the installation's secrets."""
        return cls(
            numbers=frozenset(map(str.encode, sender.plants.numbers)),
            uids=frozenset(map(str.encode, sender.uids)),
            secrets=frozenset(form for secret in secrets for form in forms_of(secret)),
        )

    def found(self, content: bytes) -> set[bytes]:
        """Return the planted words, numbers, dates and UIDs that lie in the content."""
        hits: set[bytes] = set()
        for view in views(content):
            low = view.lower()
            for match in _PLANT.finditer(low):
                hits |= {match[1]} if match[1] else {match[2]} & self.numbers
            hits |= {match[1] for match in _BIRTH.finditer(low)}
            hits |= {match[0] for match in _UID.finditer(view)} & self.uids
            hits |= {word for word in self.foreign | self.secrets if word in view}
        return hits

    def in_files(self, folder: Path) -> dict[str, set[bytes]]:
        """Return by file what lies in it, or in its name."""
        hits = {}
        for path in folder.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            if found := self.found(content) | self.found(str(path.relative_to(folder)).encode()):
                hits[str(path.relative_to(folder))] = found
        return hits


def forms_of(secret: bytes) -> set[bytes]:
    """A secret as it is, in hexadecimal, and in both kinds of base64 as far as that does not hang on what follows."""
    coded = base64.b64encode(secret).rstrip(b"=")[:-1]
    return {secret, secret.hex().encode(), coded, coded.translate(bytes.maketrans(b"+/", b"-_"))}


def views(content: bytes) -> Iterator[bytes]:
    """The content as it is, and as whoever undoes the usual codings would read it."""
    yield content
    yield content.replace(b"\0", b"")
    yield b"\n".join(_decoded(match[0]) for match in _BASE64.finditer(content))
    for match in _DEFLATED.finditer(content):
        try:
            yield zlib.decompressobj().decompress(content[match.start() :], 10_000_000)
        except zlib.error:
            continue


def _decoded(run: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(run.translate(bytes.maketrans(b"+/", b"-_"))[: len(run) // 4 * 4])
    except binascii.Error:
        return b""


def walk(session: Session, *starts: str, limit: int = 400) -> dict[str, bytes]:
    """Open every page that can be reached by links; returns head and body by address."""
    waiting = [*starts]
    seen: dict[str, bytes] = {}
    while waiting and len(seen) < limit:
        address = waiting.pop()
        if address in seen or address.startswith(("/sign-out", "/static/", "/operator/logout")):
            continue
        answer = session.get(address)
        seen[address] = str(dict(answer.headers)).encode() + answer.content
        if "html" in answer.headers.get("Content-Type", ""):
            waiting += [link.replace("&amp;", "&") for link in _LINK.findall(answer.text)]
    return seen


@dataclass(frozen=True, slots=True)
class Passing:
    """What was there for a while: files elsewhere by place, command lines by process, messages of the broker by file."""

    files: dict[str, bytes] = field(default_factory=dict)
    commands: dict[str, bytes] = field(default_factory=dict)
    messages: dict[str, bytes] = field(default_factory=dict)


class Watch(threading.Thread):
    """Looks all the time at what the product's processes put into, or keep open in, their place for passing files.

    Deleted files are seen, too, as long as a process holds them; so are command lines and messages of the file broker.
    """

    def __init__(self, stack: Stack, temporary: Path) -> None:
        super().__init__(daemon=True)
        self.stack, self.temporary, self.over = stack, temporary, threading.Event()
        self.seen = Passing()
        # Whether a process is the product's, by its id and command line: it keeps the environment it began with.
        self.known: dict[tuple[str, bytes], bool] = {}

    def run(self) -> None:
        while not self.over.wait(0.05):
            self._look_at_messages()
            for path in self.temporary.rglob("*"):
                self._keep(self.seen.files, str(path), path)
            for process in Path("/proc").iterdir():
                if process.name.isdecimal() and self._is_ours(process):
                    self._keep(self.seen.commands, process.name, process / "cmdline")
                    for entry in (process / "fd").glob("*"):
                        self._look(entry)
                    self._look_at_messages()

    def _is_ours(self, process: Path) -> bool:
        try:
            here = process.name, (process / "cmdline").read_bytes()
            if here not in self.known:
                self.known[here] = f"CORELAB_HOME={self.stack.home}".encode() in (process / "environ").read_bytes()
        except OSError:
            return False
        return self.known[here]

    def _look_at_messages(self) -> None:
        for path in (self.stack.home / "broker").rglob("*"):
            self._keep(self.seen.messages, path.name, path)

    def _look(self, entry: Path) -> None:
        try:
            place = str(entry.readlink())
        except OSError:
            return
        passing = place.startswith((str(self.temporary), "/tmp/", "/var/tmp/"))  # noqa: S108  looked at, not used
        if passing and not place.startswith((str(self.stack.home), str(ROOT))):
            self._keep(self.seen.files, place, entry)

    @staticmethod
    def _keep(where: dict[str, bytes], place: str, path: Path) -> None:
        try:
            where[place] = path.read_bytes()[:5_000_000]
        except OSError:
            # Gone again, or a folder.
            return

    def end(self) -> Passing:
        self.over.set()
        self.join()
        return self.seen

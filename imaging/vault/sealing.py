"""Sealing the parts of files: where each lies, what it is bound to, and many written with few syncs."""

import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from imaging.vault.writing import DurableFolder, Unfinished

PART_SIZE = 8 * 1024 * 1024
NONCE_SIZE = 12
_TAG_SIZE = 16
# Memory of this size is kept from one part to the next: to take and give it back each time costs more than to seal.
KEPT_SIZE = 1024 * 1024
# Files that are open at a time while many are sealed: a sync of many costs little more than that of one.
_PARTS_AT_ONCE = 64
_SHARD_SIZE = 256
# What a thread enters while it waits for the disk.
Waiting = Callable[[], AbstractContextManager[None]]
_OWN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")


class Stage(StrEnum):
    """The two conditions in which a file may lie in quarantine."""

    RECEIVED = "received"
    CLEANED = "cleaned"


@dataclass(frozen=True, slots=True)
class SealedPart:
    """What the caller must remember of a part: plain size in bytes and SHA-256 (hex) of the plain bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPart:
    """A part that is to be sealed: at most PART_SIZE bytes."""

    number: int
    part: int
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file of a submission lies; it is also what each of its parts is bound to."""

    submission: str
    stage: Stage
    number: int

    def __post_init__(self) -> None:
        require_own_id(self.submission)
        if self.number < 0:
            raise ValueError("a file number counts from 0")

    def folder(self, root: Path) -> Path:
        # Sharded so that dropping one file of 20,000 never has to list them all.
        return root / self.submission / self.stage / f"{self.number // _SHARD_SIZE:06d}"

    def part(self, root: Path, part: int) -> Path:
        return self.folder(root) / f"{self.number:08d}.{part:05d}"

    def bond(self, part: int) -> bytes:
        return f"{self.stage}|{self.submission}|{self.number}|{part}".encode()


class Sealer:
    """Seals the files of one submission one after another: its key is unwrapped and its folders are made once."""

    def __init__(
        self, *, submission: str, stage: Stage, root: Path, cipher: AESGCM, while_syncing: Waiting = nullcontext
    ) -> None:
        require_own_id(submission)
        self._submission, self._stage, self._root, self._cipher = submission, stage, root, cipher
        self._while_syncing = while_syncing
        # From the folder of a part up to the root: shard, stage, submission, root.
        self._folder = DurableFolder(depth=3)
        self._room = bytearray()

    def seal(self, *, number: int, part: int, data: bytes | memoryview) -> SealedPart:
        """Seal one part as `Vault.seal` does."""
        begun = [self._begin(PlainPart(number=number, part=part, data=data))]
        with self._while_syncing():
            # The disk has begun: the hash is taken before we wait for it.
            part_hash = sha256(data).hexdigest()
            self._folder.finish(begun)
        return SealedPart(size=len(data), sha256=part_hash)

    def seal_all(self, parts: Sequence[PlainPart]) -> None:
        """Seal many parts; when this returns all survive a power cut. A part that is given twice is written twice."""
        for start in range(0, len(parts), _PARTS_AT_ONCE):
            self._folder.finish(self._begin_all(parts[start : start + _PARTS_AT_ONCE]))

    def _begin_all(self, parts: Sequence[PlainPart]) -> list[Unfinished]:
        begun: list[Unfinished] = []
        with ExitStack() as failing:
            for part in parts:
                begun.append(self._begin(part))
                failing.callback(begun[-1].abandon)
            failing.pop_all()
        return begun

    def _begin(self, plain: PlainPart) -> Unfinished:
        if len(plain.data) > PART_SIZE:
            raise ValueError("a part is larger than PART_SIZE")
        place = Place(submission=self._submission, stage=self._stage, number=plain.number)
        nonce, sealed = secrets.token_bytes(NONCE_SIZE), self._room_for(NONCE_SIZE + len(plain.data) + _TAG_SIZE)
        sealed[:NONCE_SIZE] = nonce
        self._cipher.encrypt_into(nonce, plain.data, place.bond(plain.part), sealed[NONCE_SIZE:])
        return self._folder.begin(place.part(self._root, plain.part), sealed)

    def _room_for(self, size: int) -> memoryview:
        if not size <= len(self._room) <= max(size, KEPT_SIZE):
            self._room = bytearray(size)
        return memoryview(self._room)[:size]


def require_own_id(submission: str) -> None:
    if not _OWN_ID.fullmatch(submission):
        raise ValueError("this is not an id of ours")

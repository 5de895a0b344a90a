"""The encrypted quarantine: what a site sends lies here sealed until filed or destroyed, never in plain."""

import io
import re
import secrets
import shutil
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from imaging.vault.writing import TEMPORARY_PREFIX, DurableFolder, sync_folder

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PART_SIZE = 8 * 1024 * 1024
_KEY_SIZE = 32
_NONCE_SIZE = 12
_TAG_SIZE = 16
# Memory of this size is kept from one part to the next: to take and give it back each time costs more than to seal.
KEPT_SIZE = 1024 * 1024
_SHARD_SIZE = 256
_PARTS_IN_MEMORY = 3
_KEY_LABEL = b"corelab quarantine key 1"
_OWN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")


class VaultError(Exception):
    """Root of what the quarantine store may refuse."""


class QuarantineDamaged(VaultError):
    """A sealed part is missing, cut, or was changed since it was received."""


class WrongKey(VaultError):
    """The key of this installation does not open the key of the submission."""


class Stage(StrEnum):
    """The two conditions in which a file may lie in quarantine."""

    RECEIVED = "received"
    CLEANED = "cleaned"


@dataclass(frozen=True, slots=True)
class SealedPart:
    """What the caller must remember of a part: plain size in bytes and SHA-256 (hex) of the plain bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one file of a submission lies; it is also what each of its parts is bound to."""

    submission: str
    stage: Stage
    number: int

    def __post_init__(self) -> None:
        _require_own_id(self.submission)
        if self.number < 0:
            raise ValueError("a file number counts from 0")

    def folder(self, root: Path) -> Path:
        # Sharded so that dropping one file of 20,000 never has to list them all.
        return root / self.submission / self.stage / f"{self.number // _SHARD_SIZE:06d}"

    def part(self, root: Path, part: int) -> Path:
        return self.folder(root) / f"{self.number:08d}.{part:05d}"

    def bond(self, part: int) -> bytes:
        return f"{self.stage}|{self.submission}|{self.number}|{part}".encode()


class SealedReader(io.RawIOBase):
    """A seekable, read-only view of one sealed file; parts are opened in memory as they are asked for."""

    def __init__(self, *, place: _Place, root: Path, parts: Sequence[int], cipher: AESGCM) -> None:
        """Take the plain sizes (bytes) of all parts in order, as `seal` returned them."""
        self._place, self._root, self._cipher = place, root, cipher
        self._sizes = tuple(parts)
        self._starts = (0, *accumulate(self._sizes))
        self._opened: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0

    @property
    def size(self) -> int:
        """Whole plain size in bytes."""
        return self._starts[-1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start of the file")
        self._position = base + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        return super().read(size) or b""

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer whole unless the file ends; raises QuarantineDamaged."""
        wanted = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(wanted) and self._position < self.size:
            chunk = self._rest_of_part(limit=len(wanted) - filled)
            wanted[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
            self._position += len(chunk)
        return filled

    def close(self) -> None:
        self._opened.clear()
        super().close()

    def _rest_of_part(self, *, limit: int) -> memoryview:
        part = bisect_right(self._starts, self._position) - 1
        start = self._position - self._starts[part]
        return memoryview(self._open_part(part))[start : start + limit]

    def _open_part(self, part: int) -> bytes:
        if part not in self._opened:
            self._opened[part] = self._unseal(part)
            if len(self._opened) > _PARTS_IN_MEMORY:
                self._opened.popitem(last=False)
        self._opened.move_to_end(part)
        return self._opened[part]

    def _unseal(self, part: int) -> bytes:
        sealed = _read_sealed(self._place.part(self._root, part))
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], self._place.bond(part))
        except (InvalidTag, ValueError):
            raise QuarantineDamaged("A sealed part no longer matches its seal.") from None
        if len(plain) != self._sizes[part]:
            raise QuarantineDamaged("A sealed part has another size than was recorded.")
        return plain


class Sealer:
    """Seals the files of one submission one after another: its key is unwrapped and its folders are made once."""

    def __init__(self, *, submission: str, stage: Stage, root: Path, cipher: AESGCM) -> None:
        _require_own_id(submission)
        self._submission, self._stage, self._root, self._cipher = submission, stage, root, cipher
        # From the folder of a part up to the root: shard, stage, submission, root.
        self._folder = DurableFolder(depth=3)
        self._room = bytearray()

    def seal(self, *, number: int, part: int, data: bytes | memoryview) -> SealedPart:
        """Seal one part as `Vault.seal` does."""
        if len(data) > PART_SIZE:
            raise ValueError("a part is larger than PART_SIZE")
        place = _Place(submission=self._submission, stage=self._stage, number=number)
        nonce, sealed = secrets.token_bytes(_NONCE_SIZE), self._room_for(len(data) + _TAG_SIZE)
        self._cipher.encrypt_into(nonce, data, place.bond(part), sealed)
        self._folder.write(place.part(self._root, part), nonce, sealed)
        return SealedPart(size=len(data), sha256=sha256(data).hexdigest())

    def _room_for(self, size: int) -> memoryview:
        if not size <= len(self._room) <= max(size, KEPT_SIZE):
            self._room = bytearray(size)
        return memoryview(self._room)[:size]


class Vault:
    """One directory of sealed submissions; each submission has its own data key, wrapped by ours."""

    def __init__(self, root: Path, key_encryption_key: bytes) -> None:
        """Open or make the store; the key is 32 bytes and never leaves this object."""
        if len(key_encryption_key) != _KEY_SIZE:
            raise WrongKey("The quarantine key must be exactly 32 bytes long.")
        self._root = root
        self._wrapping = AESGCM(key_encryption_key)
        self._key_id = sha256(_KEY_LABEL + key_encryption_key).digest()[:1]
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)

    def new_wrapped_key(self) -> bytes:
        """Give a fresh 256-bit data key, wrapped: key id (1 byte), nonce (12), AES-256-GCM (48)."""
        nonce = secrets.token_bytes(_NONCE_SIZE)
        wrapped = self._wrapping.encrypt(nonce, secrets.token_bytes(_KEY_SIZE), _KEY_LABEL + self._key_id)
        return self._key_id + nonce + wrapped

    def seal(
        self, *, submission: str, number: int, part: int, data: bytes, wrapped_key: bytes, stage: Stage = Stage.RECEIVED
    ) -> SealedPart:
        """Seal one part (at most PART_SIZE bytes); when this returns the part survives a power cut.

        Sealing the same part again replaces it whole. Raises WrongKey, ValueError for a foreign id, OSError.
        """
        sealer = self.sealer(submission=submission, wrapped_key=wrapped_key, stage=stage)
        return sealer.seal(number=number, part=part, data=data)

    def sealer(self, *, submission: str, wrapped_key: bytes, stage: Stage = Stage.RECEIVED) -> "Sealer":
        """Give what seals many files of one submission in one stage. Raises WrongKey, ValueError for a foreign id."""
        return Sealer(submission=submission, stage=stage, root=self._root, cipher=self._cipher(wrapped_key))

    def open(
        self, *, submission: str, number: int, parts: Sequence[int], wrapped_key: bytes, stage: Stage = Stage.RECEIVED
    ) -> SealedReader:
        """Open one file for reading; `parts` are the plain sizes in order.

        Raises WrongKey now and QuarantineDamaged while reading.
        """
        place = _Place(submission=submission, stage=stage, number=number)
        return SealedReader(place=place, root=self._root, parts=parts, cipher=self._cipher(wrapped_key))

    def drop(self, submission: str, number: int, stage: Stage) -> None:
        """Remove every part of one file in one stage; nothing there is no error."""
        place = _Place(submission=submission, stage=stage, number=number)
        for sealed in place.folder(self._root).glob(f"{number:08d}.*"):
            sealed.unlink(missing_ok=True)
        if place.folder(self._root).exists():
            sync_folder(place.folder(self._root))

    def destroy(self, submission: str) -> None:
        """Remove everything of a submission; nothing there is no error."""
        _require_own_id(submission)
        shutil.rmtree(self._root / submission, ignore_errors=True)
        if (self._root / submission).exists():
            raise VaultError("A submission could not be removed from quarantine.")
        sync_folder(self._root)

    def list_submissions(self) -> tuple[str, ...]:
        """Ids of all submissions that still have a place here, in order."""
        return tuple(sorted(entry.name for entry in self._root.iterdir() if entry.is_dir()))

    def sweep_unfinished(self, *, older_than_seconds: float) -> int:
        """Remove half-written parts that a killed process left; gives their count."""
        limit, swept = time.time() - older_than_seconds, 0
        for path in self._root.rglob(f"{TEMPORARY_PREFIX}*"):
            # A writer at work may finish and rename its part between the two calls.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime <= limit:
                    path.unlink()
                    swept += 1
        return swept

    def _cipher(self, wrapped_key: bytes) -> AESGCM:
        key_id, nonce, wrapped = (
            wrapped_key[:1],
            wrapped_key[1 : 1 + _NONCE_SIZE],
            wrapped_key[1 + _NONCE_SIZE :],
        )
        try:
            return AESGCM(self._wrapping.decrypt(nonce, wrapped, _KEY_LABEL + key_id))
        except (InvalidTag, ValueError):
            raise WrongKey(
                "The quarantine key of this installation does not open this submission. "
                "Nothing was lost; start again with the key that was in use when it was received."
            ) from None


def split(data: bytes) -> Iterator[bytes]:
    """Cut plain bytes into parts of at most PART_SIZE; empty data is one empty part."""
    for start in range(0, max(len(data), 1), PART_SIZE):
        yield data[start : start + PART_SIZE]


def _require_own_id(submission: str) -> None:
    if not _OWN_ID.fullmatch(submission):
        raise ValueError("this is not an id of ours")


def _read_sealed(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise QuarantineDamaged("A sealed part is missing.") from None

"""The encrypted quarantine: what a site sends lies here sealed until filed or destroyed, never in plain."""

import io
import secrets
import shutil
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from imaging.vault.sealing import (
    KEPT_SIZE,
    NONCE_SIZE,
    PART_SIZE,
    Place,
    PlainPart,
    SealedPart,
    Sealer,
    Stage,
    Waiting,
    require_own_id,
)
from imaging.vault.writing import TEMPORARY_PREFIX, sync_folder

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_KEY_SIZE = 32
_PARTS_IN_MEMORY = 3
_KEY_LABEL = b"corelab quarantine key 1"


__all__ = [
    "KEPT_SIZE",
    "PART_SIZE",
    "PlainPart",
    "QuarantineDamaged",
    "SealedPart",
    "SealedReader",
    "Sealer",
    "Stage",
    "Vault",
    "VaultError",
    "Waiting",
    "WrongKey",
]


class VaultError(Exception):
    """Root of what the quarantine store may refuse."""


class QuarantineDamaged(VaultError):
    """A sealed part is missing, cut, or was changed since it was received."""


class WrongKey(VaultError):
    """The key of this installation does not open the key of the submission."""


class SealedReader(io.RawIOBase):
    """A seekable, read-only view of one sealed file; parts are opened in memory as they are asked for."""

    def __init__(self, *, place: Place, root: Path, parts: Sequence[int], cipher: AESGCM) -> None:
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
            plain = self._cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], self._place.bond(part))
        except (InvalidTag, ValueError):
            raise QuarantineDamaged("A sealed part no longer matches its seal.") from None
        if len(plain) != self._sizes[part]:
            raise QuarantineDamaged("A sealed part has another size than was recorded.")
        return plain


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
        nonce = secrets.token_bytes(NONCE_SIZE)
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

    def sealer(
        self,
        *,
        submission: str,
        wrapped_key: bytes,
        stage: Stage = Stage.RECEIVED,
        while_syncing: Waiting = nullcontext,
    ) -> Sealer:
        """Give what seals many files of one submission in one stage. Raises WrongKey, ValueError for a foreign id."""
        cipher = self._cipher(wrapped_key)
        return Sealer(submission=submission, stage=stage, root=self._root, cipher=cipher, while_syncing=while_syncing)

    def open(
        self, *, submission: str, number: int, parts: Sequence[int], wrapped_key: bytes, stage: Stage = Stage.RECEIVED
    ) -> SealedReader:
        """Open one file for reading; `parts` are the plain sizes in order.

        Raises WrongKey now and QuarantineDamaged while reading.
        """
        place = Place(submission=submission, stage=stage, number=number)
        return SealedReader(place=place, root=self._root, parts=parts, cipher=self._cipher(wrapped_key))

    def drop(self, submission: str, number: int, stage: Stage) -> None:
        """Remove every part of one file in one stage; nothing there is no error."""
        place = Place(submission=submission, stage=stage, number=number)
        for sealed in place.folder(self._root).glob(f"{number:08d}.*"):
            sealed.unlink(missing_ok=True)
        if place.folder(self._root).exists():
            sync_folder(place.folder(self._root))

    def destroy(self, submission: str) -> None:
        """Remove everything of a submission; nothing there is no error."""
        require_own_id(submission)
        shutil.rmtree(self._root / submission, ignore_errors=True)
        if (self._root / submission).exists():
            raise VaultError("A submission could not be removed from quarantine.")
        sync_folder(self._root)

    def keep_received(self, submission: str, *, parts: Mapping[int, int], below: int) -> int:
        """Remove files received under a number below `below` whose part `parts` does not count, and halves of writes.

        Gives their count. Only while nobody receives for this submission any more.
        """
        require_own_id(submission)
        swept = 0
        for path in (self._root / submission / Stage.RECEIVED).glob("*/*.*"):
            number, _dot, part = path.name.partition(".")
            # The name of a half has no number.
            if not number or (int(number) < below and int(part) >= parts.get(int(number), 0)):
                path.unlink(missing_ok=True)
                swept += 1
        return swept

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
        key_id, sealed = wrapped_key[:1], wrapped_key[1:]
        nonce, wrapped = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        try:
            return AESGCM(self._wrapping.decrypt(nonce, wrapped, _KEY_LABEL + key_id))
        except (InvalidTag, ValueError):
            raise WrongKey(
                "The quarantine key of this installation does not open this submission. "
                "Nothing was lost; start again with the key that was in use when it was received."
            ) from None


def _read_sealed(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise QuarantineDamaged("A sealed part is missing.") from None

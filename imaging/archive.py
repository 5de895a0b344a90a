"""The clean archive: write-once files named by their own SHA-256; only de-identified bytes ever reach it.

What is removed was sealed in the quarantine before (W6).
"""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage, storages

if TYPE_CHECKING:
    from django.core.files.base import File

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"[0-9a-f]{2}")


class ArchiveDamaged(RuntimeError):
    """A stored object is missing or no longer has the bytes its name promises."""


class ObjectMissing(ArchiveDamaged):
    """A stored object is not there: erased by two people, or lost."""


class ArchiveStorage(FileSystemStorage):
    """Django's Storage over the archive: a name is the SHA-256 of its content, and what is there is never replaced.

    Only what was damaged since is written anew, with the bytes its name promises.
    """

    @property
    def base_location(self) -> str:
        return str(settings.ARCHIVE_ROOT)

    @property
    def location(self) -> str:
        return os.path.abspath(self.base_location)  # noqa: PTH100  as the library does

    def path(self, name: str) -> str:
        if not _SHA256.fullmatch(name):
            raise SuspiciousFileOperation("not a SHA-256")
        return str(Path(settings.ARCHIVE_ROOT) / name[:2] / name[2:4] / name)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # noqa: ARG002  equal names are equal bytes
        return name

    def url(self, name: str | None) -> str:
        """Raise always: bytes leave by pages alone, which ask who may."""
        raise NotImplementedError("objects of the archive have no address of their own")

    def delete(self, name: str) -> None:
        """Take an object out for good; durable when it returns. Nothing there is no error."""
        path = Path(self.path(name))
        if path.exists():
            path.unlink()
            _sync(path.parent)

    def _save(self, name: str, content: "File[Any]") -> str:
        data = content.read()
        if hashlib.sha256(data).hexdigest() != name:
            raise SuspiciousFileOperation("the name of an object is the SHA-256 of its bytes")
        self._keep(name, data)
        return name

    def put(self, data: bytes) -> str:
        """Save under the one name that fits; returns it."""
        name = hashlib.sha256(data).hexdigest()
        self._keep(name, data)
        return name

    def _keep(self, name: str, data: bytes) -> None:
        path = Path(self.path(name))
        if not path.exists() or digest_of(path) != name:
            _write(path, data)


def _storage() -> ArchiveStorage:
    found = storages["archive"]
    assert isinstance(found, ArchiveStorage)  # noqa: S101  another backend would promise less
    return found


def path_of(sha256: str) -> Path:
    try:
        return Path(_storage().path(sha256))
    except SuspiciousFileOperation:
        raise ValueError("not a SHA-256") from None


def store(data: bytes) -> str:
    """Write durably (scratch name, fsync, rename, directory fsync); returns the SHA-256. Equal bytes are harmless."""
    return _storage().put(data)


def _write(path: Path, data: bytes) -> None:
    made = _make_folders(path.parent)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    for folder in (path.parent, *made):
        _sync(folder)


def _make_folders(folder: Path) -> list[Path]:
    """Make both levels; return the folders whose new entry must reach the disk, too."""
    changed = []
    for level in (folder.parent.parent, folder.parent, folder):
        try:
            level.mkdir(mode=0o700)
        except FileExistsError:
            continue
        except FileNotFoundError:
            level.mkdir(mode=0o700, parents=True)
        changed.append(level.parent)
    return changed


def load(sha256: str) -> bytes:
    """Return the bytes, checked against their name. Raises ArchiveDamaged where they do not match."""
    try:
        data = path_of(sha256).read_bytes()
    except FileNotFoundError:
        raise ObjectMissing(f"object {sha256[:12]} is missing") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ArchiveDamaged(f"object {sha256[:12]} was changed on disk")
    return data


def remove(sha256: str) -> bool:
    """Take an object out for good; returns whether there was one. Durable when it returns."""
    is_there = path_of(sha256).exists()
    _storage().delete(sha256)
    return is_there


def digest_of(path: Path) -> str:
    """Return the SHA-256 of what lies there, read in pieces. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def names_between(after: str, upto: str) -> Iterator[str]:
    """Give the names of all objects that lie there, above `after` and up to `upto`: SHA-256, or "" and "g"."""
    for first in _shards(Path(settings.ARCHIVE_ROOT), after[:2], upto[:2]):
        lowest = after[2:4] if first.name == after[:2] else ""
        highest = upto[2:4] if first.name == upto[:2] else "~"
        for second in _shards(first, lowest, highest):
            names = sorted(path.name for path in second.iterdir() if _SHA256.fullmatch(path.name))
            yield from (name for name in names if after < name <= upto)


def _shards(folder: Path, lowest: str, highest: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _SHARD.fullmatch(path.name) and lowest <= path.name <= highest)


def sweep_unfinished(*, older_than_seconds: float) -> int:
    """Remove halves of writes that a killed process left; gives their count."""
    limit, swept = time.time() - older_than_seconds, 0
    for path in Path(settings.ARCHIVE_ROOT).glob("??/??/.*"):
        try:
            if path.stat().st_mtime <= limit:
                path.unlink()
                swept += 1
        except FileNotFoundError:
            # Its writer finished between the two calls.
            continue
    return swept


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

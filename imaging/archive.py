"""The clean archive: write-once files named by their own SHA-256; only de-identified bytes ever reach it.

What is removed was sealed in the quarantine before (W6).
"""

import hashlib
import os
import re
import secrets
from pathlib import Path

from django.conf import settings

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ArchiveDamaged(RuntimeError):
    """A stored object is missing or no longer has the bytes its name promises."""


class ObjectMissing(ArchiveDamaged):
    """A stored object is not there: erased by two people, or lost."""


def path_of(sha256: str) -> Path:
    if not _SHA256.fullmatch(sha256):
        raise ValueError("not a SHA-256")
    return Path(settings.ARCHIVE_ROOT) / sha256[:2] / sha256[2:4] / sha256


def store(data: bytes) -> str:
    """Write durably (scratch name, fsync, rename, directory fsync); returns the SHA-256. Equal bytes are harmless."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = path_of(sha256)
    if not path.exists():
        _write(path, data)
    return sha256


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    _sync(path.parent)


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
    path = path_of(sha256)
    if not path.exists():
        return False
    path.unlink()
    _sync(path.parent)
    return True


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

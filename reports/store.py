"""The report files: write-once, named by their own SHA-256, readable by this program's account alone."""

import hashlib
import os
import re
import secrets
from pathlib import Path

from django.conf import settings

_SHA256 = re.compile(r"[0-9a-f]{64}")


class DamagedReportError(RuntimeError):
    """A stored file is missing or no longer has the bytes its name promises."""


def path_of(sha256: str) -> Path:
    if not _SHA256.fullmatch(sha256):
        raise ValueError("not a SHA-256")
    return Path(settings.REPORTS_ROOT) / f"{sha256}.pdf"


def keep(data: bytes) -> str:
    """Write durably with mode 0600 and return the SHA-256; equal bytes are written anew, whole."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = path_of(sha256)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{secrets.token_hex(16)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    _sync(path.parent)
    return sha256


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load(sha256: str) -> bytes:
    """Return the bytes, checked against their name. Raises DamagedReportError where they do not match."""
    try:
        data = path_of(sha256).read_bytes()
    except FileNotFoundError:
        raise DamagedReportError(f"report file {sha256[:12]} is missing") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DamagedReportError(f"report file {sha256[:12]} was changed on disk")
    return data

"""Secrets come from the environment or from files that only their owner may read (0600), never from the database."""

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

KEY_BYTES = 32
# Of 32 random bytes about 30 differ; fewer than this comes by chance once in 10^15 keys.
_DISTINCT = 16


class SecretUnsafe(RuntimeError):
    """A key that is open to others, missing, weak or of the wrong length: the product refuses to start."""


def load_key(*, variable: str, path: Path, is_first_use: bool = True) -> bytes:
    """32 bytes from the environment variable (base64) or from the file, which is made on first use.

    Raises SecretUnsafe where the file is open to others or, after the first use, missing; or where the key is not 32
    bytes, or weak.
    """
    told = os.environ.get(variable)
    if not told and not is_first_use and not path.exists():
        raise SecretUnsafe(
            f"{path} is missing, although this home has been used: put it back from your backup. With another key what "
            f"was sealed under it cannot be opened. To begin with a new one on purpose, set {variable}."
        )
    try:
        key = base64.b64decode((told or _read_or_make(path)).strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretUnsafe(f"{variable} must be {KEY_BYTES} bytes in base64")
    if len(set(key)) < _DISTINCT:
        raise SecretUnsafe(f"{variable} is weak: take {KEY_BYTES} random bytes")
    return key


def load_secret(*, variable: str, path: Path) -> str:
    """Return a secret that somebody else gave us, from the environment or from a file that only its owner may read.

    Raises SecretUnsafe where neither is there, or the file is open to others.
    """
    if text := os.environ.get(variable):
        return text
    if not path.exists():
        raise SecretUnsafe(f"{variable} is not set, and there is no {path.name}")
    _refuse_open_file(path)
    return path.read_text().strip()


def _read_or_make(path: Path) -> str:
    try:
        _make(path)
    except FileExistsError:
        _refuse_open_file(path)
    return path.read_text()


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
        file.flush()
        os.fsync(file.fileno())
    try:
        # link fails where another process was first: both then read the same key
        os.link(scratch, path)
    finally:
        scratch.unlink()


def _refuse_open_file(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SecretUnsafe(f"{path.name} may be read by others: chmod 600 it, and replace the key if it has leaked")

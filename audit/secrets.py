"""Secrets come from the environment or from files that only their owner may read (0600), never from the database."""

import base64
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

KEY_BYTES = 32
# Of 32 random bytes about 30 differ; fewer than this comes by chance once in 10^15 keys.
_DISTINCT = 16


class SecretUnsafe(RuntimeError):
    """A key that is open to others, missing, weak or of the wrong length: the product refuses to start."""


class SecretMissing(SecretUnsafe):
    """There is no key where one must be."""


def load_key(*, variable: str, path: Path, is_first_use: bool = True) -> bytes:
    """32 bytes from the environment variable (base64) or from the file, which is made on first use.

    Raises SecretUnsafe where the file is open to others or, after the first use, missing; or where the key is not 32
    bytes, or weak.
    """
    if not os.environ.get(variable):
        if not is_first_use and not path.exists():
            raise SecretUnsafe(
                f"{path} is missing, although this home has been used: put it back from your backup. With another key "
                f"what was sealed under it cannot be opened. To begin with a new one on purpose, set {variable}."
            )
        # Where another process was first, both read the same key.
        with suppress(FileExistsError):
            make_key(path, secrets.token_bytes(KEY_BYTES))
    return read_key(variable=variable, path=path)


def read_key(*, variable: str, path: Path) -> bytes:
    """32 bytes from the environment variable (base64) or from the file. Makes nothing.

    Raises SecretMissing where there is neither, SecretUnsafe as `load_key`.
    """
    text = os.environ.get(variable) or _read(path)
    try:
        key = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretUnsafe(f"{variable} must be {KEY_BYTES} bytes in base64")
    if len(set(key)) < _DISTINCT:
        raise SecretUnsafe(f"{variable} is weak: take {KEY_BYTES} random bytes")
    return key


def load_secret(*, variable: str, path: Path) -> str:
    """Return a secret that somebody else gave us, from the environment or from a file that only its owner may read.

    Raises SecretMissing where neither is there, SecretUnsafe where the file is open to others.
    """
    return (os.environ.get(variable) or _read(path)).strip()


def make_key(path: Path, key: bytes) -> None:
    """Write a key file, whole or not at all. Raises FileExistsError where there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(base64.b64encode(key).decode())
        file.flush()
        os.fsync(file.fileno())
    try:
        # link fails where there is one
        os.link(scratch, path)
    finally:
        scratch.unlink()


def _read(path: Path) -> str:
    try:
        with path.open() as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise SecretUnsafe(
                    f"{path.name} may be read by others: chmod 600 it, and replace the key if it has leaked"
                )
            return file.read()
    except FileNotFoundError:
        raise SecretMissing(f"{path.name} is missing") from None
    except ValueError:
        # Bytes that are no text.
        return ""

"""Files that hold a secret of the site: readable by their owner alone, or not used at all."""

import os
import re
import secrets
import stat
from pathlib import Path

from deid.keyed import KEY_BYTES

_OTHERS = 0o077
_OWNER_ONLY = 0o600
_TOKEN = re.compile(r"[0-9A-Za-z_.~+/=-]{20,400}")


def read_key(path: Path) -> bytes:
    """Return the key; raises ValueError when others may read the file or it is no 32 byte hex key."""
    if stat.S_IMODE(path.stat().st_mode) != _OWNER_ONLY:
        raise ValueError("the key file may be readable by its owner only; set its mode to 0600")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        raise ValueError("the key file holds no hexadecimal key") from None
    if len(key) < KEY_BYTES:
        raise ValueError("the key is shorter than 32 bytes")
    return key


def make_key(path: Path) -> None:
    """Write a new random key, for the owner alone. Raises FileExistsError, since a key is never replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), _OWNER_ONLY)
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_token(path: Path) -> str:
    """Return the sending token. Raises ValueError when others may read the file, or it holds none; never shows it."""
    if not path.is_file():
        # The path is not repeated: it may be the token itself.
        raise ValueError(
            "there is no such token file. If you gave the token itself, it stands in the history of this machine now: "
            "have it revoked, put the new one into a file of mode 0600, and name that file"
        )
    if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        raise ValueError("the token file may be readable by its owner only; set its mode to 0600")
    token = path.read_bytes().strip().decode("ascii", errors="replace")
    if not _TOKEN.fullmatch(token):
        raise ValueError("the token file holds no token; copy into it the line that Corelab showed, and nothing else")
    return token

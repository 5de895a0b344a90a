"""The vault's master key: a file of its own (0600) or an environment variable, derived from no other key.

During a rotation there are two: the one that goes and the one that comes. Which of them wraps the data keys is told by
the vault itself (`MasterMark`), so a crash at any point leaves every data key openable.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audit.secrets import KEY_BYTES, SecretMissing, SecretUnsafe, make_key, read_key
from identity.envelope import Key, master
from identity.switch import KEY, NEXT_KEY


class KeyRefused(Exception):
    """The master key cannot be used: a sentence for the operator, without the key."""


class KeyMissing(KeyRefused):
    """There is no master key."""


@dataclass(frozen=True, slots=True)
class Ring:
    """The master keys at hand."""

    current: Key
    coming: Key | None = None

    def key(self, key_id: int) -> Key:
        """Return the key of this number. Raises KeyRefused where it is not at hand."""
        for key in (self.current, self.coming):
            if key is not None and key.id == key_id:
                return key
        raise KeyRefused(
            "The vault was sealed under another master key than the one at hand. Bring the right key back from its "
            "backup; nothing was changed."
        )


def load() -> Ring:
    """Read the keys anew: a file that was opened to others meanwhile counts from now on. Raises KeyRefused."""
    current, coming = _read(KEY, settings.IDENTITY_KEY_FILE), None
    if os.environ.get(NEXT_KEY) or _next_file().exists():
        coming = _read(NEXT_KEY, _next_file())
    if coming and coming.id == current.id:
        raise KeyRefused("The next master key cannot be told from the present one. Make another; nothing was changed.")
    return Ring(current=current, coming=coming)


def _read(variable: str, path: Path) -> Key:
    try:
        return master(read_key(variable=variable, path=path))
    except SecretMissing:
        raise KeyMissing(
            f"The master key of the vault is missing ({variable} or {path.name}). Bring it back from its backup; "
            "nothing was changed."
        ) from None
    except (SecretUnsafe, OSError) as broken:
        told = broken if isinstance(broken, SecretUnsafe) else type(broken).__name__
        raise KeyRefused(f"The master key of the vault cannot be used: {told}. Nothing was changed.") from None


def _next_file() -> Path:
    path: Path = settings.IDENTITY_KEY_FILE
    return path.with_name("identity.next.key")


def make_first() -> Ring:
    """Make the key file of an empty vault, unless a key is given by the environment."""
    if not os.environ.get(KEY):
        make_key(settings.IDENTITY_KEY_FILE, os.urandom(KEY_BYTES))
    return load()


def begin_rotation() -> Ring:
    """Return both keys; the next one lies on the disk before anything is wrapped under it. Raises KeyRefused."""
    ring = load()
    if ring.coming:
        return ring
    if os.environ.get(KEY):
        raise KeyRefused(
            f"The master key comes by {KEY}: name the key that shall follow it in {NEXT_KEY}, then rotate again."
        )
    make_key(_next_file(), _unlike(ring.current))
    return load()


def _unlike(current: Key) -> bytes:
    """Return new key bytes whose number is not the present key's."""
    while True:
        secret = os.urandom(KEY_BYTES)
        if master(secret).id != current.id:
            return secret


def end_rotation() -> bool:
    """Put the next key in the present one's place and destroy that; False where the environment's must be changed."""
    if os.environ.get(KEY):
        return False
    path: Path = settings.IDENTITY_KEY_FILE
    with path.open("r+b") as old:
        # Renamed before the old bytes go: there is a whole key under this name at any moment.
        _next_file().replace(path)
        _sync(path.parent)
        old.write(os.urandom(os.fstat(old.fileno()).st_size))
        old.flush()
        os.fsync(old.fileno())
    return True


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

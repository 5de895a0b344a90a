"""Values sealed in two layers, each bound to its place: a master key wraps a subject's key, that key seals the fields.

Pure: `cryptography` alone. AES-256-GCM; the associated data are table, column, row and the leading byte that names the
key, so a value put into another row, column or table is refused like one with a flipped bit (design 3b.3, pitfall 22).
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD = 1 + _NONCE_BYTES


class EnvelopeRefused(Exception):
    """A value that does not open under its key in its place: nothing of it is handed back, sealed or not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives; the same bytes anywhere else do not open."""

    table: str
    column: str
    row: str

    def as_bytes(self) -> bytes:
        """Return each part behind its length: no two places share their bytes."""
        return _column(self.table, self.column) + _part(self.row)


@cache
def _column(table: str, column: str) -> bytes:
    """Of the few columns that there are."""
    return _part(table) + _part(column)


def _part(text: str) -> bytes:
    told = text.encode()
    return len(told).to_bytes(4, "big") + told


@dataclass(frozen=True, slots=True)
class Key:
    """32 random bytes and the byte that names them in front of whatever they seal."""

    id: int
    secret: "Secret"


class Secret(bytes):
    """Key bytes that no representation shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


def new_key(*, key_id: int) -> Key:
    """Return a fresh key under a number from 0 to 255."""
    return Key(id=key_id, secret=Secret(os.urandom(KEY_BYTES)))


def master(secret: bytes) -> Key:
    """Return a master key under the number that its bytes give it. Raises ValueError where it is not 32 bytes long."""
    if len(secret) != KEY_BYTES:
        raise ValueError(f"a master key has {KEY_BYTES} bytes")
    digest = hmac.new(secret, b"corelab identity master key", hashlib.sha256).digest()
    return Key(id=digest[0], secret=Secret(secret))


def seal(value: bytes, *, key: Key, place: Place) -> bytes:
    """Return key number, nonce, ciphertext and tag: 29 bytes more than the value."""
    return seal_row({place.column: value}, key=key, table=place.table, row=place.row)[place.column]


def seal_row(values: Mapping[str, bytes], *, key: Key, table: str, row: str) -> dict[str, bytes]:
    """Seal the columns of one row, each for its own place and with a nonce of its own."""
    head, encrypt = bytes((key.id,)), AESGCM(key.secret).encrypt
    after = _part(row)
    random, sealed = os.urandom(_NONCE_BYTES * len(values)), {}
    for start, (column, value) in zip(range(0, len(random), _NONCE_BYTES), values.items(), strict=True):
        nonce = random[start : start + _NONCE_BYTES]
        sealed[column] = head + nonce + encrypt(nonce, value, head + _column(table, column) + after)
    return sealed


def unseal(sealed: bytes, *, key: Key, place: Place) -> bytes:
    """Return the value. Raises EnvelopeRefused where key, place or any bit is another than when it was sealed."""
    if len(sealed) < _HEAD + _TAG_BYTES or sealed[0] != key.id:
        raise EnvelopeRefused("the sealed value is cut off or was sealed under another key")
    nonce, rest = sealed[1:_HEAD], sealed[_HEAD:]
    try:
        return AESGCM(key.secret).decrypt(nonce, rest, sealed[:1] + place.as_bytes())
    except InvalidTag:
        raise EnvelopeRefused("the sealed value was altered, or belongs to another place") from None


def wrap(inner: Key, *, master: Key, place: Place) -> bytes:
    """Seal a key under a master key; the first byte names the master key."""
    return seal(bytes((inner.id,)) + inner.secret, key=master, place=place)


def unwrap(wrapped: bytes, *, master: Key, place: Place) -> Key:
    """Return the inner key. Raises EnvelopeRefused as `unseal`."""
    opened = unseal(wrapped, key=master, place=place)
    if len(opened) != 1 + KEY_BYTES:
        raise EnvelopeRefused("what was wrapped is no key")
    return Key(id=opened[0], secret=Secret(opened[1:]))


def key_id_of(sealed: bytes) -> int:
    """Return the number of the key that sealed this. Raises EnvelopeRefused where there is nothing."""
    if not sealed:
        raise EnvelopeRefused("there is no sealed value")
    return sealed[0]

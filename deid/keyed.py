"""Everything that is derived from the trial's secret: UIDs, date offset and identity tokens."""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from deid.vocabulary import is_well_known_uid

KEY_BYTES = 32
NEAREST_DAYS = 30
FARTHEST_DAYS = 3650
_OURS = re.compile(r"2\.25\.(\d{1,39})")
# In place of a UID that was never mapped: nothing that was cleaned holds it.
_FOREIGN = "2.25.0"
UidMap = Callable[[str], str]


def require_key(key: bytes) -> bytes:
    """Return the key, or raise ValueError when it is shorter than 32 bytes."""
    if len(key) < KEY_BYTES:
        raise ValueError("a trial key has at least 32 bytes")
    return key


def keyed_digest(*, key: bytes, domain: str, text: str) -> bytes:
    """Return the 32 byte HMAC-SHA256 of a domain-prefixed text."""
    return hmac.digest(require_key(key), f"{domain}:{text}".encode(), "sha256")


def map_uid(key: bytes, uid: str) -> str:
    """Return the trial's replacement of a UID: at most 44 characters under 2.25, the same for every call.

    UIDs the standard itself defines (SOP classes, transfer syntaxes, coding schemes) stay as they are.
    128 bits with the version 8 and variant bits of RFC 9562 keep 2.25 within its registered arc.
    """
    bare = uid.strip("\0 ")
    if not bare or is_well_known_uid(bare):
        return bare
    digest = bytearray(keyed_digest(key=key, domain="uid", text=bare)[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80
    digest[8] = (digest[8] & 0x3F) | 0x80
    return f"2.25.{int.from_bytes(digest)}"


def shift_days(key: bytes, subject_code: str) -> int:
    """Return the whole days (-3650 to -30) that are added to every date of one subject."""
    digest = keyed_digest(key=key, domain="date", text=subject_code)
    span = FARTHEST_DAYS - NEAREST_DAYS + 1
    return -(NEAREST_DAYS + int.from_bytes(digest[:8], "big") % span)


@dataclass(frozen=True, slots=True)
class Keyed:
    """Maps UIDs under a key."""

    key: bytes

    def __call__(self, uid: str) -> str:
        """As `map_uid`."""
        return map_uid(self.key, uid)


@dataclass(frozen=True, slots=True)
class Mapped:
    """Leaves UIDs that were mapped already, and those of the standard; any other one becomes one that is nobody's."""

    def __call__(self, uid: str) -> str:
        bare = uid.strip("\0 ")
        return bare if not bare or is_well_known_uid(bare) or is_mapped_uid(bare) else _FOREIGN


def is_mapped_uid(uid: str) -> bool:
    """Whether a UID has the form that `map_uid` gives: 2.25 and 128 bits with the marks of version 8."""
    match = _OURS.fullmatch(uid)
    number = int(match[1]) if match else 0
    return number >> 128 == 0 and number >> 76 & 0xF == 8 and number >> 62 & 0b11 == 0b10  # noqa: PLR2004  RFC 9562

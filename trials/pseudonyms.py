"""Names of one subject for different receivers: keyed, so that nobody who holds two of their files can join them.

Pure. The trial's own subject code, agreed between sponsor and sites, is random and stands in `trials.codes`.
"""

import hashlib
import hmac

from trials.codes import ALPHABET, checked, is_checked

# 60 bits: among 100,000 subjects the chance that any two share an id is below 1 in 10^8.
_PAYLOAD = 12
_HALF = 7
_BITS = 5


def recipient_id(*, key: bytes, internal_id: str) -> str:
    """Return XXXXXXX-XXXXXXX: twelve symbols of HMAC-SHA256 under the recipient's key (32 bytes), and two checks.

    The checks find any one or two wrong symbols, and any two neighbours that changed places.
    """
    digest = hmac.new(key, b"recipient:" + internal_id.encode(), hashlib.sha256).digest()
    number = int.from_bytes(digest[:8], "big")
    payload = [(number >> (_BITS * place)) & 31 for place in range(_PAYLOAD)]
    text = "".join(ALPHABET[value] for value in checked(payload))
    return f"{text[:_HALF]}-{text[_HALF:]}"


def is_recipient_id(text: str) -> bool:
    """Whether the text may be an id of ours: right length, and both checks hold."""
    return len(text) == 2 * _HALF + 1 and text[_HALF] == "-" and is_checked(text[:_HALF] + text[_HALF + 1 :])


def reader_code(*, key: bytes, subject_code: str) -> str:
    """Return what a blinded reader sees instead of the subject, under the key of the trial (32 bytes)."""
    digest = hmac.new(key, b"reader:" + subject_code.encode(), hashlib.sha256).hexdigest()
    return f"CASE-{digest[:8].upper()}"

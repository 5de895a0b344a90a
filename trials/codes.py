"""Subject codes: random, with two check characters that catch any two typing errors (Mainzelliste's property).

A Reed–Solomon code over GF(32) with two check symbols has distance 3: every one or two wrong symbols are found.
"""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
_PAYLOAD = 6
# x^5 + x^2 + 1 is primitive over GF(2): powers of 2 walk through all 31 non-zero elements.
_MODULUS = 0b100101


def new_code() -> str:
    """Eight symbols as XXXX-XXXX, six random and two checks; no site and no date inside."""
    payload = [secrets.randbelow(32) for _ in range(_PAYLOAD)]
    return _show([*payload, *_checks(payload)])


def normalise(text: str) -> str:
    """What a person meant: capitals, look-alikes folded, hyphen in its place."""
    symbols = [symbol for symbol in text.upper().translate(_LOOKALIKES) if symbol in ALPHABET]
    return _show([ALPHABET.index(symbol) for symbol in symbols])


def is_valid(code: str) -> bool:
    symbols = code.replace("-", "")
    if len(symbols) != _PAYLOAD + 2 or any(symbol not in ALPHABET for symbol in symbols):
        return False
    values = [ALPHABET.index(symbol) for symbol in symbols]
    return values[_PAYLOAD:] == list(_checks(values[:_PAYLOAD]))


def _show(values: list[int]) -> str:
    text = "".join(ALPHABET[value] for value in values)
    return f"{text[:4]}-{text[4:]}"


def _times(left: int, right: int) -> int:
    product = 0
    while right:
        product ^= left if right & 1 else 0
        left = (left << 1) ^ (_MODULUS if left & 16 else 0)
        right >>= 1
    return product


def _checks(payload: list[int]) -> tuple[int, int]:
    """Return the remainder of payload(x)·x² by the generator (x + 2)(x + 4) = x² + 6x + 8."""
    high = low = 0
    for value in payload:
        lead = value ^ high
        high, low = low ^ _times(lead, 6), _times(lead, 8)
    return high, low

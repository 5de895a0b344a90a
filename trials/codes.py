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
    return _show(checked([secrets.randbelow(32) for _ in range(_PAYLOAD)]))


def normalise(text: str) -> str:
    """What a person meant: capitals, look-alikes folded, hyphen in its place."""
    symbols = [symbol for symbol in text.upper().translate(_LOOKALIKES) if symbol in ALPHABET]
    return _show([ALPHABET.index(symbol) for symbol in symbols])


def is_valid(code: str) -> bool:
    symbols = code.replace("-", "")
    return len(symbols) == _PAYLOAD + 2 and is_checked(symbols)


def checked(payload: list[int]) -> list[int]:
    """Return the values (0 to 31, at most 29 of them) with their two check values behind them."""
    return [*payload, *_checks(payload)]


def is_checked(symbols: str) -> bool:
    """Whether all symbols are of the alphabet and the last two are the checks of the others."""
    if any(symbol not in ALPHABET for symbol in symbols):
        return False
    values = [ALPHABET.index(symbol) for symbol in symbols]
    return checked(values[:-2]) == values


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

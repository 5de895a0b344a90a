"""As much of DER as time-stamps need: elements are taken apart and put together as the bytes that they are.

asn1crypto takes a length that ends in 0x80 for an open one, writes all below anew, and needs twice the time for every
level that it goes down: minutes, for one time-stamp in a few hundred.
"""

from collections.abc import Iterable

SEQUENCE, SET, OCTETS = 0x30, 0x31, 0x04
_LONG = 0x80


def split(element: bytes) -> list[bytes]:
    """Return the whole elements that an element holds. Raises ValueError."""
    try:
        at, stop = _frame(element, 0)
        parts = []
        while at < stop:
            end = _frame(element, at)[1]
            parts.append(element[at:end])
            at = end
    except IndexError:
        raise ValueError("an element ends too early") from None
    if not at == stop == len(element):
        raise ValueError("elements do not fill what holds them")
    return parts


def join(tag: int, parts: Iterable[bytes]) -> bytes:
    """Return one element of that tag that holds these bytes."""
    body = b"".join(parts)
    size = 0 if len(body) < _LONG else (len(body).bit_length() + 7) // 8
    length = (_LONG | size).to_bytes() + len(body).to_bytes(size) if size else len(body).to_bytes()
    return tag.to_bytes() + length + body


def _frame(data: bytes, at: int) -> tuple[int, int]:
    length, start = data[at + 1], at + 2
    if length & _LONG:
        start += length & ~_LONG
        length = int.from_bytes(data[at + 2 : start])
    return start, start + length

"""The engine's own small picture of a data set: values stay raw bytes in little endian order."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

Item = dict[int, "Element"]
UNDEFINED = 0xFFFFFFFF
_PIECE, _OVERLAP = 4 << 20, 1 << 10
PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
TEXT_VRS = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "PN", "UR", "AE", "UN"})
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OW", "OV", "SQ", "UC", "UN", "UR", "UT", "SV", "UV"})
STRING_VRS = frozenset(
    {"LO", "SH", "LT", "ST", "UT", "UC", "PN", "UR", "AE", "CS", "IS", "DS", "DA", "DT", "TM", "AS", "UI"}
)
WORD_SIZES = {
    "US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4,
    "FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Element:
    """One element: a raw value, or the items of a sequence, or the fragments of encapsulated pixels."""

    tag: int
    vr: str
    value: bytes | memoryview = b""
    items: tuple[Item, ...] | None = None
    fragments: tuple[memoryview, ...] | None = None
    # How the sender wrote the whole element at the top of a file, where it is short: what is decided of it once
    # holds for every file of a series that says the same. Empty for any element that was made or changed.
    raw: bytes = b""

    @property
    def is_private(self) -> bool:
        return bool((self.tag >> 16) & 1)


@dataclass(frozen=True, slots=True)
class Span:
    """Pixel data that stays in the open file it came from: where its bytes begin, and how many there are."""

    descriptor: int
    start: int
    length: int

    def read(self) -> bytes:
        """Return the bytes. Raises ValueError where the file became shorter since it was opened."""
        found = os.pread(self.descriptor, self.length, self.start)
        if len(found) != self.length:
            raise ValueError("the file became shorter while it was read")
        return found

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces that overlap, so that no short text is cut apart."""
        for start in range(self.start, self.start + self.length, _PIECE):
            yield os.pread(self.descriptor, min(_PIECE + _OVERLAP, self.start + self.length - start), start)


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed file: its data set, how it was encoded, and where its pixel data stands if it was not read."""

    item: Item
    transfer_syntax: str
    is_explicit: bool
    span: Span | None = None


def text_of(element: Element | None) -> str:
    """Return the value as text without padding; bytes outside ASCII are kept as Latin-1 characters."""
    if element is None or element.items is not None or element.fragments is not None:
        return ""
    return bytes(element.value).decode("latin-1").strip("\0 ")


def values_of(element: Element | None) -> tuple[str, ...]:
    """Return the values of a multi-valued text element, without padding."""
    text = text_of(element)
    return tuple(part.strip("\0 ") for part in text.split("\\")) if text else ()


def number_of(element: Element | None) -> int:
    """Return the first value of a US element, 0 when absent."""
    if element is None or len(element.value) < WORD_SIZES["US"] or element.items is not None:
        return 0
    return int.from_bytes(element.value[:2], "little")

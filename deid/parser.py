"""Bytes to elements under hard limits: a hostile file costs a bounded amount of time and memory."""

import re
import struct
import zlib
from dataclasses import dataclass, field

from deid.codestreams import COMPRESSED, unsupported
from deid.dictionary import allowed_vrs
from deid.elements import (
    LONG_VRS,
    PIXEL_TAGS,
    STRING_VRS,
    UNDEFINED,
    WORD_SIZES,
    Element,
    Item,
    Source,
    text_of,
)
from deid.model import Rejected, Rejection

DEPTH_LIMIT = 64
ELEMENT_LIMIT = 100_000
VALUE_LIMIT = 64 << 20
INFLATED_LIMIT = 2 << 30
INFLATED_RATIO = 100
INFLATED_FLOOR = 16 << 20
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
PLAIN = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_VR = re.compile(rb"[A-Z]{2}")
_META_START = 132
_SHORTEST = 8
_TRANSFER_SYNTAX = 0x00020010


def _malformed(what: str) -> Rejected:
    return Rejected(
        Rejection.MALFORMED,
        f"The file is damaged or not written as DICOM asks ({what}). It was not let through. "
        "Please export it again from the scanner or archive and send the new copy.",
    )


def _too_large(what: str) -> Rejected:
    return Rejected(
        Rejection.TOO_LARGE,
        f"The file goes beyond what a scan may hold ({what}). It was not let through. "
        "Please export the images again, or ask the core laboratory how to send this object.",
    )


@dataclass(slots=True)
class Budget:
    """Counts what is left of the limits while one file is read."""

    elements: int = ELEMENT_LIMIT
    spent: int = field(default=0)

    def take(self, *, depth: int) -> None:
        """Count one element; raises Rejected when there are too many or they are nested too deep."""
        self.spent += 1
        if self.spent > self.elements:
            raise _too_large("too many header entries")
        if depth > DEPTH_LIMIT:
            raise _too_large("sequences nested too deeply")


def parse(data: bytes) -> Source:
    """Return the data set of a DICOM file, with or without Part 10 header. Raises Rejected, nothing else."""
    view = memoryview(data)
    if len(data) > _META_START and data[128:_META_START] == b"DICM":
        return _parse_part10(view)
    return _parse_bare(view)


def _parse_part10(view: memoryview) -> Source:
    reader = Reader(view, is_explicit=True)
    meta, start = reader.read_group(_META_START, group=0x0002)
    syntax = text_of(meta.get(_TRANSFER_SYNTAX))
    if not syntax:
        return _parse_body(view[start:], _guess(bytes(view[start : start + 6])))
    return _parse_body(view[start:], syntax)


def _parse_bare(view: memoryview) -> Source:
    if len(view) < _SHORTEST:
        raise _not_dicom()
    head = bytes(view[:6])
    if head[:2] == b"\x02\0":
        meta, start = Reader(view, is_explicit=True).read_group(0, group=0x0002)
        syntax = text_of(meta.get(_TRANSFER_SYNTAX)) or _guess(bytes(view[start : start + 6]))
        return _parse_body(view[start:], syntax)
    if head[:4] not in {b"\x08\0\0\0", b"\x08\0\x01\0", b"\x08\0\x05\0", b"\x08\0\x08\0", b"\x08\0\x16\0",
                        b"\0\x08\0\0", b"\0\x08\0\x05", b"\0\x08\0\x08", b"\0\x08\0\x16"}:  # fmt: skip
        raise _not_dicom()
    return _parse_body(view, _guess(head))


def _not_dicom() -> Rejected:
    return Rejected(
        Rejection.NOT_DICOM,
        "This is not a DICOM file. It was not let through. "
        "Please send only the files that the scanner or archive exported as DICOM.",
    )


def _guess(head: bytes) -> str:
    """Return the transfer syntax of a data set that does not name it, from its first six bytes."""
    if head[:1] == b"\0" and head[1:2] != b"\0":
        return BIG_ENDIAN
    return EXPLICIT if _VR.fullmatch(head[4:6]) else IMPLICIT


def _parse_body(view: memoryview, syntax: str) -> Source:
    if syntax not in PLAIN | COMPRESSED:
        raise unsupported()
    if syntax == DEFLATED:
        view = memoryview(_inflate(view))
    reader = Reader(view, is_explicit=syntax != IMPLICIT, order=">" if syntax == BIG_ENDIAN else "<")
    item = reader.read_all()
    if not item:
        raise _not_dicom()
    return Source(
        item=item,
        transfer_syntax=EXPLICIT if syntax in PLAIN else syntax,
        is_explicit=syntax != IMPLICIT,
    )


def _inflate(view: memoryview) -> bytes:
    """Return the inflated data set; raises Rejected instead of unpacking a bomb."""
    limit = min(INFLATED_LIMIT, max(INFLATED_FLOOR, len(view) * INFLATED_RATIO))
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = machine.decompress(view, limit)
    except zlib.error as error:
        raise _malformed("the compressed header cannot be unpacked") from error
    if machine.unconsumed_tail:
        raise _too_large("it unpacks to far more than its size")
    if not machine.eof:
        raise _malformed("the compressed header ends too early")
    return plain


class Reader:
    """Reads one data set out of a buffer; every value is a slice, nothing is copied."""

    def __init__(self, view: memoryview, *, is_explicit: bool, order: str = "<", budget: Budget | None = None) -> None:
        self._view = view
        self._is_explicit = is_explicit
        self._order = order
        self._budget = budget or Budget()
        self._head = struct.Struct(order + "HH")
        self._short = struct.Struct(order + "H")
        self._long = struct.Struct(order + "L")

    def read_all(self) -> Item:
        """Return every element of the buffer."""
        item, _ = self._read_item(0, len(self._view), depth=0)
        return item

    def read_group(self, start: int, *, group: int) -> tuple[Item, int]:
        """Return the elements of one group and the position after them."""
        item: Item = {}
        position, end = start, len(self._view)
        while position + _SHORTEST <= end and self._head.unpack_from(self._view, position)[0] == group:
            element, position = self._read_element(position, end, depth=0)
            item[element.tag] = element
        return item, position

    def _tag(self, position: int) -> int:
        group, number = self._head.unpack_from(self._view, position)
        return int(group << 16 | number)

    def _read_item(self, start: int, end: int, *, depth: int, is_open: bool = False) -> tuple[Item, int]:
        item: Item = {}
        position = start
        while position + _SHORTEST <= end:
            if is_open and self._tag(position) == _ITEM_END:
                return item, position + _SHORTEST
            element, position = self._read_element(position, end, depth=depth)
            item[element.tag] = element
        if is_open or any(self._view[position:end]):
            raise _malformed("it ends in the middle of an entry")
        return item, end

    def _read_element(self, position: int, end: int, *, depth: int) -> tuple[Element, int]:
        self._budget.take(depth=depth)
        tag = self._tag(position)
        if tag >> 16 == 0xFFFE:  # noqa: PLR2004  item delimiters
            raise _malformed("a sequence ends where none began")
        vr, length, position = self._read_header(tag, position, end)
        if length == UNDEFINED:
            return self._read_open(tag, vr, position, end, depth=depth)
        if position + length > end:
            raise _malformed("an entry is longer than the file")
        return self._read_closed(tag, vr, position, position + length, depth=depth), position + length

    def _read_header(self, tag: int, position: int, end: int) -> tuple[str, int, int]:
        """Return VR, length and the position of the value."""
        if not self._is_explicit:
            return (allowed_vrs(tag) or ("UN",))[0], self._unpack_long(position + 4, end), position + 8
        raw = bytes(self._view[position + 4 : position + 6])
        if not _VR.fullmatch(raw):
            raise _malformed("an entry has no valid type")
        vr = raw.decode()
        if (vr in WORD_SIZES and vr not in LONG_VRS) or vr in STRING_VRS - LONG_VRS:
            return vr, self._short.unpack_from(self._view, position + 6)[0], position + 8
        return vr, self._unpack_long(position + 8, end), position + 12

    def _unpack_long(self, position: int, end: int) -> int:
        if position + 4 > end:
            raise _malformed("it ends in the middle of an entry")
        return int(self._long.unpack_from(self._view, position)[0])

    def _read_closed(self, tag: int, vr: str, start: int, end: int, *, depth: int) -> Element:
        if tag not in PIXEL_TAGS and end - start > VALUE_LIMIT:
            raise _too_large("one header entry of many megabytes")
        is_wrapped = vr == "UN" and allowed_vrs(tag) == ("SQ",)
        if vr == "SQ" or is_wrapped:
            reader = self._implicit() if is_wrapped else self
            items, _ = reader.read_items(start, end, depth=depth + 1)
            return Element(tag, "SQ", items=items)
        return Element(tag, vr, self._ordered(vr, start, end))

    def _implicit(self) -> "Reader":
        """Return a reader for UN content, which is always implicit little endian (PS3.5 6.2.2)."""
        return Reader(self._view, is_explicit=False, budget=self._budget)

    def _ordered(self, vr: str, start: int, end: int) -> bytes | memoryview:
        """Return the value in little endian order."""
        value = self._view[start:end]
        size = WORD_SIZES.get(vr, 1)
        if self._order == "<" or size == 1:
            return value
        if len(value) % size:
            raise _malformed("a number has the wrong length")
        swapped = bytearray(value)
        for offset in range(size):
            swapped[offset::size] = value[size - 1 - offset :: size]
        return bytes(swapped)

    def _read_open(self, tag: int, vr: str, position: int, end: int, *, depth: int) -> tuple[Element, int]:
        if tag in PIXEL_TAGS:
            fragments, position = self._read_fragments(position, end)
            return Element(tag, "OB", fragments=fragments), position
        if vr not in {"SQ", "UN"}:
            raise _malformed("an entry has no length")
        is_wrapped = vr == "UN" and self._is_explicit
        reader = self._implicit() if is_wrapped else self
        items, position = reader.read_items(position, end, depth=depth + 1, is_open=True)
        return Element(tag, "SQ", items=items), position

    def read_items(self, position: int, end: int, *, depth: int, is_open: bool = False) -> tuple[tuple[Item, ...], int]:
        """Return the items of a sequence (open: up to its delimiter) and the position after it."""
        items: list[Item] = []
        while position + _SHORTEST <= end:
            tag, length = self._tag(position), self._unpack_long(position + 4, end)
            position += _SHORTEST
            self._budget.take(depth=depth)
            if is_open and tag == _SEQUENCE_END:
                return tuple(items), position
            if tag != _ITEM:
                raise _malformed("a sequence holds something that is no item")
            item, position = self._read_one(position, end, length, depth=depth)
            items.append(item)
        if is_open or position != end:
            raise _malformed("a sequence does not end")
        return tuple(items), position

    def _read_one(self, position: int, end: int, length: int, *, depth: int) -> tuple[Item, int]:
        if length == UNDEFINED:
            return self._read_item(position, end, depth=depth, is_open=True)
        if position + length > end:
            raise _malformed("an item is longer than its sequence")
        return self._read_item(position, position + length, depth=depth)

    def _read_fragments(self, position: int, end: int) -> tuple[tuple[memoryview, ...], int]:
        fragments: list[memoryview] = []
        while position + _SHORTEST <= end:
            tag, length = self._tag(position), self._unpack_long(position + 4, end)
            position += _SHORTEST
            self._budget.take(depth=0)
            if tag == _SEQUENCE_END:
                return tuple(fragments), position
            if tag != _ITEM or position + length > end:
                break
            fragments.append(self._view[position : position + length])
            position += length
        raise _malformed("the compressed pixel data is cut off")

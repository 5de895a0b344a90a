"""Reads the elements of one data set under hard limits: a hostile file costs a bounded amount of time and memory."""

import re
import struct
from dataclasses import dataclass, field

from deid.dictionary import allowed_vrs
from deid.elements import LONG_VRS, PIXEL_TAGS, STRING_VRS, UNDEFINED, WORD_SIZES, Element, Item
from deid.model import Rejected, Rejection

DEPTH_LIMIT = 64
ELEMENT_LIMIT = 100_000
VALUE_LIMIT = 64 << 20
SHORTEST = 8
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
VR = re.compile(rb"[A-Z]{2}")
_SHORT_VRS = frozenset((WORD_SIZES.keys() | STRING_VRS) - LONG_VRS)
ENCODED_SHORT_VRS = frozenset(vr.encode() for vr in _SHORT_VRS)


def malformed(what: str) -> Rejected:
    return Rejected(
        Rejection.MALFORMED,
        f"The file is damaged or not written as DICOM asks ({what}). It was not let through. "
        "Please export it again from the scanner or archive and send the new copy.",
    )


def too_large(what: str) -> Rejected:
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
            raise too_large("too many header entries")
        if depth > DEPTH_LIMIT:
            raise too_large("sequences nested too deeply")


_LONGEST_REMEMBERED = 8 << 10
_MOST_REMEMBERED = 2_048


_FORMS = {order: tuple(struct.Struct(order + form) for form in ("HH", "H", "L", "2sH")) for order in "<>"}


class Memory:
    """Short elements by the bytes they were read from: the headers of a series are the same but for a few."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool], dict[bytes, Element]] = {}

    def of(self, *, order: str, is_explicit: bool) -> dict[bytes, Element]:
        """Return what is known of one encoding; begun anew when it has grown too large."""
        known = self._known.setdefault((order, is_explicit), {})
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        return known


class Reader:
    """Reads one data set out of a buffer; every value is a slice, nothing is copied."""

    def __init__(self, view: memoryview, *, is_explicit: bool, order: str = "<", budget: Budget | None = None) -> None:
        self._view = view
        self._is_explicit = is_explicit
        self._order = order
        self._budget = budget or Budget()
        self._head, self._short, self._long, self._typed = _FORMS[order]

    def read_top(self, memory: Memory) -> Item:
        """Return every element of the buffer. Raises Rejected where it ends in the middle of one."""
        item, position = self._read_known(memory)
        if position + SHORTEST <= len(self._view) or any(self._view[position:]):
            raise malformed("it ends in the middle of an entry")
        return item

    def read_head(self, memory: Memory, *, whole: int) -> tuple[Item, int] | None:
        """Return the elements before pixel data that alone lies beyond the buffer, and where in the `whole` it begins.

        None where the data set is not of this kind: then it must be read as a whole.
        """
        item, position = self._read_known(memory)
        if position + 2 * SHORTEST > len(self._view) or (tag := self._tag(position)) not in PIXEL_TAGS:
            return None
        vr, length, start = self._read_header(tag, position, len(self._view))
        if start + length != whole:
            return None
        item[tag] = Element(tag, vr)
        return item, start

    def _read_known(self, memory: Memory) -> tuple[Item, int]:
        """Return the elements that the buffer holds as a whole, and the position after them."""
        known = memory.of(order=self._order, is_explicit=self._is_explicit)
        item: Item = {}
        position, end = 0, len(self._view)
        while position + SHORTEST <= end:
            stop = self._end_of(position, end)
            if stop > end:
                break
            raw = bytes(self._view[position:stop]) if 0 < stop <= position + _LONGEST_REMEMBERED else b""
            element = known.get(raw)
            if element is None:
                element, stop = self._read_new(position, raw, known)
            else:
                self._budget.take(depth=0)
            item[element.tag] = element
            position = stop
        return item, position

    def _end_of(self, position: int, end: int) -> int:
        """Return where the element ends that begins here, 0 where it does not say; `end` + 1 where it is cut off."""
        if not self._is_explicit:
            length, start = self._long.unpack_from(self._view, position + 4)[0], position + 8
        else:
            vr, length = self._typed.unpack_from(self._view, position + 4)
            start = position + 8
            if vr not in ENCODED_SHORT_VRS:
                if position + 12 > end:
                    return end + 1
                length, start = self._long.unpack_from(self._view, position + 8)[0], position + 12
        return 0 if length == UNDEFINED else int(start + length)

    def _read_new(self, position: int, raw: bytes, known: dict[bytes, Element]) -> tuple[Element, int]:
        """Read an element and remember it where it is short; its values then refer to no more than their own bytes."""
        if not raw or self._tag(position) in PIXEL_TAGS:
            return self._read_element(position, len(self._view), depth=0)
        reader = Reader(memoryview(raw), is_explicit=self._is_explicit, order=self._order, budget=self._budget)
        element, _ = reader._read_element(0, len(raw), depth=0)
        known[raw] = element = Element(element.tag, element.vr, element.value, element.items, raw=raw)
        return element, position + len(raw)

    def read_group(self, start: int, *, group: int) -> tuple[Item, int]:
        """Return the elements of one group and the position after them."""
        item: Item = {}
        position, end = start, len(self._view)
        while position + SHORTEST <= end and self._head.unpack_from(self._view, position)[0] == group:
            element, position = self._read_element(position, end, depth=0)
            item[element.tag] = element
        return item, position

    def _tag(self, position: int) -> int:
        group, number = self._head.unpack_from(self._view, position)
        return int(group << 16 | number)

    def _read_item(self, start: int, end: int, *, depth: int, is_open: bool = False) -> tuple[Item, int]:
        item: Item = {}
        position = start
        while position + SHORTEST <= end:
            if is_open and self._tag(position) == _ITEM_END:
                return item, position + SHORTEST
            element, position = self._read_element(position, end, depth=depth)
            item[element.tag] = element
        if is_open or any(self._view[position:end]):
            raise malformed("it ends in the middle of an entry")
        return item, end

    def _read_element(self, position: int, end: int, *, depth: int) -> tuple[Element, int]:
        self._budget.take(depth=depth)
        tag = self._tag(position)
        if tag >> 16 == 0xFFFE:  # noqa: PLR2004  item delimiters
            raise malformed("a sequence ends where none began")
        vr, length, position = self._read_header(tag, position, end)
        if length == UNDEFINED:
            return self._read_open(tag, vr, position, end, depth=depth)
        if position + length > end:
            raise malformed("an entry is longer than the file")
        return self._read_closed(tag, vr, position, position + length, depth=depth), position + length

    def _read_header(self, tag: int, position: int, end: int) -> tuple[str, int, int]:
        """Return VR, length and the position of the value."""
        if not self._is_explicit:
            return (allowed_vrs(tag) or ("UN",))[0], self._unpack_long(position + 4, end), position + 8
        raw = bytes(self._view[position + 4 : position + 6])
        if not VR.fullmatch(raw):
            raise malformed("an entry has no valid type")
        vr = raw.decode()
        if vr in _SHORT_VRS:
            return vr, self._short.unpack_from(self._view, position + 6)[0], position + 8
        return vr, self._unpack_long(position + 8, end), position + 12

    def _unpack_long(self, position: int, end: int) -> int:
        if position + 4 > end:
            raise malformed("it ends in the middle of an entry")
        return int(self._long.unpack_from(self._view, position)[0])

    def _read_closed(self, tag: int, vr: str, start: int, end: int, *, depth: int) -> Element:
        if tag not in PIXEL_TAGS and end - start > VALUE_LIMIT:
            raise too_large("one header entry of many megabytes")
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
            raise malformed("a number has the wrong length")
        swapped = bytearray(value)
        for offset in range(size):
            swapped[offset::size] = value[size - 1 - offset :: size]
        return bytes(swapped)

    def _read_open(self, tag: int, vr: str, position: int, end: int, *, depth: int) -> tuple[Element, int]:
        if tag in PIXEL_TAGS:
            fragments, position = self._read_fragments(position, end)
            return Element(tag, "OB", fragments=fragments), position
        if vr not in {"SQ", "UN"}:
            raise malformed("an entry has no length")
        is_wrapped = vr == "UN" and self._is_explicit
        reader = self._implicit() if is_wrapped else self
        items, position = reader.read_items(position, end, depth=depth + 1, is_open=True)
        return Element(tag, "SQ", items=items), position

    def read_items(self, position: int, end: int, *, depth: int, is_open: bool = False) -> tuple[tuple[Item, ...], int]:
        """Return the items of a sequence (open: up to its delimiter) and the position after it."""
        items: list[Item] = []
        while position + SHORTEST <= end:
            tag, length = self._tag(position), self._unpack_long(position + 4, end)
            position += SHORTEST
            self._budget.take(depth=depth)
            if is_open and tag == _SEQUENCE_END:
                return tuple(items), position
            if tag != _ITEM:
                raise malformed("a sequence holds something that is no item")
            item, position = self._read_one(position, end, length, depth=depth)
            items.append(item)
        if is_open or position != end:
            raise malformed("a sequence does not end")
        return tuple(items), position

    def _read_one(self, position: int, end: int, length: int, *, depth: int) -> tuple[Item, int]:
        if length == UNDEFINED:
            return self._read_item(position, end, depth=depth, is_open=True)
        if position + length > end:
            raise malformed("an item is longer than its sequence")
        return self._read_item(position, position + length, depth=depth)

    def _read_fragments(self, position: int, end: int) -> tuple[tuple[memoryview, ...], int]:
        fragments: list[memoryview] = []
        while position + SHORTEST <= end:
            tag, length = self._tag(position), self._unpack_long(position + 4, end)
            position += SHORTEST
            self._budget.take(depth=0)
            if tag == _SEQUENCE_END:
                return tuple(fragments), position
            if tag != _ITEM or position + length > end:
                break
            fragments.append(self._view[position : position + length])
            position += length
        raise malformed("the compressed pixel data is cut off")

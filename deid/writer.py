"""Elements back to bytes: a Part 10 file in explicit little endian, written afresh from end to end."""

import struct
from collections.abc import Iterator

from deid.elements import LONG_VRS, PIXEL_TAGS, UNDEFINED, Element, Item
from deid.version import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_SHORT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<HH2sHL")
_ITEM = struct.Struct("<HHL")
_LONGEST_SHORT = 0xFFFE
_PREAMBLE = b"\0" * 128 + b"DICM"
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018


def encode_item(item: Item) -> bytes:
    """Return the encoded elements of a data set or item in tag order, without pixel data."""
    return b"".join(_encode(item[tag]) for tag in sorted(item) if tag not in PIXEL_TAGS)


def _encode(element: Element) -> bytes:
    if element.items is not None:
        body = b"".join(_encode_in_item(item) for item in element.items)
        return _header(element.tag, "SQ", len(body)) + body
    value = bytes(element.value)
    if len(value) % 2:
        value += b"\0" if element.vr in {"UI", "OB", "UN"} else b" "
    return _header(element.tag, element.vr, len(value)) + value


def _encode_in_item(item: Item) -> bytes:
    body = encode_item(item)
    return _ITEM.pack(0xFFFE, 0xE000, len(body)) + body


def _header(tag: int, vr: str, length: int) -> bytes:
    group, number = tag >> 16, tag & 0xFFFF
    if vr in LONG_VRS:
        return _LONG.pack(group, number, vr.encode(), 0, length)
    if length > _LONGEST_SHORT:  # PS3.5 6.2.2 note 3: a value too long for its VR is written as UN
        return _LONG.pack(group, number, b"UN", 0, length)
    return _SHORT.pack(group, number, vr.encode(), length)


def encode_file(item: Item, *, header: bytes, transfer_syntax: str) -> bytes:
    """Return the whole file: fresh preamble and file meta, the encoded header, then the pixel data."""
    pixels = (item[tag] for tag in sorted(PIXEL_TAGS) if tag in item)
    parts: list[bytes | memoryview] = [_PREAMBLE, _file_meta(item, transfer_syntax), header]
    for element in pixels:
        parts.extend(_encode_pixels(element))
    return b"".join(parts)


def _encode_pixels(element: Element) -> Iterator[bytes | memoryview]:
    if element.fragments is None:
        length = len(element.value)
        yield _header(element.tag, element.vr, length + length % 2)
        yield element.value
        yield b"\0" * (length % 2)
        return
    yield _LONG.pack(element.tag >> 16, element.tag & 0xFFFF, b"OB", 0, UNDEFINED)
    for fragment in element.fragments:
        yield _ITEM.pack(0xFFFE, 0xE000, len(fragment))
        yield fragment
    yield _ITEM.pack(0xFFFE, 0xE0DD, 0)


def _file_meta(item: Item, transfer_syntax: str) -> bytes:
    elements = (
        Element(0x00020001, "OB", b"\0\1"),
        Element(0x00020002, "UI", bytes(item[_SOP_CLASS].value)),
        Element(0x00020003, "UI", bytes(item[_SOP_INSTANCE].value)),
        Element(0x00020010, "UI", transfer_syntax.encode()),
        Element(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode()),
        Element(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode()),
    )
    body = b"".join(_encode(element) for element in elements)
    return _encode(Element(0x00020000, "UL", struct.pack("<L", len(body)))) + body

"""Elements back to bytes: a Part 10 file in explicit little endian, written afresh from end to end."""

import os
import struct
from collections.abc import Iterable, Iterator

from deid.elements import LONG_VRS, PIXEL_TAGS, UNDEFINED, Element, Item, Span
from deid.version import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_SHORT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<HH2sHL")
_ITEM = struct.Struct("<HHL")
_LONGEST_SHORT = 0xFFFE
_PREAMBLE = b"\0" * 128 + b"DICM"
Part = bytes | memoryview | Span
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018


def encode_item(item: Item) -> bytes:
    """Return the encoded elements of a data set or item in tag order, without pixel data."""
    return b"".join(encode_element(item[tag]) for tag in sorted(item) if tag not in PIXEL_TAGS)


def encode_element(element: Element) -> bytes:
    """Return one encoded element that is no pixel data."""
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


def encode_file(
    item: Item, *, header: bytes, transfer_syntax: str, pixels: Element | None, span: Span | None = None
) -> tuple[Part, ...]:
    """Return the parts of the whole file: fresh preamble and file meta, the encoded header, then the pixel data."""
    head = _PREAMBLE + _file_meta(item, transfer_syntax) + header
    if pixels is None:
        return (head,)
    if pixels.fragments is not None:
        return (head + _open_header(pixels.tag), *_encode_fragments(pixels.fragments))
    length = span.length if span else len(pixels.value)
    return (head + _header(pixels.tag, pixels.vr, length + length % 2), span or pixels.value, b"\0" * (length % 2))


def _open_header(tag: int) -> bytes:
    return _LONG.pack(tag >> 16, tag & 0xFFFF, b"OB", 0, UNDEFINED)


def _encode_fragments(fragments: Iterable[memoryview]) -> Iterator[bytes | memoryview]:
    for fragment in fragments:
        yield _ITEM.pack(0xFFFE, 0xE000, len(fragment))
        yield fragment
    yield _ITEM.pack(0xFFFE, 0xE0DD, 0)


def write_file(parts: Iterable[Part], *, target: int) -> None:
    """Write the parts of a file to an open one; the kernel copies what is a span of another open file."""
    pending: list[bytes | memoryview] = []
    for part in parts:
        if not isinstance(part, Span):
            pending.append(part)
            continue
        _write_all(target, pending)
        pending = []
        _copy(part, target)
    _write_all(target, pending)


def _write_all(target: int, buffers: list[bytes | memoryview]) -> None:
    for buffer in buffers:
        view = memoryview(buffer)
        while view:
            view = view[os.write(target, view) :]


def _copy(span: Span, target: int) -> None:
    start, end = span.start, span.start + span.length
    while start < end:
        copied = os.sendfile(target, span.descriptor, start, end - start)
        if not copied:
            raise OSError("the original became shorter while it was copied")
        start += copied


def _file_meta(item: Item, transfer_syntax: str) -> bytes:
    elements = (
        Element(0x00020001, "OB", b"\0\1"),
        Element(0x00020002, "UI", bytes(item[_SOP_CLASS].value)),
        Element(0x00020003, "UI", bytes(item[_SOP_INSTANCE].value)),
        Element(0x00020010, "UI", transfer_syntax.encode()),
        Element(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode()),
        Element(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode()),
    )
    body = b"".join(encode_element(element) for element in elements)
    return encode_element(Element(0x00020000, "UL", struct.pack("<L", len(body)))) + body

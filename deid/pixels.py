"""Pixel data goes through untouched, but nothing travels beside it: no spare bytes, no comments."""

import struct

from deid.codestreams import COMPRESSED, clean_frame, stated_size
from deid.elements import PIXEL_TAGS, Element, Item, Span, number_of, text_of
from deid.model import Rejected, Rejection
from deid.parser import EXPLICIT

PIXEL_DATA, FLOAT_DATA, DOUBLE_DATA = 0x7FE00010, 0x7FE00008, 0x7FE00009
_ROWS, _COLUMNS, _SAMPLES, _ALLOCATED = 0x00280010, 0x00280011, 0x00280002, 0x00280100
_FRAMES, _PHOTOMETRIC, _STORED = 0x00280008, 0x00280004, 0x00280101
_WHOLE_BYTES = range(8, 65, 8)
_LONGEST_COUNT = 6
_OFFSET_LIMIT = 1 << 32


def damaged() -> Rejected:
    """Return the refusal of a picture that is not what its header says."""
    return Rejected(
        Rejection.PIXELS_DAMAGED,
        "The picture in this file is cut off or does not fit its own description. It was not let through. "
        "Please export the series again and send the new copy.",
    )


def frame_count(item: Item) -> int:
    """Return Number of Frames (at least 1)."""
    text = text_of(item.get(_FRAMES))
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT else 1


def clean_pixels(item: Item, *, transfer_syntax: str) -> Element | None:
    """Return the pixel data element to write, or None when the object has none. Raises Rejected.

    Native data is cut to the exact length its description asks for; encapsulated frames lose comments,
    application segments and everything outside the codestream, and keep their coded pixels byte by byte.
    """
    present = [item[tag] for tag in sorted(PIXEL_TAGS) if tag in item]
    if not present:
        return None
    if len(present) > 1 or present[0].items is not None:
        raise damaged()
    element = present[0]
    _require_possible(item, element.tag)
    if element.fragments is None:
        return _clean_native(element, item, transfer_syntax)
    return _clean_encapsulated(element.fragments, item, transfer_syntax)


def cut_span(span: Span, element: Element, item: Item) -> tuple[Element, Span]:
    """Return the element and the part of an open file that is its native pixel data. Raises Rejected."""
    _require_possible(item, element.tag)
    wanted = native_length(item, element.tag)
    if not wanted or span.length < wanted:
        raise damaged()
    return Element(element.tag, _vr_of(element, item)), Span(span.descriptor, span.start, wanted)


def _require_possible(item: Item, tag: int) -> None:
    """Raise Rejected for a description that no picture can have (PS3.3 C.7.6.3.1, C.7.6.6; PS3.5 8.1.1)."""
    frames = text_of(item.get(_FRAMES))
    is_counted = not frames or (frames.isascii() and frames.isdigit() and len(frames) <= _LONGEST_COUNT)
    has_samples = _SAMPLES not in item or number_of(item[_SAMPLES]) > 0
    if not (is_counted and has_samples and (tag != PIXEL_DATA or _has_possible_bits(item))):
        raise damaged()


def _has_possible_bits(item: Item) -> bool:
    allocated, stored = number_of(item.get(_ALLOCATED)), number_of(item.get(_STORED))
    return (allocated == 1 or allocated in _WHOLE_BYTES) and stored <= allocated


def _vr_of(element: Element, item: Item) -> str:
    return {FLOAT_DATA: "OF", DOUBLE_DATA: "OD"}.get(element.tag) or _native_vr(element.vr, item)


def _clean_native(element: Element, item: Item, transfer_syntax: str) -> Element:
    if transfer_syntax != EXPLICIT:
        raise damaged()
    wanted = native_length(item, element.tag)
    if not wanted or len(element.value) < wanted:
        raise damaged()
    return Element(element.tag, _vr_of(element, item), memoryview(element.value)[:wanted])


def _native_vr(vr: str, item: Item) -> str:
    return "OW" if number_of(item.get(_ALLOCATED)) > 8 or vr not in {"OB", "OW"} else vr  # noqa: PLR2004  bits


def native_length(item: Item, tag: int) -> int:
    """Return the number of bytes of native pixel data (PS3.5 section 8.1.1)."""
    bits = {FLOAT_DATA: 32, DOUBLE_DATA: 64}.get(tag) or number_of(item.get(_ALLOCATED))
    samples = number_of(item.get(_SAMPLES)) or 1
    pixels = number_of(item.get(_ROWS)) * number_of(item.get(_COLUMNS)) * frame_count(item)
    if text_of(item.get(_PHOTOMETRIC)) == "YBR_FULL_422":
        return pixels * 2 * bits // 8
    return (pixels * samples * bits + 7) // 8


def _clean_encapsulated(fragments: tuple[memoryview, ...], item: Item, transfer_syntax: str) -> Element:
    if not fragments or transfer_syntax not in COMPRESSED:
        raise damaged()
    table, coded = fragments[0], fragments[1:]
    frames = _frames(table, coded, frame_count(item))
    size = number_of(item.get(_ROWS)), number_of(item.get(_COLUMNS))
    if any(stated_size(frame, transfer_syntax=transfer_syntax) not in {None, size} for frame in frames):
        raise damaged()
    plane = size[0] * size[1]
    cleaned = [clean_frame(frame, transfer_syntax=transfer_syntax, plane_length=plane) for frame in frames]
    return encapsulated(cleaned, has_table=len(table) > 0)


def encapsulated(frames: list[bytes], *, has_table: bool) -> Element:
    """Return coded frames as pixel data, one fragment each, with a basic offset table where one is wanted."""
    even = [_even(frame) for frame in frames]
    offsets = _offset_table(even) if has_table else b""
    return Element(PIXEL_DATA, "OB", fragments=(memoryview(offsets), *(memoryview(frame) for frame in even)))


def _even(frame: bytes) -> bytes:
    return frame + b"\0" * (len(frame) % 2)


def _frames(table: memoryview, coded: tuple[memoryview, ...], count: int) -> list[bytes]:
    """Return one joined codestream per frame, however the sender cut them into fragments."""
    if count == 1:
        return [b"".join(coded)]
    if len(coded) == count:
        return [bytes(fragment) for fragment in coded]
    starts = _starts(table, coded, count)
    ends = [*starts[1:], len(coded)]
    return [b"".join(coded[start:end]) for start, end in zip(starts, ends, strict=True)]


def _starts(table: memoryview, coded: tuple[memoryview, ...], count: int) -> list[int]:
    """Return the index of each frame's first fragment, from the basic offset table."""
    if len(table) != 4 * count:
        raise damaged()
    offsets = struct.unpack(f"<{count}L", table)
    places, position = {}, 0
    for index, fragment in enumerate(coded):
        places[position] = index
        position += len(fragment) + 8
    starts = [places.get(offset, -1) for offset in offsets]
    if starts[0] != 0 or sorted(set(starts)) != starts:
        raise damaged()
    return starts


def _offset_table(frames: list[bytes]) -> bytes:
    offsets, position = [], 0
    for frame in frames:
        offsets.append(position)
        position += len(frame) + 8
    if position >= _OFFSET_LIMIT:
        return b""
    return struct.pack(f"<{len(offsets)}L", *offsets)

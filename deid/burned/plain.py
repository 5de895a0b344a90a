"""Blanking rectangles of native pixels with plain bytes, where there is no numpy; what deid.burned.blanking gives, too.

A person drew the rectangles; they are blanked on every frame.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from deid.burned.boxes import Box, clipped
from deid.burned.record import Method, PixelRecord
from deid.elements import Element, Item, Source, number_of, text_of
from deid.model import Rejected, Rejection
from deid.pixels import PIXEL_DATA, clean_pixels, frame_count

HALVED = "YBR_FULL_422"
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_COLOURED = frozenset({"RGB", "YBR_FULL", HALVED})
_LUTS = (0x00281201, 0x00281202, 0x00281203)
_FIRST_ENTRY = slice(2, 4)
_DESCRIPTOR_LENGTH = 6
_YBR_BLACK = (0, 128, 128)
_HALVED_BLACK = (0, 0, 128, 128)
_COLOURS = 3
_BYTE = 8
_KINDS: dict[tuple[int, bool], Literal["B", "b", "H", "h"]] = {
    (1, False): "B", (1, True): "b", (2, False): "H", (2, True): "h",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """How native samples lie (PS3.3 C.7.6.3): `size` bytes each, `parts` samples a cell of a row of `cells`."""

    rows: int
    columns: int
    frames: int
    samples: int
    size: int
    stored: int
    is_signed: bool
    photometric: str
    is_planar: bool

    @property
    def planes(self) -> int:
        """Planes a frame: one for each colour where they lie apart."""
        return self.samples if self.is_planar and self.samples > 1 and self.photometric != HALVED else 1

    @property
    def cells(self) -> int:
        return self.columns // 2 if self.photometric == HALVED else self.columns

    @property
    def parts(self) -> int:
        """Samples a cell in one plane."""
        if self.photometric == HALVED:
            return len(_HALVED_BLACK)
        return self.samples // self.planes

    @property
    def plane_length(self) -> int:
        return self.rows * self.cells * self.parts * self.size

    def samples_in(self, data: bytes) -> "memoryview[int]":
        """Return bytes as samples; native bytes are little endian, as every machine that runs this."""
        return memoryview(data).cast(_KINDS[self.size, self.is_signed])


def layout_of(item: Item) -> Layout | None:
    """Return how the native samples of an object lie; None where this module cannot tell."""
    allocated = number_of(item.get(0x00280100))
    layout = Layout(
        rows=number_of(item.get(0x00280010)),
        columns=number_of(item.get(0x00280011)),
        frames=frame_count(item),
        samples=number_of(item.get(0x00280002)) or 1,
        size=allocated // _BYTE,
        stored=number_of(item.get(0x00280101)) or allocated,
        is_signed=number_of(item.get(0x00280103)) == 1,
        photometric=text_of(item.get(0x00280004)),
        is_planar=number_of(item.get(0x00280006)) == 1,
    )
    is_named = layout.photometric in (_GREY if layout.samples == 1 else _COLOURED)
    is_even = layout.photometric != HALVED or layout.columns % 2 == 0
    is_deep = allocated in {8, 16} and 1 < layout.stored <= allocated
    is_whole = layout.rows * layout.columns > 0 and layout.samples in {1, _COLOURS}
    return layout if is_named and is_even and is_deep and is_whole else None


def blank_plain(source: Source, boxes: Iterable[Box]) -> Source:
    """Return an object with these boxes blanked on every frame. Raises Rejected where its pixels are not native."""
    layout, element = layout_of(source.item), clean_pixels(source.item, transfer_syntax=source.transfer_syntax)
    if layout is None or element is None or element.tag != PIXEL_DATA or element.fragments is not None:
        raise cannot_blank()
    buffer = bytearray(element.value)
    length = layout.plane_length
    cut = clipped(boxes, rows=layout.rows, columns=layout.columns)
    for frame in range(layout.frames):
        start = frame * layout.planes * length
        black = _black(buffer, start, layout, source.item)
        for plane in range(layout.planes):
            cell = black[plane : plane + 1] if layout.planes > 1 else black
            _fill(buffer, start + plane * length, layout, cut, b"".join(cell))
    return replace(source, item=source.item | {PIXEL_DATA: Element(PIXEL_DATA, element.vr, memoryview(bytes(buffer)))})


def record_of_boxes(source: Source, boxes: Iterable[Box]) -> PixelRecord:
    """Return what is told of boxes that a person drew and `blank_plain` blanked."""
    rows, columns = number_of(source.item.get(0x00280010)), number_of(source.item.get(0x00280011))
    cut = clipped(boxes, rows=rows, columns=columns)
    return PixelRecord(boxes=cut, frames=frame_count(source.item), method=Method.AS_STORED, is_confirmed=True)


def cannot_blank() -> Rejected:
    return Rejected(
        Rejection.PIXELS_NEED_REVIEW,
        "Boxes cannot be drawn into the picture of this file here, because it is compressed or of an unusual kind. "
        "Send it through the encrypted intake; a person of the core laboratory looks at it there.",
    )


def _fill(buffer: bytearray, start: int, layout: Layout, boxes: tuple[Box, ...], cell: bytes) -> None:
    for left, right, top, bottom in _spans(layout, boxes):
        line = cell * (right - left)
        for row in range(top, bottom):
            at = start + (row * layout.cells + left) * len(cell)
            buffer[at : at + len(line)] = line


def _spans(layout: Layout, boxes: tuple[Box, ...]) -> Iterator[tuple[int, int, int, int]]:
    for box in boxes:
        if layout.photometric == HALVED:
            yield box.left // 2, -(-box.right // 2), box.top, box.bottom
        else:
            yield box.left, box.right, box.top, box.bottom


def _black(buffer: bytearray, start: int, layout: Layout, item: Item) -> tuple[bytes, ...]:
    """Return the darkest that this frame or its palette shows, sample by sample of a cell."""
    if layout.photometric == "PALETTE COLOR":
        return (_packed(_darkest_entry(item), layout),)
    if layout.photometric == HALVED:
        return tuple(_packed(part, layout) for part in _HALVED_BLACK)
    if layout.photometric == "YBR_FULL":
        deep = 1 << max(layout.stored - _BYTE, 0)
        return tuple(_packed(part * deep, layout) for part in _YBR_BLACK)
    if layout.samples > 1:
        return (_packed(0, layout),) * layout.samples
    samples = _samples(buffer, start, layout)
    return (_packed(max(samples) if layout.photometric == "MONOCHROME1" else min(samples), layout),)


def _samples(buffer: bytearray, start: int, layout: Layout) -> "memoryview[int]":
    """Return the samples of one grey frame as numbers."""
    return layout.samples_in(bytes(buffer[start : start + layout.plane_length]))


def _packed(value: int, layout: Layout) -> bytes:
    """Return a sample of its size; what it cannot hold wraps around, as numpy has it."""
    return (value % (1 << _BYTE * layout.size)).to_bytes(layout.size, "little")


def _darkest_entry(item: Item) -> int:
    """Return the stored value of the palette's darkest entry. Raises Rejected where there is no palette."""
    tables = [bytes(item[tag].value) for tag in _LUTS if tag in item and len(item[tag].value)]
    if len(tables) != _COLOURS:
        raise cannot_blank()
    length = min(map(len, tables)) // 2
    entries = list(zip(*(struct.unpack_from(f"<{length}H", table) for table in tables), strict=True))
    deep = _BYTE if max(map(max, entries)) >> _BYTE else 0
    sums = [sum(part >> deep for part in entry) for entry in entries]
    return _first_entry(item) + sums.index(min(sums))


def _first_entry(item: Item) -> int:
    element = item.get(0x00281101)
    is_told = element is not None and len(element.value) >= _DESCRIPTOR_LENGTH
    return int.from_bytes(element.value[_FIRST_ENTRY], "little") if element and is_told else 0

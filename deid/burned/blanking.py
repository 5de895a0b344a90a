"""Blanking rectangles: every other sample stays bit by bit, and what was compressed is written again without loss."""

from dataclasses import dataclass, replace

import numpy as np
from pydicom.pixels.encoders.base import get_encoder

from deid.burned.boxes import Box, clipped
from deid.burned.raster import (
    HALVED,
    JPEG_LS,
    LOSSY,
    RLE,
    Raster,
    Samples,
    decode,
    first_entry,
    palette,
    pixel_options,
    unreadable,
)
from deid.burned.record import Method
from deid.elements import Element, Source
from deid.model import Rejected, Rejection
from deid.pixels import PIXEL_DATA, encapsulated
from deid.quiet import silence

_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
# Rows and columns; samples of colours have one axis more.
_GREY_AXES = 2
# Black in light, blue and red.
_YBR_BLACK = (0, 128, 128)
_HALVED_BLACK = (0, 0, 128, 128)


@dataclass(frozen=True, slots=True)
class Blanked:
    """A parsed file whose pixels were blanked, and how they were written."""

    source: Source
    method: Method
    was_lossy: bool


def _cannot_write() -> Rejected:
    return Rejected(
        Rejection.PIXELS_NEED_REVIEW,
        "The text in this picture could be found, but the picture could not be written again without changing more "
        "of it. It was not let through. Please export it uncompressed and send the new copy.",
    )


def blank(raster: Raster, source: Source, boxes: tuple[Box, ...]) -> Blanked:
    """Return the file with these boxes blanked on every frame; without boxes it is returned as it came.

    Native data is changed in place of the boxes only; RLE frames are packed again; all other codestreams are decoded
    and written as JPEG-LS without loss. What was written is read again and compared. Raises Rejected.
    """
    was_lossy = raster.transfer_syntax in LOSSY
    boxes = clipped(boxes, rows=raster.shape.rows, columns=raster.shape.columns)
    if not boxes:
        return Blanked(source, Method.UNTOUCHED, was_lossy=False)
    if raster.is_native:
        return Blanked(_with_pixels(source, _blank_native(raster, boxes)), Method.AS_STORED, was_lossy=False)
    syntax = RLE if raster.transfer_syntax == RLE else JPEG_LS
    coded, photometric = _blank_coded(raster, boxes, syntax=syntax)
    element = encapsulated(coded, has_table=True)
    written = _with_pixels(replace(source, transfer_syntax=syntax), element, photometric=photometric)
    return Blanked(written, Method.RLE if syntax == RLE else Method.JPEG_LS, was_lossy=was_lossy)


def _with_pixels(source: Source, element: Element, *, photometric: str = "") -> Source:
    item = source.item | {PIXEL_DATA: element}
    if photometric:
        item[_PHOTOMETRIC] = Element(_PHOTOMETRIC, "CS", photometric.encode())
    if photometric and _PLANAR in item and source.transfer_syntax == JPEG_LS:
        item[_PLANAR] = Element(_PLANAR, "US", b"\0\0")
    return replace(source, item=item, span=None)


def _blank_native(raster: Raster, boxes: tuple[Box, ...]) -> Element:
    buffer = bytearray(raster.element.value)
    for samples in raster.native(buffer):
        fill(samples, boxes, photometric=raster.shape.photometric, raster=raster)
    return Element(PIXEL_DATA, raster.element.vr, memoryview(bytes(buffer)))


def _blank_coded(raster: Raster, boxes: tuple[Box, ...], *, syntax: str) -> tuple[list[bytes], str]:
    coded, photometric = [], raster.shape.photometric
    for index in range(raster.shape.frames):
        samples, photometric = raster.frame(index)
        fill(samples, boxes, photometric=photometric, raster=raster)
        coded.append(_encode(samples, raster, photometric, syntax=syntax))
    return coded, photometric


def _encode(samples: Samples, raster: Raster, photometric: str, *, syntax: str) -> bytes:
    shape = replace(raster.shape, photometric=photometric, is_planar=False)
    mask = np.array((1 << shape.stored) - 1, f"u{shape.allocated // 8}")
    # Signed samples are coded by their bits; what lies above Bits Stored is no part of the picture.
    bits = samples.astype(f"<i{shape.allocated // 8}" if shape.is_signed else f"<u{shape.allocated // 8}")
    plain = bits if syntax == RLE else bits.view(mask.dtype) & mask
    try:
        with silence():
            plugin = "pydicom" if syntax == RLE else "pyjpegls"
            coded = get_encoder(syntax).encode(plain.tobytes(), encoding_plugin=plugin, **pixel_options(shape))
        again, _ = decode(bytes(coded), shape, transfer_syntax=syntax)
    except (RuntimeError, AttributeError, TypeError, ValueError):
        raise _cannot_write() from None
    if not np.array_equal(again, samples):
        raise _cannot_write()
    return bytes(coded)


def fill(samples: Samples, boxes: tuple[Box, ...], *, photometric: str, raster: Raster) -> None:
    """Blank the boxes of one frame in place, with the darkest value that this frame or its palette shows."""
    black = _black(samples, photometric, raster)
    for box in boxes:
        if photometric == HALVED and samples.shape[1] * 2 == raster.shape.columns:
            samples[box.top : box.bottom, box.left // 2 : -(-box.right // 2)] = black
        else:
            samples[box.top : box.bottom, box.left : box.right] = black


def _black(samples: Samples, photometric: str, raster: Raster) -> Samples:
    if photometric == "PALETTE COLOR":
        table = palette(raster.item)
        if table is None:
            raise unreadable()
        return np.asarray(first_entry(raster.item) + int(table.sum(axis=1).argmin()), samples.dtype)
    if photometric == HALVED:
        return np.asarray(_HALVED_BLACK, samples.dtype)
    if photometric == "YBR_FULL":
        deep = 1 << max(raster.shape.stored - 8, 0)
        return np.asarray([part * deep for part in _YBR_BLACK], samples.dtype)
    if photometric == "MONOCHROME1":
        return np.asarray(samples.max())
    return np.asarray(0 if samples.ndim > _GREY_AXES else samples.min(), samples.dtype)

"""The frames of an object as arrays: stored samples one frame at a time, and pictures for whoever looks at them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space

from deid.burned.sizes import size_in_jpeg, size_in_jpeg_2000
from deid.codestreams import COMPRESSED
from deid.elements import PIXEL_TAGS, Element, Item, Source, number_of, text_of
from deid.model import Rejected, Rejection
from deid.pixels import PIXEL_DATA, clean_pixels, cut_span, frame_count
from deid.quiet import silence

Samples = npt.NDArray[Any]
Picture = npt.NDArray[np.uint8]

RLE = "1.2.840.10008.1.2.5"
JPEG_LS = "1.2.840.10008.1.2.4.80"
# What lossy decoders turn into RGB, as every viewer does.
_LOSSY_JPEG = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})
LOSSY = _LOSSY_JPEG | {f"1.2.840.10008.1.2.4.{number}" for number in (81, 91, 93, 203)}
HALVED = "YBR_FULL_422"
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_COLOURED = frozenset({"RGB", "YBR_FULL", HALVED, "YBR_RCT", "YBR_ICT"})
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
_BYTE, _WORD = 8, 16
# A larger frame is no scan, and reading it would take the worker for hours.
_LARGEST_FRAME = 16_384 * 16_384
_COLOURS = 3
_LUTS = (0x00281201, 0x00281202, 0x00281203)
_LUT_LENGTH = 3
_SHARES = (0.5, 99.5)


def unreadable() -> Rejected:
    """Return the refusal of pixels that cannot be looked at."""
    return Rejected(
        Rejection.PIXELS_DAMAGED,
        "The picture in this file could not be unpacked, so it cannot be checked for burned-in text. "
        "It was not let through. Please export it again, uncompressed if possible.",
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """How the samples of one frame are stored (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    frames: int
    samples: int
    allocated: int
    stored: int
    is_signed: bool
    photometric: str
    is_planar: bool


@dataclass(frozen=True, slots=True)
class Raster:
    """The frames of one object; `frame` gives them one by one, so that a long loop never stands unpacked in memory."""

    shape: Shape
    element: Element
    transfer_syntax: str
    item: Item

    @property
    def is_native(self) -> bool:
        return self.element.fragments is None

    def frame(self, index: int) -> tuple[Samples, str]:
        """Return a writeable copy of frame `index` (from 0) as rows x columns (x samples), and its colour model.

        Halved native colour (YBR_FULL_422) comes as rows x columns / 2 x (two lights, blue, red). Raises Rejected.
        """
        if self.is_native:
            return self.native()[index].copy(), self.shape.photometric
        return _decoded(self, index)

    def native(self, buffer: bytearray | None = None) -> Samples:
        """Return all frames of native data with samples last, as a view on the data or on a copy in `buffer`."""
        shape, kind = self.shape, _kind(self.shape)
        flat = np.frombuffer(self.element.value if buffer is None else buffer, dtype=kind)
        if shape.photometric == HALVED:
            return flat.reshape(shape.frames, shape.rows, shape.columns // 2, 4)
        if shape.samples == 1:
            return flat.reshape(shape.frames, shape.rows, shape.columns)
        if shape.is_planar:
            return flat.reshape(shape.frames, shape.samples, shape.rows, shape.columns).transpose(0, 2, 3, 1)
        return flat.reshape(shape.frames, shape.rows, shape.columns, shape.samples)


def open_raster(source: Source) -> Raster:
    """Open the pixels of a parsed file. Raises Rejected where they are no frames that we can look at."""
    element, shape = _pixels_of(source), shape_of(source.item)
    if element is None or element.tag != PIXEL_DATA or not _is_known(shape):
        raise unreadable()
    return Raster(shape=shape, element=element, transfer_syntax=source.transfer_syntax, item=source.item)


def _pixels_of(source: Source) -> Element | None:
    """Return the pixel data, read where it was left in the open file it came from."""
    if source.span is None:
        return clean_pixels(source.item, transfer_syntax=source.transfer_syntax)
    present = next(source.item[tag] for tag in PIXEL_TAGS if tag in source.item)
    element, span = cut_span(source.span, present, source.item)
    return replace(element, value=span.read())


def shape_of(item: Item) -> Shape:
    return Shape(
        rows=number_of(item.get(0x00280010)),
        columns=number_of(item.get(0x00280011)),
        frames=frame_count(item),
        samples=number_of(item.get(0x00280002)) or 1,
        allocated=number_of(item.get(0x00280100)),
        stored=number_of(item.get(0x00280101)) or number_of(item.get(0x00280100)),
        is_signed=number_of(item.get(0x00280103)) == 1,
        photometric=text_of(item.get(0x00280004)),
        is_planar=number_of(item.get(0x00280006)) == 1,
    )


def _is_known(shape: Shape) -> bool:
    is_even = shape.photometric != HALVED or (shape.columns % 2 == 0 and shape.samples == _COLOURS)
    has_size = 0 < shape.rows * shape.columns <= _LARGEST_FRAME and shape.samples in {1, _COLOURS}
    is_deep = shape.allocated in {_BYTE, _WORD} and 1 < shape.stored <= shape.allocated
    is_named = shape.photometric in (_GREY if shape.samples == 1 else _COLOURED)
    return has_size and is_even and is_deep and is_named


def _kind(shape: Shape) -> str:
    return f"<{'i' if shape.is_signed else 'u'}{shape.allocated // _BYTE}"


def _decoded(raster: Raster, index: int) -> tuple[Samples, str]:
    fragments = raster.element.fragments or ()
    if raster.transfer_syntax not in COMPRESSED or len(fragments) != raster.shape.frames + 1:
        raise unreadable()
    return decode(bytes(fragments[index + 1]), raster.shape, transfer_syntax=raster.transfer_syntax)


def decode(coded: bytes, shape: Shape, *, transfer_syntax: str) -> tuple[Samples, str]:
    """Return the samples of one coded frame, and their colour model: lossy JPEG comes as RGB. Raises Rejected."""
    if not _states_size(coded, shape, transfer_syntax):
        raise unreadable()
    options = pixel_options(shape) | {"pixel_keyword": "PixelData"}
    is_raw = transfer_syntax not in _LOSSY_JPEG
    try:
        with silence():
            decoder = get_decoder(transfer_syntax)
            samples, told = decoder.as_array(encapsulate([coded]), index=0, raw=is_raw, **options)
    except (RuntimeError, AttributeError, TypeError, ValueError, OSError, MemoryError):
        # What decoders raise on damaged codestreams; their words may quote the header.
        raise unreadable() from None
    if samples.shape[:2] != (shape.rows, shape.columns):
        raise unreadable()
    return samples, str(told.get("photometric_interpretation", shape.photometric))


def pixel_options(shape: Shape) -> dict[str, Any]:
    """Return the description of one frame as pydicom's decoders and encoders take it."""
    return {
        "number_of_frames": 1,
        "rows": shape.rows,
        "columns": shape.columns,
        "samples_per_pixel": shape.samples,
        "bits_allocated": shape.allocated,
        "bits_stored": shape.stored,
        "photometric_interpretation": shape.photometric,
        "pixel_representation": int(shape.is_signed),
        "planar_configuration": int(shape.is_planar) if shape.samples > 1 else 0,
    }


def _states_size(coded: bytes, shape: Shape, transfer_syntax: str) -> bool:
    """Whether a codestream says the size of the header, asked before a decoder believes it and makes room."""
    if transfer_syntax == RLE:
        return True
    size = size_in_jpeg_2000(coded) if transfer_syntax in _JPEG_2000 else size_in_jpeg(coded)
    return size == (shape.rows, shape.columns)


def picture(samples: Samples, photometric: str, raster: Raster) -> Picture:
    """Return a frame as a person would see it at full range: grey rows x columns, or RGB; never to be stored."""
    if photometric == "PALETTE COLOR":
        return _through_palette(samples, raster.item)
    if photometric == HALVED:
        samples = _doubled(samples)
        photometric = "YBR_FULL"
    if photometric == "YBR_FULL":
        samples = convert_color_space(_to_bytes(samples, raster.shape.stored), "YBR_FULL", "RGB")
    if samples.ndim == _COLOURS:
        return _to_bytes(samples, raster.shape.stored)
    spread = _spread(samples, float(samples.min()), float(samples.max()))
    return ~spread if photometric == "MONOCHROME1" else spread


def clipped_picture(samples: Samples, photometric: str) -> Picture | None:
    """Return a grey frame without its few brightest and darkest spots; None where full range shows as much."""
    if samples.ndim == _COLOURS or photometric == "PALETTE COLOR":
        return None
    low, high = (float(edge) for edge in np.percentile(samples, _SHARES))
    whole = float(samples.max()) - float(samples.min())
    if high <= low or high - low > whole / 2:
        return None
    spread = _spread(samples, low, high)
    return ~spread if photometric == "MONOCHROME1" else spread


def _spread(samples: Samples, low: float, high: float) -> Picture:
    scaled = (samples.astype(np.float32) - low) * (255.0 / max(high - low, 1e-6))
    return np.asarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _to_bytes(samples: Samples, stored: int) -> Picture:
    return np.asarray((samples >> max(stored - _BYTE, 0)).astype(np.uint8))


def _doubled(samples: Samples) -> Samples:
    """Return halved colour at full width: each pair of pixels shares its colour."""
    rows, pairs = samples.shape[:2]
    full = np.empty((rows, pairs * 2, _COLOURS), samples.dtype)
    full[:, 0::2, 0], full[:, 1::2, 0] = samples[..., 0], samples[..., 1]
    for place in (1, 2):
        full[:, 0::2, place] = full[:, 1::2, place] = samples[..., place + 1]
    return full


def palette(item: Item) -> Samples | None:
    """Return the palette as entries x RGB in 8 bits, with the number of its first entry cut off; None where unfit."""
    tables = [item.get(tag) for tag in _LUTS]
    if any(table is None or not len(table.value) for table in tables):
        return None
    raw = [bytes(table.value) for table in tables if table is not None]
    length = min(len(each) for each in raw) // 2
    entries = np.stack([np.frombuffer(each, "<u2", count=length) for each in raw], axis=-1)
    return np.asarray((entries >> _BYTE if entries.max() >> _BYTE else entries).astype(np.uint8))


def first_entry(item: Item) -> int:
    """Return the stored value of the palette's first entry (second number of its descriptor)."""
    element = item.get(0x00281101)
    return int.from_bytes(element.value[2:4], "little") if element and len(element.value) >= 2 * _LUT_LENGTH else 0


def _through_palette(samples: Samples, item: Item) -> Picture:
    table = palette(item)
    if table is None:
        raise unreadable()
    places = np.clip(samples.astype(np.int64) - first_entry(item), 0, len(table) - 1)
    return np.asarray(table[places])

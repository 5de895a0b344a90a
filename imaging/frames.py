"""One frame as a small picture for the screen; nothing is decoded before its claimed size was checked."""

import io
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array

Pixels = npt.NDArray[Any]

_LARGEST_FRAME = 16_384 * 16_384
_LARGEST_IMAGE_BYTES = 2 * 1024**3
_QUICK_COMPRESSION = 1
_GREY_LEVELS = 256
_PERCENTILES = (1.0, 99.5)
_UNREADABLE = (
    InvalidDicomError,
    AttributeError,
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
    OverflowError,
    struct.error,
)
_SPACING_KEYWORDS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


class FrameRefused(Exception):  # noqa: N818 - a refusal is named for what happened
    """A frame cannot be shown; `sentence` is for people and names no identity."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Centre and width in rescaled units (HU for CT), PS3.3 C.11.2.1.2; the width is at least 1."""

    centre: float
    width: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.centre) and np.isfinite(self.width) and self.width >= 1):
            raise FrameRefused("The width of a window must be a number of at least 1.")


class Preset(StrEnum):
    """Names of the usual CT windows, and `auto` for the 1st to 99.5th percentile of the frame."""

    AUTO = "auto"
    SOFT_TISSUE = "soft-tissue"
    LUNG = "lung"
    BONE = "bone"
    BRAIN = "brain"
    LIVER = "liver"
    MEDIASTINUM = "mediastinum"


PRESETS = {
    Preset.SOFT_TISSUE: Window(centre=40, width=400),
    Preset.LUNG: Window(centre=-600, width=1500),
    Preset.BONE: Window(centre=400, width=1800),
    Preset.BRAIN: Window(centre=40, width=80),
    Preset.LIVER: Window(centre=60, width=160),
    Preset.MEDIASTINUM: Window(centre=50, width=350),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFrame:
    """A PNG of one frame at its own matrix; `pixel_spacing` (row, column) in mm, None if the header is silent."""

    png: bytes
    rows: int
    columns: int
    frames: int
    pixel_spacing: tuple[float, float] | None


def render(data: bytes | Path, *, frame: int = 1, window: Window | Preset | None = None) -> RenderedFrame:
    """Render frame `frame` (from 1, as DICOM counts); raises FrameRefused.

    Grey images go through modality LUT and window; `None` means the window stored in the file, for CT without one
    soft tissue, else `auto`. Colour images are shown as they are.
    """
    dataset = read_image(data)
    frames = int(dataset.get("NumberOfFrames") or 1)
    if not 1 <= frame <= frames:
        raise FrameRefused(f"This image has {frames} frames; frame {frame} is not one of them.")
    picture = _picture(dataset, frame, window)
    return RenderedFrame(
        png=_to_png(picture),
        rows=picture.shape[0],
        columns=picture.shape[1],
        frames=frames,
        pixel_spacing=_pixel_spacing(dataset, frame),
    )


def read_image(data: bytes | Path) -> Dataset:
    """Read a file whose claimed pixel size is sane and, if not compressed, wholly there; raises FrameRefused."""
    try:
        dataset = dcmread(io.BytesIO(data) if isinstance(data, bytes) else data)
        fault = _size_fault(dataset)
    except (*_UNREADABLE, RecursionError):
        raise FrameRefused("This file could not be read as a DICOM image.") from None
    if fault:
        raise FrameRefused(fault)
    return dataset


def _size_fault(dataset: Dataset) -> str:
    if not {"PixelData", "FloatPixelData", "DoubleFloatPixelData"} & {element.keyword for element in dataset}:
        return "This file holds no image."
    rows, columns, frames = int(dataset.Rows), int(dataset.Columns), int(dataset.get("NumberOfFrames") or 1)
    samples, bits = int(dataset.get("SamplesPerPixel") or 1), int(dataset.BitsAllocated)
    if min(rows, columns, frames, samples, bits) < 1 or rows * columns > _LARGEST_FRAME:
        return "The size this image claims is not possible, so it was not opened."
    needed = (rows * columns * frames * samples * bits + 7) // 8
    if needed > _LARGEST_IMAGE_BYTES:
        return "This image is larger than can be shown here."
    is_compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    if not is_compressed and _stored_bytes(dataset) < _stored_need(dataset, needed):
        return "Some of the pixels of this image are missing; the file was probably cut off on its way."
    return ""

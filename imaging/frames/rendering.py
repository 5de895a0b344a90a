"""One frame as a small picture for the screen."""

import io
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from imaging.frames.opening import UNREADABLE, FrameRefused, count_frames, read_image
from imaging.frames.shading import Pixels, Shades, by_rows, shade, shade_by_percentiles
from imaging.frames.windows import PRESETS, Preset, RenderedFrame, Window

_QUICK_COMPRESSION = 1
_BITS_SHOWN = 8
_SPACING_KEYWORDS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


def render(data: bytes | Path, *, frame: int = 1, window: Window | Preset | None = None) -> RenderedFrame:
    """Render frame `frame` (from 1, as DICOM counts); raises FrameRefused.

    Grey images go through modality LUT and window; None means the window stored in the file, else soft tissue
    for CT, else `auto`. Colour images are shown as they are.
    """
    dataset = read_image(data)
    frames = count_frames(dataset)
    if not 1 <= frame <= frames:
        raise FrameRefused(f"There is no frame {frame} in this image; it has {frames}.")
    try:
        picture, spacing = _picture(dataset, frame, window), _pixel_spacing(dataset, frame)
    except UNREADABLE:
        name = dataset.file_meta.TransferSyntaxUID.name
        raise FrameRefused(f"The pixels of this image could not be decoded (stored as {name}).") from None
    rows, columns = picture.shape[:2]
    return RenderedFrame(png=_to_png(picture), rows=rows, columns=columns, frames=frames, pixel_spacing=spacing)


def _picture(dataset: Dataset, frame: int, window: Window | Preset | None) -> Shades:
    stored = pixel_array(dataset, index=frame - 1)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return _to_8_bits(apply_color_lut(stored, dataset))
    if int(dataset.get("SamplesPerPixel") or 1) > 1:
        return _to_8_bits(stored, int(dataset.BitsStored))
    return _grey(stored, dataset, frame, window)


def _grey(stored: Pixels, dataset: Dataset, frame: int, window: Window | Preset | None) -> Shades:
    group = _group(dataset, frame, "PixelValueTransformationSequence")
    values = by_rows(lambda rows: apply_modality_lut(rows, group), stored)
    voi = _group(dataset, frame, "FrameVOILUTSequence")
    chosen = window or _usual_window(dataset, voi)
    if chosen is None:
        shades = shade_by_percentiles(apply_voi_lut(values, voi, prefer_lut=True))
    elif chosen == Preset.AUTO:
        shades = shade_by_percentiles(values)
    else:
        shades = shade(values, chosen if isinstance(chosen, Window) else PRESETS[chosen])
    is_inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    return ~shades if is_inverted else shades


def _usual_window(dataset: Dataset, voi: Dataset) -> Window | Preset | None:
    """Give the stored window; None where the file brings a VOI table instead."""
    centre, width = _first(voi.get("WindowCenter")), _first(voi.get("WindowWidth"))
    if centre is not None and width is not None and width >= 1:
        return Window(centre=centre, width=width)
    if voi.get("VOILUTSequence"):
        return None
    return Preset.SOFT_TISSUE if dataset.get("Modality") == "CT" else Preset.AUTO


def _first(value: Any) -> float | None:
    if value is None:
        return None
    values = list(value) if isinstance(value, MultiValue) else [value]
    return float(values[0]) if values else None


def _group(dataset: Dataset, frame: int, name: str) -> Dataset:
    """Give the functional group of an enhanced frame (PS3.3 C.7.6.16), else the data set itself."""
    for keyword, index in (
        ("PerFrameFunctionalGroupsSequence", frame - 1),
        ("SharedFunctionalGroupsSequence", 0),
    ):
        groups = dataset.get(keyword)
        if groups and len(groups) > index and groups[index].get(name):
            return cast("Dataset", groups[index][name].value[0])
    return dataset


def _pixel_spacing(dataset: Dataset, frame: int) -> tuple[float, float] | None:
    measures = _group(dataset, frame, "PixelMeasuresSequence")
    for keyword in _SPACING_KEYWORDS:
        value = measures.get(keyword)
        if value:
            row, column = (float(length) for length in value)
            return row, column
    return None


def _to_8_bits(colours: Pixels, bits: int | None = None) -> Shades:
    depth = bits or colours.dtype.itemsize * _BITS_SHOWN
    return cast("Shades", (colours >> max(depth - _BITS_SHOWN, 0)).astype(np.uint8))


def _to_png(picture: Shades) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", compress_level=_QUICK_COMPRESSION)
    return file.getvalue()

"""Windows: how measured values become shades of grey."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.frames.opening import FrameRefused

Pixels = npt.NDArray[Any]
Shades = npt.NDArray[np.uint8]

_WHITE = 255.0
_PERCENTILES = (1.0, 99.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Centre and width in rescaled units (HU for CT), linear by PS3.3 C.11.2.1.2.1; width at least 1."""

    centre: float
    width: float

    def __post_init__(self) -> None:
        if not (isfinite(self.centre) and isfinite(self.width) and self.width >= 1):
            raise FrameRefused("A window needs a centre and a width of at least 1.")


class Preset(StrEnum):
    """Names of the usual CT windows; `auto` spreads the 1st to 99.5th percentile of the frame."""

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


def shade(values: Pixels, window: Window) -> Shades:
    """Map values to 0...255 with the linear VOI function, which reaches both ends half a unit inside."""
    low = window.centre - 0.5 - (window.width - 1) / 2
    return _spread(values, low, max(window.width - 1, 1e-6))


def shade_by_percentiles(values: Pixels) -> Shades:
    """Map the 1st to 99.5th percentile of the finite values to 0...255, for images without fixed units."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(finite, _PERCENTILES)
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    return _spread(values, low, max(high - low, 1e-6))


def _spread(values: Pixels, low: float, width: float) -> Shades:
    scaled = (np.nan_to_num(values, posinf=0.0, neginf=0.0).astype(np.float32) - low) * (_WHITE / width)
    return np.asarray(np.clip(np.rint(scaled), 0, _WHITE).astype(np.uint8))

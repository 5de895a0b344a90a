"""How measured values become shades of grey."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.frames.windows import Window

Pixels = npt.NDArray[Any]
Shades = npt.NDArray[np.uint8]

_WHITE = 255.0
_PERCENTILES = (1.0, 99.5)
# What is computed beside a large image is held for so many rows at a time.
_ROWS = 256


def shade(values: Pixels, window: Window) -> Shades:
    """Map values to 0...255 with the linear VOI function, which reaches both ends half a unit inside."""
    low = window.centre - 0.5 - (window.width - 1) / 2
    return _spread(values, low, max(window.width - 1, 1e-6))


def shade_by_percentiles(values: Pixels) -> Shades:
    """Map the 1st to 99.5th percentile of the finite values to 0...255, for images without fixed units."""
    is_finite = np.isfinite(values)
    finite = values if is_finite.all() else values[is_finite]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(finite, _PERCENTILES)
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    return _spread(values, low, max(high - low, 1e-6))


def _spread(values: Pixels, low: float, width: float) -> Shades:
    def spread(rows: Pixels) -> Pixels:
        scaled = (np.nan_to_num(rows, posinf=0.0, neginf=0.0).astype(np.float32) - low) * (_WHITE / width)
        return np.asarray(np.clip(np.rint(scaled), 0, _WHITE).astype(np.uint8))

    return by_rows(spread, values)


def by_rows(change: Callable[[Pixels], Pixels], values: Pixels) -> Pixels:
    """Return what `change` makes of all rows, some at a time; double precision becomes single."""
    first = change(values[:_ROWS])
    made = np.empty((len(values), *first.shape[1:]), np.float32 if first.dtype == np.float64 else first.dtype)
    made[:_ROWS] = first
    for start in range(_ROWS, len(values), _ROWS):
        made[start : start + _ROWS] = change(values[start : start + _ROWS])
    return made

"""Grey levels from intensities, done here so that every lesion counts its bins from the same edge."""

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from endpoints.measure.errors import RadiomicsError
from endpoints.measure.geometry import Floats, Mask
from endpoints.measure.settings import MAX_BINS, Settings

Levels = npt.NDArray[np.int64]


def resegment(image: npt.NDArray[Any], mask: Mask, settings: Settings) -> Mask:
    """Return the part of the mask whose intensities lie in the range, ends included (IBSI section 2.5)."""
    kept = mask
    if settings.range_low is not None:
        kept = kept & (image >= float(settings.range_low))
    if settings.range_high is not None:
        kept = kept & (image <= float(settings.range_high))
    if not kept.any():
        raise RadiomicsError("No voxel of the lesion lies in the intensity range, so there are no features.")
    return kept


def discretise(values: Floats, settings: Settings) -> Levels:
    """Return the grey level of each intensity, from 1 (IBSI section 2.7: fixed bin size or fixed bin number).

    Raises RadiomicsError for an intensity below the first bin or more than 1024 levels.
    """
    if settings.bin_count is not None:
        return _count_bins(values, settings.bin_count)
    levels = np.floor((values - _number(settings.bin_anchor)) / _number(settings.bin_width)).astype(np.int64) + 1
    if levels.min() < 1:
        raise RadiomicsError(
            "Some intensities of the lesion lie below the first bin. Lower the bin anchor or set a range."
        )
    if levels.max() > MAX_BINS:
        raise RadiomicsError(f"The intensities spread over more than {MAX_BINS} bins. Widen the bins.")
    return levels


def _count_bins(values: Floats, count: int) -> Levels:
    low, high = values.min(), values.max()
    if low == high:
        return np.ones(values.shape, dtype=np.int64)
    levels: Levels = np.floor(count * (values - low) / (high - low)).astype(np.int64) + 1
    return np.minimum(levels, count)


def _number(value: Decimal | None) -> float:
    return float(value or 0)

"""The volume and centre of a segmented lesion."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from endpoints.measure.geometry import Grid, Mask, find_box
from endpoints.measure.itk import itk

TENTH_MM3 = Decimal("0.1")
THOUSANDTH_ML = Decimal("0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Voxels times voxel volume; the centroid is the mean of the voxel centres in LPS mm."""

    voxels: int
    volume_mm3: Decimal
    volume_ml: Decimal
    centroid_mm: tuple[float, float, float]


def measure_volume(mask: Mask, grid: Grid) -> Volume:
    """Measure a boolean (slice, row, column) mask: mm3 to 0.1, mL to 0.001, ties to the even digit.

    Raises MeasureError when nothing is marked. This is IBSI's approximate volume (counted voxels).
    """
    box = find_box(mask)
    first = (box[0].start, box[1].start, box[2].start)
    statistics = itk.LabelShapeStatisticsImageFilter()
    # The Feret diameter takes seconds on a large lesion, and diameters.py gives the one that counts.
    statistics.ComputeFeretDiameterOff()
    statistics.ComputePerimeterOff()
    statistics.Execute(grid.shift(first).to_image(mask[box].astype(np.uint8)))
    voxels = int(statistics.GetNumberOfPixels(1))
    x, y, z = statistics.GetCentroid(1)
    mm3 = voxels * _exact(grid.slice_mm) * _exact(grid.row_mm) * _exact(grid.column_mm)
    return Volume(
        voxels=voxels,
        volume_mm3=mm3.quantize(TENTH_MM3, rounding=ROUND_HALF_EVEN),
        volume_ml=(mm3 / 1000).quantize(THOUSANDTH_ML, rounding=ROUND_HALF_EVEN),
        centroid_mm=(float(x), float(y), float(z)),
    )


def _exact(spacing: float) -> Decimal:
    """Return the spacing as it was written, 0.7 and not its nearest binary number."""
    return Decimal(repr(spacing))

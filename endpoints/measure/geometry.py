"""Where pixels and voxels lie, in one convention for every measurement.

Image points are (row, column) with (0, 0) at the outer corner of the first pixel and (0.5, 0.5) at its
centre, as in DICOM SCOORD (PS3.3 C.18.6.1.1). Volumes are arrays (slice, row, column); space is the
patient's LPS in mm.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from endpoints.measure.errors import MeasureError
from endpoints.measure.itk import itk

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
_PERPENDICULAR = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelPoint:
    """A point of one image in pixels, from the outer corner of the first pixel."""

    row: float
    column: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSpacing:
    """Distance in mm between rows and between columns, the order of DICOM Pixel Spacing (0028,0030)."""

    row_mm: Decimal
    column_mm: Decimal

    def __post_init__(self) -> None:
        if not all(isinstance(value, Decimal) and value > 0 for value in (self.row_mm, self.column_mm)):
            raise MeasureError("The pixel spacing must be two decimals above zero, so nothing can be measured.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The grid of a volume: spacings in mm, centre of the first voxel, unit vector (x, y, z) of each axis."""

    slice_mm: float
    row_mm: float
    column_mm: float
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slice_axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    row_axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    column_axis: tuple[float, float, float] = (1.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        axes = np.array([self.slice_axis, self.row_axis, self.column_axis])
        if not np.allclose(axes @ axes.T, np.eye(3), atol=_PERPENDICULAR):
            raise MeasureError("The axes of the volume are not perpendicular; a tilted scan must be straightened.")
        if not min(self.spacing_mm) > 0 or not np.isfinite(self.spacing_mm).all():
            raise MeasureError("The voxel spacing is not above zero, so nothing is measured.")

    @classmethod
    def from_affine(cls, affine: Floats) -> Self:
        """Read a 4x4 matrix from (slice, row, column) indices to LPS mm, as highdicom gives it."""
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise MeasureError("The affine matrix of the volume is not a 4 x 4 matrix of numbers.")
        columns = affine[:3, :3].T
        lengths = np.linalg.norm(columns, axis=1)
        if not lengths.all():
            raise MeasureError("The voxel spacing is not above zero, so nothing is measured.")
        slices, rows, cols = (_vector(axis / length) for axis, length in zip(columns, lengths, strict=True))
        return cls(
            slice_mm=float(lengths[0]),
            row_mm=float(lengths[1]),
            column_mm=float(lengths[2]),
            origin_mm=_vector(affine[:3, 3]),
            slice_axis=slices,
            row_axis=rows,
            column_axis=cols,
        )

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Return the spacing in the order of the array: slice, row, column."""
        return self.slice_mm, self.row_mm, self.column_mm

    def to_image(self, array: npt.NDArray[np.generic]) -> Any:
        """Return `array` as a SimpleITK image on this grid; ITK counts column, row, slice."""
        image = itk.GetImageFromArray(array)
        image.SetSpacing(self.spacing_mm[::-1])
        image.SetOrigin(self.origin_mm)
        axes = np.array([self.column_axis, self.row_axis, self.slice_axis])
        image.SetDirection(axes.T.ravel().tolist())
        return image

    def shift(self, first: tuple[int, int, int]) -> Self:
        """Return the grid that starts at array index `first` of this one."""
        steps = np.array([self.slice_axis, self.row_axis, self.column_axis]) * np.array(self.spacing_mm)[:, None]
        origin = np.array(self.origin_mm) + np.array(first) @ steps
        return type(self)(
            slice_mm=self.slice_mm,
            row_mm=self.row_mm,
            column_mm=self.column_mm,
            origin_mm=_vector(origin),
            slice_axis=self.slice_axis,
            row_axis=self.row_axis,
            column_axis=self.column_axis,
        )


def find_box(mask: Mask) -> tuple[slice, slice, slice]:
    """Return the smallest box of a (slice, row, column) mask; raises MeasureError when nothing is marked."""
    if mask.ndim != 3 or mask.dtype != np.bool_:  # noqa: PLR2004  a volume has three axes
        raise MeasureError("A mask is a volume of true and false.")
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    if not slices.size:
        raise MeasureError("Nothing is marked in this segmentation, so it cannot be measured.")
    first, last = int(slices[0]), int(slices[-1]) + 1
    flat: Mask = np.logical_or.reduce(mask[first:last], axis=0)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    return (
        slice(first, last),
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )


def _vector(values: Floats) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])

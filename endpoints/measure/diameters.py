"""The diameters RECIST reads from a contour: longest in an axial slice, and longest perpendicular to it."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from scipy.spatial import ConvexHull

from endpoints.measure.geometry import Floats, Mask, PixelPoint, PixelSpacing, find_box
from endpoints.measure.lengths import measure_length

_ROUNDING_MM = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Diameter:
    """A straight line in one slice: its length to 0.1 mm and its end points in pixels."""

    length_mm: Decimal
    start: PixelPoint
    end: PixelPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class AxialDiameters:
    """The longest in-plane diameter, its slice (index from 0), and the longest perpendicular to it there."""

    slice_index: int
    longest: Diameter
    perpendicular: Diameter


def measure_diameters(mask: Mask, spacing: PixelSpacing) -> AxialDiameters:
    """Measure a boolean (slice, row, column) mask edge to edge, that is between outer pixel corners.

    Equal to comparing all pixel corners of every slice (RECIST 1.1 section 4.3.1: longest diameter in the
    plane of measurement). The perpendicular is the longest chord of the slice's convex outline at right
    angles to that diameter, the short axis of a node. The first slice wins a tie.
    Raises MeasureError if nothing is marked.
    """
    box = find_box(mask)
    scale = np.array([float(spacing.row_mm), float(spacing.column_mm)])
    corner = np.array([box[1].start, box[2].start], dtype=float)
    best = _find_longest(mask[box], scale)
    ends = _order(best.corners[list(best.pair)])
    chord = _find_perpendicular(best.corners * scale, ends * scale) / scale
    return AxialDiameters(
        slice_index=best.index + box[0].start,
        longest=_describe(ends + corner, spacing),
        perpendicular=_describe(_order(chord) + corner, spacing),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Longest:
    index: int
    squared_mm: float
    corners: Floats
    pair: tuple[int, int]


def _find_longest(mask: Mask, scale: Floats) -> _Longest:
    """Take the slices from the largest bounding box down and stop where no box is longer than the best."""
    bounds = _bound(mask, scale)
    order = [int(index) for index in np.argsort(-bounds, kind="stable")]
    best = _measure_slice(mask[order[0]], order[0], scale)
    for index in order[1:]:
        if bounds[index] < best.squared_mm:
            break
        found = _measure_slice(mask[index], index, scale)
        best = max(best, found, key=lambda longest: (longest.squared_mm, -longest.index))
    return best


def _bound(mask: Mask, scale: Floats) -> Floats:
    """Return the squared diagonal of each slice's box in mm2, -1 for an empty slice."""
    extents = [_extent(np.logical_or.reduce(mask, axis=axis)) for axis in (2, 1)]
    squared: Floats = (extents[0] * scale[0]) ** 2 + (extents[1] * scale[1]) ** 2
    # A hair of slack, so that rounding never hides an equal slice.
    return np.where(extents[0] > 0, squared * (1 + 1e-12), -1.0)


def _extent(marks: Mask) -> Floats:
    length = marks.shape[1]
    extent = length - marks[:, ::-1].argmax(axis=1) - marks.argmax(axis=1)
    return np.where(marks.any(axis=1), extent, 0).astype(float)


def _measure_slice(plane: Mask, index: int, scale: Floats) -> _Longest:
    corners = _outline(plane)
    # Whole pixels are subtracted first, so that equal slices measure equal wherever they lie.
    rows, columns = (np.subtract.outer(axis, axis) * step for axis, step in zip(corners.T, scale, strict=True))
    squared = rows * rows + columns * columns
    first, second = np.unravel_index(squared.argmax(), squared.shape)
    return _Longest(
        index=index,
        squared_mm=float(squared[first, second]),
        corners=corners,
        pair=(int(first), int(second)),
    )


def _outline(plane: Mask) -> Floats:
    """Return the pixel corners on the convex outline, in pixels and in order around it."""
    rows = np.flatnonzero(plane.any(axis=1))
    left = plane[rows].argmax(axis=1)
    right = plane.shape[1] - plane[rows][:, ::-1].argmax(axis=1)
    # Only the outermost pixel of a row can be extreme: two corners left and two right.
    corners = np.column_stack(
        [np.tile(np.concatenate([rows, rows + 1]), 2), np.concatenate([left, left, right, right])]
    )
    outline: Floats = corners[ConvexHull(corners).vertices].astype(float)
    return outline


def _find_perpendicular(outline: Floats, ends: Floats) -> Floats:
    """Return both ends of the longest chord at right angles to `ends`, all in mm.

    A chord of a convex outline is longest through one of its corners, so only those are tried.
    """
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    across = np.array([-along[1], along[0]])
    position, height = outline @ along, outline @ across
    upper, lower = _edges(position, height), _edges(position, -height)
    width = upper + lower
    widest = int(width.argmax())
    tops = np.array([upper[widest], -lower[widest]])
    chord: Floats = position[widest] * along + tops[:, None] * across
    return chord


def _edges(position: Floats, height: Floats) -> Floats:
    """Return the height of the upper edge of a convex outline at each of its own positions."""
    order = np.lexsort((height, position))
    steps, tops = position[order], height[order]
    start, end = (steps[0], tops[steps == steps[0]].max()), (steps[-1], tops[-1])
    line = start[1] + (end[1] - start[1]) * (steps - start[0]) / (end[0] - start[0])
    above = tops >= line - _ROUNDING_MM
    edge: Floats = np.interp(position, steps[above], tops[above])
    return edge


def _order(points: Floats) -> Floats:
    """Put the upper, then left point first, so that the same mask always gives the same line."""
    ordered: Floats = points[np.lexsort((points[:, 1], points[:, 0]))]
    return ordered


def _describe(points: Floats, spacing: PixelSpacing) -> Diameter:
    start, end = (PixelPoint(row=float(row), column=float(column)) for row, column in points)
    return Diameter(length_mm=measure_length(start, end, spacing), start=start, end=end)

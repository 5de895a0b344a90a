"""Longest axial diameter and its perpendicular, against every pair of pixel corners."""

from decimal import Decimal
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from endpoints.measure.diameters import Diameter, measure_diameters
from endpoints.measure.errors import MeasureError
from endpoints.measure.geometry import Floats, Mask, PixelSpacing

ISOTROPIC = PixelSpacing(row_mm=Decimal(1), column_mm=Decimal(1))
OBLONG = PixelSpacing(row_mm=Decimal("0.7"), column_mm=Decimal("1.3"))
SCALE = np.array([0.7, 1.3])


def corners_of(plane: Mask) -> Floats:
    found = {
        (row + down, column + right)
        for row, column in zip(*np.nonzero(plane), strict=True)
        for down in (0, 1)
        for right in (0, 1)
    }
    return np.asarray(np.array(sorted(found), dtype=float) * SCALE)


def brute_longest(mask: Mask) -> float:
    lengths = [0.0]
    for plane in mask:
        if plane.any():
            points = corners_of(plane)
            lengths.append(float(np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2)).max()))
    return max(lengths)


def brute_perpendicular(plane: Mask, along: Floats) -> float:
    """Cut every segment between two corners with the line through each corner; no outline is built."""
    points = corners_of(plane)
    across = np.array([-along[1], along[0]])
    position, height = points @ along, points @ across
    best = 0.0
    for line in position:
        cuts = [h for p, h in zip(position, height, strict=True) if abs(p - line) < 1e-9]
        for a, b in combinations(range(len(points)), 2):
            span = position[b] - position[a]
            if abs(span) > 1e-9 and 0 <= (share := (line - position[a]) / span) <= 1:
                cuts.append(height[a] + share * (height[b] - height[a]))
        best = max(best, max(cuts) - min(cuts))
    return best


def vector(diameter: Diameter) -> Floats:
    return SCALE * [
        diameter.end.row - diameter.start.row,
        diameter.end.column - diameter.start.column,
    ]


masks = arrays(np.bool_, st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))).filter(np.any)
small_masks = arrays(np.bool_, st.tuples(st.just(1), st.integers(1, 4), st.integers(1, 4))).filter(np.any)


@pytest.mark.req("R-MEAS-02")
@given(masks)
def test_the_longest_diameter_equals_the_brute_force_over_all_pixel_corners(mask: Mask) -> None:
    found = measure_diameters(mask, OBLONG)
    assert float(np.linalg.norm(vector(found.longest))) == pytest.approx(brute_longest(mask), abs=1e-9)
    assert abs(float(found.longest.length_mm) - brute_longest(mask)) <= 0.05 + 1e-9
    assert brute_longest(mask[found.slice_index][None]) == pytest.approx(brute_longest(mask), abs=1e-9)


@pytest.mark.req("R-MEAS-03")
@given(small_masks)
def test_the_perpendicular_equals_the_brute_force_over_all_segments(mask: Mask) -> None:
    found = measure_diameters(mask, OBLONG)
    long, short = vector(found.longest), vector(found.perpendicular)
    assert abs(long @ short) < 1e-6
    length = float(np.linalg.norm(short))
    assert length == pytest.approx(brute_perpendicular(mask[0], long / np.linalg.norm(long)), abs=1e-6)
    assert length <= float(np.linalg.norm(long)) + 1e-9


@pytest.mark.req("R-MEAS-02")
def test_diameters_run_from_edge_to_edge_and_name_their_slice_and_points() -> None:
    mask = np.zeros((4, 30, 30), dtype=bool)
    mask[1, 10, 5:8] = True
    mask[2, 10, 5:15] = True
    found = measure_diameters(mask, ISOTROPIC)
    assert found.slice_index == 2
    assert found.longest.length_mm == Decimal("10.0")
    assert (found.longest.start.row, found.longest.start.column) == (10.0, 5.0)
    assert (found.longest.end.row, found.longest.end.column) == (11.0, 15.0)


@pytest.mark.req("R-MEAS-02")
def test_the_first_of_equal_slices_is_named() -> None:
    mask = np.zeros((6, 20, 20), dtype=bool)
    mask[2:5, 3:9, 4:12] = True
    assert measure_diameters(mask, OBLONG).slice_index == 2


def ball(radius: float, spacing: tuple[float, float, float]) -> Mask:
    reach = [int(np.ceil(radius / step)) + 1 for step in spacing]
    axes = np.meshgrid(*(np.arange(-n, n + 1) * s for n, s in zip(reach, spacing, strict=True)), indexing="ij")
    return np.asarray(axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2 <= radius**2)


@pytest.mark.req("R-MEAS-02")
@pytest.mark.parametrize("radius", [10.0, 15.0, 30.0])
def test_both_diameters_of_a_ball_are_within_one_pixel_diagonal_of_the_truth(radius: float) -> None:
    pixels = PixelSpacing(row_mm=Decimal("0.75"), column_mm=Decimal("0.75"))
    found = measure_diameters(ball(radius, (1.25, 0.75, 0.75)), pixels)
    for diameter in (found.longest, found.perpendicular):
        assert abs(float(diameter.length_mm) - 2 * radius) <= 0.75 * np.sqrt(2) + 0.05


@pytest.mark.req("R-MEAS-02")
def test_an_empty_mask_has_no_diameter() -> None:
    with pytest.raises(MeasureError, match="Nothing is marked"):
        measure_diameters(np.zeros((2, 3, 3), dtype=bool), ISOTROPIC)

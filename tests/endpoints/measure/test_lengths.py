"""Lines drawn on an image and the grid they lie on."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoints.measure.errors import MeasureError
from endpoints.measure.geometry import Grid, PixelPoint, PixelSpacing, find_box
from endpoints.measure.lengths import measure_length


def spacing(row: str, column: str) -> PixelSpacing:
    return PixelSpacing(row_mm=Decimal(row), column_mm=Decimal(column))


def point(row: float, column: float) -> PixelPoint:
    return PixelPoint(row=row, column=column)


@pytest.mark.req("R-MEAS-01")
@pytest.mark.parametrize(
    ("end", "grid", "expected"),
    [
        (point(0, 50), spacing("1.3", "0.7"), "35.0"),
        (point(50, 0), spacing("0.7", "1.3"), "35.0"),
        (point(30, 40), spacing("1", "1"), "50.0"),
        (point(30, 40), spacing("0.5", "2"), "81.4"),
        (point(0, 0), spacing("1", "1"), "0.0"),
        (point(0, 0.25), spacing("1", "1"), "0.2"),
        (point(0, 0.35), spacing("1", "1"), "0.4"),
        (point(0, 1.25), spacing("1", "0.2"), "0.2"),
    ],
)
def test_a_line_has_the_length_of_its_geometry(end: PixelPoint, grid: PixelSpacing, expected: str) -> None:
    assert measure_length(point(0, 0), end, grid) == Decimal(expected)


coordinates = st.floats(min_value=0, max_value=512, allow_nan=False)


@pytest.mark.req("R-MEAS-01")
@given(coordinates, coordinates, coordinates, coordinates)
def test_a_line_has_one_length_from_either_end_and_agrees_with_plain_geometry(
    row: float, column: float, other_row: float, other_column: float
) -> None:
    start, end, grid = point(row, column), point(other_row, other_column), spacing("0.75", "1.25")
    length = measure_length(start, end, grid)
    assert length == measure_length(end, start, grid)
    plain = np.hypot((row - other_row) * 0.75, (column - other_column) * 1.25)
    assert abs(float(length) - plain) <= 0.05 + 1e-9


@pytest.mark.req("R-MEAS-01")
def test_a_spacing_that_is_not_above_zero_is_refused() -> None:
    with pytest.raises(MeasureError, match="above zero"):
        spacing("0", "1")
    with pytest.raises(MeasureError, match="above zero"):
        Grid(slice_mm=1, row_mm=float("nan"), column_mm=1)


@pytest.mark.req("R-MEAS-05")
def test_an_affine_matrix_gives_spacing_axes_and_origin() -> None:
    affine = np.array([[0, 0, 0.7, -10], [0, 0.8, 0, -20], [-2.5, 0, 0, 30], [0, 0, 0, 1]], dtype=float)
    grid = Grid.from_affine(affine)
    assert grid.spacing_mm == (2.5, 0.8, 0.7)
    assert grid.slice_axis == (0.0, 0.0, -1.0)
    image = grid.to_image(np.zeros((4, 5, 6), dtype=np.uint8))
    at = affine @ np.array([3, 2, 1, 1])
    assert np.allclose(image.TransformIndexToPhysicalPoint((1, 2, 3)), at[:3])
    assert np.allclose(grid.shift((3, 2, 1)).origin_mm, at[:3])


@pytest.mark.req("R-MEAS-05")
def test_a_tilted_or_broken_grid_is_refused() -> None:
    tilted = np.eye(4)
    tilted[1, 0] = 0.3
    with pytest.raises(MeasureError, match="tilted"):
        Grid.from_affine(tilted)
    for broken in (np.eye(3), np.diag([0.0, 1, 1, 1]), np.full((4, 4), np.nan)):
        with pytest.raises(MeasureError):
            Grid.from_affine(broken)


@pytest.mark.req("R-MEAS-05")
def test_an_empty_mask_is_refused_and_a_box_is_the_smallest() -> None:
    mask = np.zeros((5, 6, 7), dtype=bool)
    with pytest.raises(MeasureError, match="Nothing is marked"):
        find_box(mask)
    with pytest.raises(MeasureError, match="true and false"):
        find_box(mask.astype(np.uint8))
    mask[1, 2, 3] = mask[3, 4, 3] = True
    assert find_box(mask) == (slice(1, 4), slice(2, 5), slice(3, 4))

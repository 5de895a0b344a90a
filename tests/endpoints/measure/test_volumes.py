"""Volume and centre of segmented balls whose truth is known."""

from decimal import Decimal

import numpy as np
import pytest

from endpoints.measure.errors import MeasureError
from endpoints.measure.geometry import Grid, Mask
from endpoints.measure.volumes import measure_volume


def ball(radius: float, centre: tuple[float, float, float], grid: Grid) -> Mask:
    """A voxel belongs to the ball when its centre does; `centre` in mm from the first voxel."""
    shape = [int(np.ceil((middle + radius) / step)) + 2 for middle, step in zip(centre, grid.spacing_mm, strict=True)]
    axes = np.meshgrid(
        *(np.arange(count) * step - middle for count, step, middle in zip(shape, grid.spacing_mm, centre, strict=True)),
        indexing="ij",
    )
    return np.asarray(axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2 <= radius**2)


@pytest.mark.req("R-MEAS-06")
@pytest.mark.parametrize("radius", [10.0, 12.5, 17.3, 25.0, 40.0])
@pytest.mark.parametrize("offset", [(0.0, 0.0, 0.0), (0.5, 0.25, 0.37), (0.13, 0.5, 0.5)])
@pytest.mark.parametrize("pixel", [(1.0, 1.0), (0.7, 0.7), (0.75, 0.9)])
def test_balls_from_10_mm_radius_at_1_mm_slices_are_within_2_percent(
    radius: float, offset: tuple[float, float, float], pixel: tuple[float, float]
) -> None:
    grid = Grid(slice_mm=1.0, row_mm=pixel[0], column_mm=pixel[1])
    centre = (radius + 2 + offset[0], radius + 2 + offset[1], radius + 2 + offset[2])
    found = measure_volume(ball(radius, centre, grid), grid)
    truth = 4 / 3 * np.pi * radius**3
    assert abs(float(found.volume_mm3) - truth) / truth <= 0.02
    assert np.allclose(found.centroid_mm, centre[::-1], atol=0.1)


@pytest.mark.req("R-MEAS-06")
def test_a_volume_is_voxels_times_voxel_volume_in_decimals() -> None:
    mask = np.zeros((5, 6, 7), dtype=bool)
    mask[1:3, 2:5, 3:6] = True
    found = measure_volume(mask, Grid(slice_mm=2.5, row_mm=0.7, column_mm=0.7))
    assert found.voxels == 18
    assert (found.volume_mm3, found.volume_ml) == (Decimal("22.0"), Decimal("0.022"))


@pytest.mark.req("R-MEAS-06")
def test_the_centroid_is_given_in_patient_space() -> None:
    affine = np.array([[0, 0, 0.7, -10], [0, 0.8, 0, -20], [-2.5, 0, 0, 30], [0, 0, 0, 1]], dtype=float)
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[2:5, 1:4, 3:8] = True
    expected = affine @ np.array([3, 2, 5, 1])
    assert np.allclose(measure_volume(mask, Grid.from_affine(affine)).centroid_mm, expected[:3])


@pytest.mark.req("R-MEAS-06")
def test_an_empty_mask_has_no_volume() -> None:
    with pytest.raises(MeasureError, match="Nothing is marked"):
        measure_volume(np.zeros((2, 2, 2), dtype=bool), Grid(slice_mm=1, row_mm=1, column_mm=1))

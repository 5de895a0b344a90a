"""Diameters against every pair of edge corners, radiomics against pyradiomics by itself: `-m benchmarks.measure`."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK
from radiomics import setVerbosity
from radiomics.featureextractor import RadiomicsFeatureExtractor
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import pdist

from benchmarks.stopwatch import Rival, compare
from endpoints.measure.diameters import measure_diameters
from endpoints.measure.geometry import Floats, Grid, Mask, PixelSpacing
from endpoints.measure.radiomics import extract
from endpoints.measure.settings import Settings

PIXELS = PixelSpacing(row_mm=Decimal("0.75"), column_mm=Decimal("0.75"))
GRID = Grid(slice_mm=1.25, row_mm=0.75, column_mm=0.75)
SETTINGS = Settings(bin_width=Decimal(25), bin_anchor=Decimal(-1000))
CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "ngtdm", "gldm")
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
SERIES = (200, 512, 512)


def ellipsoid(radius_mm: float) -> Mask:
    """Mark a slightly flattened ball, (slices, rows, columns), with a margin of one voxel."""
    lines = (np.arange(-reach, reach + 1) * step for step, reach in _reaches(radius_mm))
    z, y, x = np.meshgrid(*lines, indexing="ij", sparse=True)
    return np.asarray((z / 1.1) ** 2 + y**2 + (x / 0.9) ** 2 <= radius_mm**2)


def _reaches(radius_mm: float) -> list[tuple[float, int]]:
    return [(step, int(1.1 * radius_mm / step) + 2) for step in GRID.spacing_mm]


def in_series(part: Mask) -> Mask:
    """Lay a lesion into an empty series of 200 slices of 512 x 512."""
    whole = np.zeros(SERIES, dtype=bool)
    whole[place_of(part)] = part
    return whole


def place_of(part: Mask) -> tuple[slice, ...]:
    return tuple(slice(40, 40 + length) for length in part.shape)


def longest_by_pairs(mask: Mask) -> float:
    """Return the longest axial diameter, mm, from all pairs of corners of edge pixels; no perpendicular."""
    return max(float(pdist(_edge_corners(plane)).max()) for plane in mask if plane.any())


def _edge_corners(plane: Mask) -> Floats:
    edge = np.argwhere(plane & ~binary_erosion(plane))
    return np.unique((edge[:, None, :] + np.array(CORNERS)).reshape(-1, 2), axis=0) * 0.75


def to_itk(voxels: npt.NDArray[Any]) -> Any:
    made: Any = SimpleITK.GetImageFromArray(voxels)  # its calls are not typed
    made.SetSpacing(GRID.spacing_mm[::-1])
    return made


def by_pyradiomics(image: Floats, mask: Mask) -> Callable[[], object]:
    """Return the run of pyradiomics' own extractor, all classes, the same bin width; it crops to the lesion."""
    extractor = RadiomicsFeatureExtractor(binWidth=25, additionalInfo=False)
    extractor.disableAllFeatures()
    for name in CLASSES:
        extractor.enableFeatureClassByName(name)
    volume, marks = to_itk(image), to_itk(mask.astype(np.uint8))
    return lambda: extractor.execute(volume, marks)


def compare_diameters(name: str, part: Mask) -> None:
    mask = in_series(part)
    compare(
        f"both diameters of a {name} of {len(part)} slices in {SERIES}",
        lambda: measure_diameters(mask, PIXELS),
        Rival("numpy counting the marked voxels (floor)", lambda: np.count_nonzero(mask)),
        Rival("all pairs of edge corners, longest only", lambda: longest_by_pairs(mask)),
    )


def compare_radiomics(radius_mm: float, *, turns: int) -> None:
    part = ellipsoid(radius_mm)
    mask, series = in_series(part), np.zeros(SERIES)
    image = np.random.default_rng(7).normal(40, 60, size=part.shape)
    series[place_of(part)] = image
    compare(
        f"radiomics of a lesion of {2 * radius_mm:.0f} mm, {int(part.sum())} voxels, in {SERIES}",
        lambda: extract(series, mask, GRID, SETTINGS),
        Rival("pyradiomics, given the cropped lesion", by_pyradiomics(image, part)),
        Rival("pyradiomics, given the series", by_pyradiomics(series, mask)),
        turns=turns,
    )


if __name__ == "__main__":
    setVerbosity(60)
    ball = ellipsoid(57.0)
    compare_diameters("ball", ball)
    compare_diameters("column", np.repeat(ball[len(ball) // 2][None], len(ball), axis=0))
    compare_radiomics(15.0, turns=3)
    compare_radiomics(55.0, turns=1)

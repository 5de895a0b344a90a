"""An invented chest in Hounsfield units: ellipses and ellipsoids of tissue, lesions and repeatable noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from config.demo.lesions import Lesion, Organ, Vector

AIR_HU = -1000
_BODY = ((0.0, 0.0), (132.0, 98.0), 40)
_LUNGS = (((-62.0, 0.0), (46.0, 66.0), -850), ((62.0, 0.0), (46.0, 66.0), -850))
_SPINE = ((0.0, 66.0), (18.0, 18.0), 400)
_TRACHEA = ((0.0, -8.0), (8.0, 8.0), AIR_HU)
_LIVER = Lesion(label="", organ=Organ.LIVER, centre=(-60.0, 0.0, -70.0), semi_axes=(46.0, 66.0, 75.0), hu=60)
_HEART = Lesion(label="", organ=Organ.LIVER, centre=(18.0, -30.0, -30.0), semi_axes=(38.0, 32.0, 30.0), hu=45)

Hounsfield = npt.NDArray[np.int16]
Centres = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Voxel centres of an axial scan, centred on the origin: counts and distances in mm."""

    columns: int = 192
    rows: int = 160
    slices: int = 100
    pixel_spacing: float = 1.5
    slice_spacing: float = 1.0

    @property
    def first_centre(self) -> Vector:
        """LPS mm of the first voxel: right, front, foot end."""
        x, y, z = (
            -(count - 1) / 2 * spacing
            for count, spacing in (
                (self.columns, self.pixel_spacing),
                (self.rows, self.pixel_spacing),
                (self.slices, self.slice_spacing),
            )
        )
        return x, y, z

    @property
    def axes(self) -> tuple[Centres, Centres, Centres]:
        """Centres along x, y and z, shaped to broadcast to (slices, rows, columns)."""
        x, y, z = self.first_centre
        return (
            (x + self.pixel_spacing * np.arange(self.columns))[None, None, :],
            (y + self.pixel_spacing * np.arange(self.rows))[None, :, None],
            (z + self.slice_spacing * np.arange(self.slices))[:, None, None],
        )


def draw_thorax(*, grid: Grid, lesions: tuple[Lesion, ...], noise_hu: float, seed: int) -> Hounsfield:
    """Draw (slices, rows, columns) in HU; lesions last, so that their voxels are exactly theirs."""
    x, y, z = grid.axes
    chest = np.full((grid.slices, grid.rows, grid.columns), AIR_HU, dtype=np.float32)
    for middle, half, hu in (_BODY, *_LUNGS):
        _paint_tube(chest, grid, middle, half, hu)
    for organ in (_LIVER, _HEART):
        chest[organ.covers(x, y, z)] = organ.hu
    for middle, half, hu in (_SPINE, _TRACHEA):
        _paint_tube(chest, grid, middle, half, hu)
    for lesion in lesions:
        chest[lesion.covers(x, y, z)] = lesion.hu
    chest += noise_hu * np.random.default_rng(seed).standard_normal(chest.shape, dtype=np.float32)
    return np.clip(np.rint(chest), -1024, 3071).astype(np.int16)


def _paint_tube(
    chest: npt.NDArray[np.float32],
    grid: Grid,
    middle: tuple[float, float],
    half: tuple[float, float],
    hu: float,
) -> None:
    x, y, _ = grid.axes
    section = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1
    chest[:, section[0]] = hu

"""Lesions whose size is known exactly, because they are ellipsoids that we drew ourselves."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import pi
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = tuple[float, float, float]


class Organ(StrEnum):
    """Where a lesion lies; a node is measured by its short axis (RECIST 1.1 section 3.1.1)."""

    RIGHT_LUNG = "right-lung"
    LEFT_LUNG = "left-lung"
    LIVER = "liver"
    MEDIASTINAL_NODE = "mediastinal-node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """An ellipsoid along the scanner's axes: centre and semi-axes (x, y, z) in LPS mm, density in HU."""

    label: str
    organ: Organ
    centre: Vector
    semi_axes: Vector
    hu: float

    @property
    def is_nodal(self) -> bool:
        return self.organ is Organ.MEDIASTINAL_NODE

    @property
    def volume_mm3(self) -> float:
        x, y, z = self.semi_axes
        return 4 / 3 * pi * x * y * z

    @property
    def longest_diameter_mm(self) -> float:
        """Longest diameter in the axial plane."""
        return 2 * max(self.semi_axes[:2])

    @property
    def short_axis_mm(self) -> float:
        """Longest axial diameter at a right angle to the longest one."""
        return 2 * min(self.semi_axes[:2])

    @property
    def recist_diameter_mm(self) -> float:
        """What enters the sum: short axis of a node, longest diameter of others (RECIST 1.1, 4.2)."""
        return self.short_axis_mm if self.is_nodal else self.longest_diameter_mm

    def grown(self, factor: float) -> "Lesion":
        """Give the same lesion with every diameter multiplied by `factor`."""
        x, y, z = (axis * factor for axis in self.semi_axes)
        return replace(self, semi_axes=(x, y, z))

    def covers(self, x: npt.NDArray[Any], y: npt.NDArray[Any], z: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Tell which voxel centres (broadcastable LPS mm) lie inside or on the ellipsoid."""
        distances = (
            ((along - middle) / half) ** 2
            for along, middle, half in zip((x, y, z), self.centre, self.semi_axes, strict=True)
        )
        return np.asarray(sum(distances, start=np.zeros(())) <= 1)


def sum_of_diameters(lesions: tuple[Lesion, ...]) -> float:
    """Sum in mm as RECIST 1.1 4.2 counts it."""
    return sum(lesion.recist_diameter_mm for lesion in lesions)

"""What travels out of the only door to voxels: volumes, masks on their grid, and refusals with a cause."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.frames.opening import UNREADABLE, FrameRefused

Mask = npt.NDArray[np.bool_]
Affine = npt.NDArray[np.float64]


class Cause(StrEnum):
    """Why no volume, or no mask on it, can be given."""

    GAP = "gap"
    DUPLICATE = "duplicate"
    SPACING = "spacing"
    TILT = "tilt"
    MIXED = "mixed"
    NOT_A_VOLUME = "not-a-volume"
    UNREADABLE = "unreadable"
    FOREIGN = "foreign"


class VolumeRefused(Exception):
    """No volume or mask was made; the sentence is for people and names no identity."""

    def __init__(self, cause: Cause, sentence: str) -> None:
        super().__init__(sentence)
        self.cause, self.sentence = cause, sentence


@contextmanager
def refuse_unreadable(sentence: str) -> Iterator[None]:
    """Turn what pydicom and the decoders raise on damaged input into a refusal with this sentence."""
    try:
        yield
    except FrameRefused as refusal:
        raise VolumeRefused(Cause.UNREADABLE, refusal.sentence) from None
    except UNREADABLE:
        raise VolumeRefused(Cause.UNREADABLE, sentence) from None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Volume:
    """One series as a box of voxels.

    `array` (k, j, i) = (slice, row, column) in rescaled units (HU, Bq/ml ...), int16 where that is exact,
    else float32, read-only; `affine` 4 x 4 maps (k, j, i, 1) to LPS mm; `spacing` mm in the same order.
    The two tuples name the instance and its frame (from 1) behind each slice k.
    """

    array: npt.NDArray[Any]
    affine: Affine
    spacing: tuple[float, float, float]
    sop_instance_uids: tuple[str, ...]
    frame_numbers: tuple[int, ...]
    series_instance_uid: str
    frame_of_reference_uid: str
    modality: str

    @property
    def shape(self) -> tuple[int, int, int]:
        slices, rows, columns = self.array.shape
        return (slices, rows, columns)

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm3."""
        return float(np.prod(self.spacing))

    def indices_of(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Map points (n, 3) in LPS mm to fractional (k, j, i)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(points @ inverse[:3, :3].T + inverse[:3, 3])

    def points_of(self, indices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Map (n, 3) indices (k, j, i) to LPS mm; whole numbers are voxel centres."""
        return np.asarray(indices @ self.affine[:3, :3].T + self.affine[:3, 3])


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One segment or structure: number and label in its file, and a mask (k, j, i) on the volume's grid."""

    number: int
    label: str
    mask: Mask

"""A small scan with a marker of known place, and ways to read and move it."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import date
from functools import cache
from math import cos, sin

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset

from config.demo.phantom import Grid, Lesion, Organ, ScanSpec, make_ct, to_bytes
from imaging.volumes import Cause, Volume, VolumeRefused
from imaging.volumes.reading import read_volume

GRID = Grid(columns=40, rows=32, slices=24, pixel_spacing=1.5, slice_spacing=2.0)
MARKER = Lesion(label="marker", organ=Organ.LIVER, centre=(6.0, -4.5, 3.0), semi_axes=(6.0, 6.0, 6.0), hu=2000)
SPEC = ScanSpec(
    patient_name="PHANTOM^NINE",
    patient_id="PHANTOM-0009",
    study_date=date(2026, 1, 5),
    lesions=(MARKER,),
    grid=GRID,
    noise_hu=1.0,
)
BASE = make_ct(SPEC)

Change = Callable[[list[Dataset]], list[Dataset] | None]
Matrix = npt.NDArray[np.float64]


def make_series(change: Change | None = None) -> list[Dataset]:
    series = deepcopy(BASE)
    return (change(series) if change else None) or series


def read(series: Sequence[Dataset]) -> Volume:
    return read_volume([to_bytes(one) for one in series])


@cache
def base_volume() -> Volume:
    return read(BASE)


def cause_of(series: Sequence[Dataset]) -> Cause:
    with pytest.raises(VolumeRefused) as refused:
        read(series)
    assert refused.value.sentence.endswith(".")
    return refused.value.cause


def marker_error(volume: Volume, truth: Sequence[float] = MARKER.centre) -> float:
    """Distance in mm between the marker's centre of mass and where it truly is."""
    voxels = np.argwhere(volume.array > 1000).astype(float)
    return float(np.linalg.norm(volume.points_of(voxels).mean(axis=0) - truth))


def move(one: Dataset, *, y: float = 0.0, z: float = 0.0) -> None:
    position = [float(value) for value in one.ImagePositionPatient]
    one.ImagePositionPatient = [position[0], position[1] + y, position[2] + z]


def turn(series: list[Dataset], matrix: Matrix) -> None:
    for one in series:
        rows = np.array(one.ImageOrientationPatient, float).reshape(2, 3) @ matrix.T
        one.ImageOrientationPatient = [round(value, 8) for value in rows.ravel().tolist()]
        position = matrix @ np.array(one.ImagePositionPatient, float)
        one.ImagePositionPatient = [round(value, 6) for value in position.tolist()]


def rotation(a: float, b: float) -> Matrix:
    about_x = np.array([[1, 0, 0], [0, cos(a), -sin(a)], [0, sin(a), cos(a)]])
    about_z = np.array([[cos(b), -sin(b), 0], [sin(b), cos(b), 0], [0, 0, 1]])
    return np.asarray(about_x @ about_z)

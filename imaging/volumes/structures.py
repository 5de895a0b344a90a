"""RT structure sets as masks: point in polygon at voxel centres, holes by even-odd counting."""

import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread

from imaging.volumes.grid import Cause, Mask, Segment, Volume, VolumeRefused, refuse_unreadable

_OFF_SLICE_TOLERANCE = 0.1
_SHORTEST_CONTOUR = 3
_ROUNDING = 1e-9
_HALF_PIXEL = 0.5

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """One region of interest: its closed planar contours, each (n, 3) points in LPS mm."""

    number: int
    label: str
    contours: tuple[Points, ...]


def read_structures(rtstruct_file: bytes | Path, volume: Volume) -> Iterator[Segment]:
    """Read an RTSTRUCT as masks on the volume's grid; raises VolumeRefused.

    A voxel belongs to a structure when its centre lies inside an odd number of the contours of its slice
    (so an inner contour is a hole). Contours must lie on slices; structures without closed planar contours
    (points, lines) are left out. Order: ROI number; one mask at a time.
    """
    with refuse_unreadable("This file could not be read as a structure set."):
        dataset = _open(rtstruct_file)
        drawn = [one for one in _structures(dataset, volume) if one.contours]
        for one in sorted(drawn, key=lambda structure: structure.number):
            yield Segment(one.number, one.label, _fill(one, volume))


def _open(rtstruct_file: bytes | Path) -> Dataset:
    dataset = dcmread(io.BytesIO(rtstruct_file) if isinstance(rtstruct_file, bytes) else rtstruct_file)
    if dataset.get("Modality") != "RTSTRUCT":
        raise VolumeRefused(Cause.UNREADABLE, "This file holds no structure set.")
    return dataset


def _structures(dataset: Dataset, volume: Volume) -> Iterator[Structure]:
    contours = {int(one.ReferencedROINumber): one.get("ContourSequence", []) for one in dataset.ROIContourSequence}
    for roi in dataset.StructureSetROISequence:
        if str(roi.ReferencedFrameOfReferenceUID) != volume.frame_of_reference_uid:
            _refuse("The structures belong to another image: their frame of reference differs.")
        number = int(roi.ROINumber)
        yield Structure(number, str(roi.get("ROIName", "")), tuple(_closed(contours.get(number, []))))


def _closed(sequence: list[Dataset]) -> Iterator[Points]:
    for one in sequence:
        if str(one.ContourGeometricType).startswith("CLOSED") and len(one.ContourData) >= 3 * _SHORTEST_CONTOUR:
            yield np.array(one.ContourData, dtype=np.float64).reshape(-1, 3)


def _fill(structure: Structure, volume: Volume) -> Mask:
    mask = np.zeros(volume.shape, np.bool_)
    edges = defaultdict(list)
    for contour in structure.contours:
        indices = volume.indices_of(contour)
        edges[_slice_of(indices, volume)].append(_edges(indices[:, 1:]))
    for k, found in edges.items():
        mask[k] = _inside(np.concatenate(found), shape=volume.shape[1:])
    return mask


def _slice_of(indices: Points, volume: Volume) -> int:
    k = round(float(indices[:, 0].mean()))
    if np.abs(indices[:, 0] - k).max() > _OFF_SLICE_TOLERANCE:
        _refuse("The structures were drawn between the slices of this image, so on another one.")
    last = np.array(volume.shape[1:]) - _HALF_PIXEL
    is_outside = (indices[:, 1:] < -_HALF_PIXEL).any() or (indices[:, 1:] > last).any()
    if not 0 <= k < volume.shape[0] or is_outside:
        _refuse("The structures reach outside the image, so they were drawn on another one.")
    return k


def _edges(corners: Points) -> Points:
    """Edges (n, 4) of a closed contour: row and column of both ends."""
    return np.concatenate([corners, np.roll(corners, -1, axis=0)], axis=1)


def _inside(edges: Points, *, shape: tuple[int, int]) -> Mask:
    """Count, for every pixel centre, the edges that a ray to higher columns crosses; odd is inside."""
    rows, columns = _crossings(edges)
    toggles = np.zeros((shape[0], shape[1] + 1), np.int64)
    is_seen = (rows >= 0) & (rows < shape[0])
    first_beyond = np.clip(np.ceil(columns[is_seen]), 0, shape[1]).astype(np.int64)
    np.add.at(toggles, (rows[is_seen], first_beyond), 1)
    crossed = toggles[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.asarray(crossed[:, 1:] % 2 == 1)


def _crossings(edges: Points) -> tuple[npt.NDArray[np.int64], Points]:
    """Rows and columns where edges cross the centre lines of rows; the lower end belongs to an edge."""
    low_first = np.where((edges[:, 0] <= edges[:, 2])[:, None], edges, edges[:, [2, 3, 0, 1]])
    start = np.ceil(low_first[:, 0] - _ROUNDING).astype(np.int64)
    stop = np.ceil(low_first[:, 2] - _ROUNDING).astype(np.int64)
    which = np.repeat(np.arange(len(edges)), stop - start)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(stop - start) - (stop - start), stop - start)
    rows = start[which] + offset
    y0, x0, y1, x1 = low_first[which].T
    return rows, x0 + (rows - y0) * (x1 - x0) / (y1 - y0)


def _refuse(sentence: str) -> NoReturn:
    raise VolumeRefused(Cause.FOREIGN, sentence)

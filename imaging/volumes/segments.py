"""Segmentation objects laid frame by frame on the grid of their image; any other grid is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import highdicom
import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from imaging.frames import read_image
from imaging.volumes.grid import Cause, Mask, Segment, Volume, VolumeRefused, refuse_unreadable
from imaging.volumes.planes import Plane, planes_of

_HALF = 0.5
_GRID_TOLERANCE = 0.1
_SPACING_TOLERANCE = 0.02
_GROUPS = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")

Grid = npt.NDArray[np.integer[Any]]


def read_segments(seg_file: bytes | Path, volume: Volume) -> Iterator[Segment]:
    """Read a DICOM SEG (BINARY, LABELMAP, or FRACTIONAL from a half upwards) as masks; raises VolumeRefused.

    Each frame must lie on the voxels of the volume (flips and swapped axes apart): nothing is resampled.
    Segments come in the order of their numbers, empty ones included, one mask at a time: there may be a hundred.
    """
    with refuse_unreadable("This file could not be read as a segmentation."):
        seg = highdicom.seg.Segmentation.from_dataset(read_image(seg_file), copy=False)
        if str(seg.get("FrameOfReferenceUID")) != volume.frame_of_reference_uid:
            _refuse("The segmentation belongs to another image: its frame of reference differs.")
        drawn: dict[int, list[Grid]] = {int(number): [] for number in seg.segment_numbers}
        for index, plane in enumerate(planes_of(seg)):
            _lay_frame(seg, index, plane, volume, drawn)
        for number, voxels in sorted(drawn.items()):
            yield Segment(number, _label(seg, number), _mask(voxels, volume))


def _mask(voxels: list[Grid], volume: Volume) -> Mask:
    mask = np.zeros(volume.shape, np.bool_)
    for one in voxels:
        mask.reshape(-1)[one] = True
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where the pixels of a frame fall: `origin` (k, j, i) of its first, `steps` 3 x 2 per row and column."""

    origin: Grid
    steps: Grid

    @property
    def normal_axis(self) -> int:
        return int(np.flatnonzero(~self.steps.any(axis=1))[0])

    def lay(self, drawn: Mask, volume: Volume) -> Grid:
        """Number the voxels under the drawn pixels; a pixel outside the volume refuses the whole object."""
        voxels = self.origin[:, None] + self.steps @ np.array(np.nonzero(drawn))
        if (voxels < 0).any() or (voxels >= np.array(volume.shape)[:, None]).any():
            _refuse("The segmentation reaches outside the image, so it was drawn on another one.")
        # A volume has at most 2**30 voxels.
        return np.asarray(np.ravel_multi_index(tuple(voxels), volume.shape), dtype=np.int32)


def _lay_frame(seg: Any, index: int, plane: Plane, volume: Volume, drawn: dict[int, list[Grid]]) -> None:
    placement = _place(plane, volume, shape=(int(seg.Rows), int(seg.Columns)))
    _refuse_other_spacing(seg, index, placement, volume)
    for number, pixels in _drawn(seg, index):
        drawn[number].append(placement.lay(pixels, volume))


def _place(plane: Plane, volume: Volume, *, shape: tuple[int, int]) -> Placement:
    inverse = np.linalg.inv(volume.affine)[:3, :3]
    row, column = np.array(plane.orientation[:3]), np.array(plane.orientation[3:])
    exact_steps = inverse @ np.stack([column * plane.pixel_spacing[0], row * plane.pixel_spacing[1]], axis=1)
    exact_origin = inverse @ (np.array(plane.position) - volume.affine[:3, 3])
    placement = Placement(_round(exact_origin), _round(exact_steps))
    far = np.array([[0, shape[0] - 1, 0, shape[0] - 1], [0, 0, shape[1] - 1, shape[1] - 1]])
    errors = (exact_origin - placement.origin)[:, None] + (exact_steps - placement.steps) @ far
    if not _is_one_to_one(placement.steps) or np.abs(errors).max() > _GRID_TOLERANCE:
        _refuse("The segmentation was drawn on other slices or pixels than those of this image.")
    return placement


def _is_one_to_one(steps: Grid) -> bool:
    return bool((np.abs(steps).sum(axis=0) == 1).all() and (np.abs(steps).sum(axis=1) <= 1).all())


def _refuse_other_spacing(seg: Any, index: int, placement: Placement, volume: Volume) -> None:
    stated = _group(seg, index, "PixelMeasuresSequence").get("SpacingBetweenSlices")
    expected = volume.spacing[placement.normal_axis]
    if stated is not None and abs(abs(float(stated)) - expected) > _SPACING_TOLERANCE * expected:
        _refuse(f"The segmentation has slices {float(stated):.2f} mm apart, the image {expected:.2f} mm.")


def _drawn(seg: Any, index: int) -> Iterator[tuple[int, Mask]]:
    """Give the segment numbers seen in one frame and where (rows, columns) they are drawn."""
    stored = seg.get_stored_frame(index + 1)
    if seg.segmentation_type == highdicom.seg.SegmentationTypeValues.LABELMAP:
        seen = np.intersect1d(stored, np.array(seg.segment_numbers))
        yield from ((int(number), stored == number) for number in seen)
        return
    number = int(_group(seg, index, "SegmentIdentificationSequence").ReferencedSegmentNumber)
    is_fractional = seg.segmentation_type == highdicom.seg.SegmentationTypeValues.FRACTIONAL
    yield number, stored >= _HALF * int(seg.MaximumFractionalValue) if is_fractional else stored > 0


def _group(seg: Any, index: int, name: str) -> Dataset:
    for keyword, place in zip(_GROUPS, (index, 0), strict=True):
        groups = seg.get(keyword)
        if groups and groups[place].get(name):
            return groups[place][name].value[0]  # type: ignore[no-any-return]
    raise KeyError(name)


def _label(seg: Any, number: int) -> str:
    return str(seg.get_segment_description(number).segment_label)


def _round(values: npt.NDArray[np.floating[Any]]) -> Grid:
    return np.asarray(np.rint(values), dtype=np.int64)


def _refuse(sentence: str) -> NoReturn:
    raise VolumeRefused(Cause.FOREIGN, sentence)

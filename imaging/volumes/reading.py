"""From the files of one series to a volume, through highdicom and our own second look at the geometry."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from imaging.frames.opening import count_frames, read_image
from imaging.qc.stack import ROUNDING_MM
from imaging.volumes.grid import Affine, Cause, Volume, VolumeRefused, refuse_unreadable
from imaging.volumes.planes import Plane, planes_of, refuse_unless_stacked

_LARGEST_VOLUME = 1024**3
_WORST_ERROR_MM = 0.5
_DIRECTION_ROUNDING = 1e-3
_INT16 = np.iinfo(np.int16)


def read_volume(files: Sequence[bytes | Path]) -> Volume:
    """Read all files of one series, in any order, or one enhanced file; raises VolumeRefused.

    Slices are sorted by geometry, each with its own rescale; nothing is resampled. A volume is only given
    when its affine puts every slice within 0.5 mm of where its header says (endpoints section 7).
    """
    with refuse_unreadable("The images of the series could not be read."):
        datasets = [read_image(file) for file in files]
        if not datasets:
            raise VolumeRefused(Cause.NOT_A_VOLUME, "The series holds no image.")
        _refuse_unless_grey(datasets)
        planes = tuple(plane for dataset in datasets for plane in planes_of(dataset))
        refuse_unless_stacked(datasets, planes)
        _refuse_huge(datasets)
        return _describe(datasets[0], planes, _assemble(datasets))


def _refuse_unless_grey(datasets: Sequence[Dataset]) -> None:
    if any(int(one.get("SamplesPerPixel") or 1) != 1 for one in datasets):
        raise VolumeRefused(Cause.NOT_A_VOLUME, "The images are in colour, so their values cannot be measured.")
    if len(datasets) > 1 and any(count_frames(one) > 1 for one in datasets):
        raise VolumeRefused(Cause.NOT_A_VOLUME, "The series holds several multi-frame images instead of one.")


def _refuse_huge(datasets: Sequence[Dataset]) -> None:
    voxels = sum(int(one.Rows) * int(one.Columns) * count_frames(one) for one in datasets)
    if voxels > _LARGEST_VOLUME:
        raise VolumeRefused(Cause.NOT_A_VOLUME, "The series has more voxels than can be opened here.")


def _assemble(datasets: Sequence[Dataset]) -> Any:
    # Any: the keyword arguments below are shared by two highdicom calls of different signatures.
    how: dict[str, Any] = {
        "dtype": _exact_type(datasets),
        "apply_real_world_transform": False,
        "apply_presentation_lut": False,
        "apply_palette_color_lut": False,
        "apply_icc_profile": False,
        "atol": ROUNDING_MM,
    }
    if "SharedFunctionalGroupsSequence" in datasets[0]:
        return highdicom.Image.from_dataset(datasets[0], copy=False).get_volume(**how)
    return highdicom.get_volume_from_series(datasets, orientation_tol=_DIRECTION_ROUNDING, **how)


def _exact_type(datasets: Sequence[Dataset]) -> type[np.generic]:
    """Give int16 where every rescaled value is a whole number within its range, else float32."""
    return np.int16 if all(_fits_int16(one) for one in datasets) else np.float32


def _fits_int16(dataset: Dataset) -> bool:
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if slope is None or intercept is None or "PixelData" not in dataset:
        return False
    bits = int(dataset.BitsStored) - int(dataset.PixelRepresentation)
    low = -(2**bits) if int(dataset.PixelRepresentation) else 0
    ends = [float(slope) * end + float(intercept) for end in (low, 2**bits - 1)]
    is_whole = float(slope).is_integer() and float(intercept).is_integer()
    return is_whole and min(ends) >= _INT16.min and max(ends) <= _INT16.max


def _describe(first: Dataset, planes: Sequence[Plane], found: Any) -> Volume:
    array, affine = np.ascontiguousarray(found.array), np.asarray(found.affine, dtype=np.float64)
    array.setflags(write=False)
    affine.setflags(write=False)
    ordered = _in_slice_order(planes, affine, len(array))
    slices, rows, columns = (float(length) for length in found.spacing)
    return Volume(
        array=array,
        affine=affine,
        spacing=(slices, rows, columns),
        sop_instance_uids=tuple(plane.sop_instance_uid for plane in ordered),
        frame_numbers=tuple(plane.frame_number for plane in ordered),
        series_instance_uid=str(first.SeriesInstanceUID),
        frame_of_reference_uid=str(first.FrameOfReferenceUID),
        modality=str(first.Modality),
    )


def _in_slice_order(planes: Sequence[Plane], affine: Affine, count: int) -> tuple[Plane, ...]:
    positions = np.array([plane.position for plane in planes])
    indices = _slice_indices(positions, affine)
    placed = affine[:3, 3] + np.outer(indices, affine[:3, 0])
    worst = float(np.linalg.norm(placed - positions, axis=1).max())
    if worst > _WORST_ERROR_MM or sorted(indices.tolist()) != list(range(count)):
        raise VolumeRefused(
            Cause.SPACING,
            f"Put into one volume, a slice would lie {worst:.1f} mm off its place; 0.5 mm is allowed.",
        )
    return tuple(plane for _, plane in sorted(zip(indices.tolist(), planes, strict=True), key=_index))


def _slice_indices(positions: npt.NDArray[np.float64], affine: Affine) -> npt.NDArray[np.int64]:
    along = affine[:3, 0]
    depths = (positions - affine[:3, 3]) @ along / (along @ along)
    return np.asarray(np.rint(depths), dtype=np.int64)


def _index(pair: tuple[int, Plane]) -> int:
    return pair[0]

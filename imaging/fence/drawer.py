"""The child that lays segmentations on their series: apart, for what it imports and what it holds.

Run as `python -m imaging.fence.drawer`.
"""

from typing import Any

import numpy as np

from imaging.fence.worker import Answer, run
from imaging.volumes import Segment, Volume, VolumeRefused
from imaging.volumes.reading import read_volume
from imaging.volumes.references import referenced_series
from imaging.volumes.segments import read_segments
from imaging.volumes.structures import read_structures


def _refers(data: bytes, _told: dict[str, Any]) -> Answer:
    return {"series": sorted(referenced_series(data))}, []


def _draw(data: bytes, *given: Any) -> Answer:
    *files, told = given
    try:
        return _drawn(data, files, is_outlined=told["is_outlined"])
    except VolumeRefused as refusal:
        return {"cause": refusal.cause, "sentence": refusal.sentence}, []


def _drawn(data: bytes, files: list[bytes], *, is_outlined: bool) -> Answer:
    volume = read_volume(files)
    segments, packed = [], []
    for segment in (read_structures if is_outlined else read_segments)(data, volume):
        told, bits = _packed(segment)
        segments.append(told)
        packed.append(bits)
    return {"volume": _told(volume), "segments": segments}, [volume.array.data.cast("B"), b"".join(packed)]


def _told(volume: Volume) -> dict[str, Any]:
    return {
        "kind": volume.array.dtype.name,
        "shape": volume.shape,
        "affine": volume.affine.ravel().tolist(),
        "spacing": volume.spacing,
        "sop_instance_uids": volume.sop_instance_uids,
        "frame_numbers": volume.frame_numbers,
        "series_instance_uid": volume.series_instance_uid,
        "frame_of_reference_uid": volume.frame_of_reference_uid,
        "modality": volume.modality,
    }


def _packed(segment: Segment) -> tuple[dict[str, Any], bytes]:
    """The box around a mask, and its voxels as bits: a mask of its own size would be most of an answer."""
    sides = [np.flatnonzero(segment.mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    is_empty = not len(sides[0])
    box = [slice(0, 0) if is_empty else slice(int(side[0]), int(side[-1]) + 1) for side in sides]
    start, shape = [side.start for side in box], [side.stop - side.start for side in box]
    told = {"number": segment.number, "label": segment.label, "start": start, "shape": shape}
    return told, np.packbits(segment.mask[tuple(box)]).tobytes()


if __name__ == "__main__":
    run({"draw": _draw, "refers": _refers})

"""Segmentations and their series, read behind the fence: the functions of `imaging.volumes` they are named after."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from deid import Rejected
from imaging.fence.calls import ask, believing_nothing, drawing, only
from imaging.fence.child import MEGABYTE, Limits
from imaging.fence.framing import Garbled
from imaging.fence.plainly import from_plain
from imaging.volumes import Cause, Segment, Volume, VolumeRefused

_SENTENCE = "This segmentation and its images could not be read within the limits of memory and time."
# Voxels, the files around them, and what a decoder holds beside.
_VOXELS = 1024 * MEGABYTE
# A slow decoder takes a second for so much of compressed pixels.
_PACKED_PER_SECOND = MEGABYTE // 2
_SECONDS = 60
_KINDS: Mapping[str, type[np.generic]] = {"int16": np.int16, "float32": np.float32}
Place = tuple[int, int, int]


def referenced_series(data: bytes) -> frozenset[str]:
    """As `imaging.volumes.references.referenced_series`; empty, too, where the object killed the child twice."""
    try:
        told, _blobs = ask("refers", {}, [data], _limits(len(data)), children=drawing)
        with believing_nothing():
            found: frozenset[str] = from_plain(frozenset[str], told["series"])
    except Rejected:
        return frozenset()
    return found


def draw(data: bytes, files: Sequence[bytes], *, is_outlined: bool) -> tuple[Volume, tuple[Segment, ...]]:
    """Lay a SEG, or an RTSTRUCT where `is_outlined`, on the series of these files, in any order.

    See `imaging.volumes.reading.read_volume`, `segments.read_segments`, `structures.read_structures`. Raises
    VolumeRefused, also where the objects killed the child twice.
    """
    size = len(data) + sum(map(len, files))
    with _refusing():
        told, blobs = ask("draw", {"is_outlined": is_outlined}, [data, *files], _limits(size), children=drawing)
        if "cause" in told:
            raise VolumeRefused(from_plain(Cause, told["cause"]), from_plain(str, told["sentence"]))
        voxels, bits = _two(blobs)
        volume = _volume(told["volume"], voxels)
        return volume, tuple(_segments(told["segments"], bits, volume))


def _limits(size: int) -> Limits:
    seconds = _SECONDS + size // _PACKED_PER_SECOND
    memory = _VOXELS + 5 * size
    # What it made of them lies in its memory whole.
    return Limits(memory=memory, cpu_seconds=seconds, seconds=2.0 * seconds, answer=memory)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        with believing_nothing():
            yield
    except Rejected:
        raise VolumeRefused(Cause.UNREADABLE, _SENTENCE) from None


def _two(blobs: Sequence[bytes]) -> tuple[bytes, bytes]:
    return only(blobs[:1]), only(blobs[1:])


def _volume(told: Mapping[str, Any], voxels: bytes) -> Volume:
    shape = from_plain(Place, told["shape"])
    affine = np.array(_finite(from_plain(tuple[float, ...], told["affine"]), count=16)).reshape(4, 4)
    rows = _finite(from_plain(tuple[float, float, float], told["spacing"]), count=3)
    made = Volume(
        array=_array(voxels, told["kind"], shape),
        affine=affine,
        spacing=(rows[0], rows[1], rows[2]),
        sop_instance_uids=from_plain(tuple[str, ...], told["sop_instance_uids"]),
        frame_numbers=from_plain(tuple[int, ...], told["frame_numbers"]),
        series_instance_uid=from_plain(str, told["series_instance_uid"]),
        frame_of_reference_uid=from_plain(str, told["frame_of_reference_uid"]),
        modality=from_plain(str, told["modality"]),
    )
    if {len(made.sop_instance_uids), len(made.frame_numbers)} != {shape[0]} or min(rows) <= 0:
        raise Garbled
    return made


def _finite(numbers: tuple[float, ...], *, count: int) -> tuple[float, ...]:
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise Garbled
    return numbers


def _array(data: bytes, kind: Any, shape: Place) -> "np.ndarray[Any, Any]":
    """Read-only, as the bytes are."""
    if min(shape) < 1 or math.prod(shape) * np.dtype(_KINDS[kind]).itemsize != len(data):
        raise Garbled
    return np.frombuffer(data, _KINDS[kind]).reshape(shape)


def _segments(told: Any, bits: bytes, volume: Volume) -> Iterator[Segment]:
    at = 0
    for one in told:
        start, shape = from_plain(Place, one["start"]), from_plain(Place, one["shape"])
        ends = [begin + side for begin, side in zip(start, shape, strict=True)]
        if min(*start, *shape) < 0 or any(end > side for end, side in zip(ends, volume.shape, strict=True)):
            raise Garbled
        size = -(-math.prod(shape) // 8)
        mask = np.zeros(volume.shape, np.bool_)
        box = tuple(slice(begin, end) for begin, end in zip(start, ends, strict=True))
        mask[box] = _unpacked(bits[at : at + size], shape)
        at += size
        yield Segment(from_plain(int, one["number"]), from_plain(str, one["label"]), mask)


def _unpacked(bits: bytes, shape: Place) -> "np.ndarray[Any, Any]":
    if len(bits) != -(-math.prod(shape) // 8):
        raise Garbled
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=math.prod(shape)).reshape(shape).view(np.bool_)

"""A compressed object's pixels made plain one frame at a time, so that a long loop takes little more than its answer.

`Dataset.decompress` holds every frame, all of them joined, and what is written of them, at once.
"""

import io
import itertools
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydicom import DataElement, Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.tag import Tag

from imaging.frames.opening import count_frames

if TYPE_CHECKING:
    import numpy as np

_PIXEL_DATA = Tag("PixelData")
_OFFSETS = frozenset({"ExtendedOffsetTable", "ExtendedOffsetTableLengths"})
_BITS_IN_BYTE = 8


def decode(dataset: Dataset) -> None:
    """Put decoded pixels, as `Dataset.decompress` has them, in the place of compressed ones: they can be written once.

    Writing raises what the decoder does, and ValueError where frames are missing or not all of one size.
    """
    if _PIXEL_DATA not in dataset:
        # Those of floating point are never compressed, but the decoder would take them.
        raise ValueError("no pixels that could be compressed")
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    # More than the header names are nobody's.
    frames = itertools.islice(decoder.iter_array(dataset), count_frames(dataset))
    first, told = next(frames)
    rest = (octets(array) for array, _told in frames)
    value = _Frames(itertools.chain([octets(first)], rest), length=first.nbytes, count=count_frames(dataset))
    dataset[_PIXEL_DATA] = DataElement(_PIXEL_DATA, "OB" if dataset.BitsAllocated <= _BITS_IN_BYTE else "OW", value)
    _describe(dataset, told)


def _describe(dataset: Dataset, told: Mapping[str, Any]) -> None:
    """Let the header say of its pixels what the decoder says of them."""
    for keyword in _OFFSETS & set(dataset.dir()):
        # Of fragments that are no more.
        delattr(dataset, keyword)
    if "NumberOfFrames" in dataset:
        dataset.NumberOfFrames = count_frames(dataset)
    dataset.PhotometricInterpretation = told["photometric_interpretation"]
    if "planar_configuration" in told:
        dataset.PlanarConfiguration = told["planar_configuration"]


def octets(pixels: "np.ndarray[Any, Any]") -> memoryview:
    """Return pixels in little endian, in the order of rows; where they lie so already, as they lie there."""
    return pixels.astype(pixels.dtype.newbyteorder("<"), order="C", copy=False).reshape(-1).view("B").data


class _Frames(io.BufferedIOBase):
    """What pydicom takes for a value and writes piece by piece; it is read once, from the beginning."""

    def __init__(self, frames: Iterator[memoryview], *, length: int, count: int) -> None:
        self._frames, self._length, self._full = frames, length, length * count
        # A value has an even length (PS3.5 7.1.1).
        self._size = self._full + self._full % 2
        self._frame, self._place = memoryview(b""), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Tell the size, which is asked for before anything is read; nothing is read twice."""
        self._place = self._size + offset if whence == os.SEEK_END else offset
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, at most `size` and within one frame. Raises ValueError where a frame lacks some."""
        if not self._frame:
            self._frame = self._next()
        end = len(self._frame) if size is None or size < 0 else size
        piece, self._frame = bytes(self._frame[:end]), self._frame[end:]
        self._place += len(piece)
        return piece

    def _next(self) -> memoryview:
        if self._place >= self._full:
            return memoryview(bytes(self._size - self._place))
        frame = next(self._frames, memoryview(b""))
        if len(frame) != self._length:
            raise ValueError("a frame is missing, or not of the size of the first")
        return frame

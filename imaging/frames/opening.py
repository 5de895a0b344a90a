"""Careful opening of an image file: what it claims is checked before anything large is made (S08, S09)."""

import io
import struct
import zlib
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes

from deid.burned.sizes import size_in_jpeg, size_in_jpeg_2000

UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,
    LookupError,
    ArithmeticError,
    TypeError,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,  # also RecursionError and NotImplementedError
    MemoryError,
    struct.error,
    zlib.error,
)
"""What pydicom and the decoders raise on damaged input; anything else is a fault of ours and must be seen."""

_LARGEST_FRAME = 16_384 * 16_384
_LARGEST_IMAGE = 2 * 1024**3
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_HEAD = 1024
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_META_LENGTH = slice(140, 144)
_META_START = 144
# Of deflated data sets and compressed pixels alike (S09).
_INFLATE_RATIO = 100
# A blank picture packs to next to nothing; below this size that does no harm.
_LARGE_IMAGE = 64 * 1024 * 1024
_INFLATE_STEP = 1024 * 1024
_BITS_IN_BYTE = 8


class FrameRefused(Exception):
    """An image cannot be opened or shown; `sentence` is for people and names no identity."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


_BOMB = "This file unpacks to far more than an image needs, so it was not opened."


def read_object(data: bytes) -> Dataset:
    """Read a file with or without an image, a deflated one within bounds; raises FrameRefused."""
    try:
        if _DEFLATED in data[:_HEAD] and not _inflates_sanely(data):
            raise FrameRefused(_BOMB)
        return dcmread(io.BytesIO(data))
    except UNREADABLE:
        raise FrameRefused("This file could not be read as a DICOM image.") from None


def read_image(data: bytes | Path) -> Dataset:
    """Read a file whose claimed pixel size is sane and whose pixels are wholly there; raises FrameRefused."""
    dataset = read_object(data if isinstance(data, bytes) else data.read_bytes())
    try:
        fault = _fault(dataset)
    except UNREADABLE:
        raise FrameRefused("This file could not be read as a DICOM image.") from None
    if fault:
        raise FrameRefused(fault)
    return dataset


def count_frames(dataset: Dataset) -> int:
    return int(dataset.get("NumberOfFrames") or 1)


def _inflates_sanely(plain: bytes) -> bool:
    # pydicom inflates without any bound: a 260 kB file once became 800 MB.
    (meta_length,) = struct.unpack("<I", plain[_META_LENGTH])
    packed = plain[_META_START + meta_length :]
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while packed and not inflater.eof and size <= _INFLATE_RATIO * len(plain):
        size += len(inflater.decompress(packed, _INFLATE_STEP))
        packed = inflater.unconsumed_tail
    return size <= _INFLATE_RATIO * len(plain)


def _fault(dataset: Dataset) -> str:
    keyword = next((name for name in _PIXEL_KEYWORDS if name in dataset), None)
    if keyword is None:
        return "This file holds no image."
    needed, given = claimed_bytes(dataset), len(dataset[keyword].value or b"")
    if needed is None:
        return "The size this image claims is not possible, so it was not opened."
    if needed > _LARGEST_IMAGE:
        return "This image is larger than can be opened here."
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        is_bomb = needed > max(_LARGE_IMAGE, given * _INFLATE_RATIO)
        return _BOMB if is_bomb else _codestream_fault(dataset)
    if given < needed:
        return "Some of the pixels of this image are missing; the file was probably cut off on its way."
    return ""


def claimed_bytes(dataset: Dataset) -> int | None:
    """Return the size of all pixels by the header, None where it cannot be."""
    area, frames = int(dataset.Rows) * int(dataset.Columns), count_frames(dataset)
    samples, bits = int(dataset.get("SamplesPerPixel") or 1), int(dataset.BitsAllocated)
    if min(area, frames, samples, bits) < 1 or area > _LARGEST_FRAME:
        return None
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        samples = 2
    return -(-area * frames * samples * bits // _BITS_IN_BYTE)


def _codestream_fault(dataset: Dataset) -> str:
    """Compare the size each compressed frame states with the header, before a decoder believes it."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in JPEG2000TransferSyntaxes:
        size_in = size_in_jpeg_2000
    elif syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
        size_in = size_in_jpeg
    else:
        return ""
    expected = (int(dataset.Rows), int(dataset.Columns))
    frames = generate_frames(dataset.PixelData, number_of_frames=count_frames(dataset))
    if any(size_in(frame) != expected for frame in frames):
        return "The compressed pixels have another size than the header says, so the image was not opened."
    return ""

"""Compressed frames: coded pixels stay byte by byte; what a sender could write beside them is cut away."""

import re
from itertools import pairwise

from deid.burned.sizes import size_in_jpeg, size_in_jpeg_2000
from deid.model import Rejected, Rejection

_JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
_RLE = "1.2.840.10008.1.2.5"
COMPRESSED = _JPEG | _JPEG_2000 | {_RLE}
_NEXT_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_STANDALONE = frozenset({0xD8, 0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN, _END, _COMMENT, _COLOUR = 0xDA, 0xD9, 0xFE, 0xEE
_COMMENT_2000 = 0x64
_APPLICATION, _JFIF = range(0xE0, 0xF0), 0xE0
# What encoders sign with: a frame that says no more comes out as it came in, bit by bit.
_ENCODER = re.compile(
    rb"(?:Created by OpenJPEG version|OpenJPH Ver|Kakadu-v?|(?:Creator: )?JasPer Version|Lavc|LEAD Technologies Inc\. V"
    rb"|Intel\(R\) JPEG Library, version|CREATOR: gd-jpeg v1\.0 \(using IJG JPEG v\d\d\), (?:default )?quality(?: =)?)"
    rb" ?\[?(?:\d{1,3}(?:\.\d{1,3}){0,3}\.?)?\]?[\n\0]?"
)
# ISO/IEC 10918-5: a version, the shape of a pixel, and no thumbnail.
_BARE_JFIF = re.compile(rb"\0\x10JFIF\0\x01[\0-\x02][\0-\x02].{4}\0\0", re.DOTALL)
_RLE_HEADER = 64
_MOST_SEGMENTS = 15
_NO_OPERATION = 128


def _damaged() -> Rejected:
    return Rejected(
        Rejection.PIXELS_DAMAGED,
        "The compressed picture in this file is damaged or holds more than a picture. "
        "It was not let through. Please export the series again, uncompressed if possible.",
    )


def unsupported() -> Rejected:
    """Return the refusal of a transfer syntax whose codestream this engine cannot inspect."""
    return Rejected(
        Rejection.TRANSFER_SYNTAX,
        "This file is compressed in a way that cannot be checked for hidden text. It was not let through. "
        "Please export the series uncompressed or with JPEG, JPEG-LS, JPEG 2000 or RLE compression.",
    )


def clean_frame(frame: bytes, *, transfer_syntax: str, plane_length: int) -> bytes:
    """Return one frame's codestream without anything that is not needed to decode it. Raises Rejected.

    `plane_length` is rows x columns: the decoded length of one RLE segment in bytes.
    """
    try:
        if transfer_syntax in _JPEG:
            return _clean_jpeg(frame)
        if transfer_syntax in _JPEG_2000:
            return _clean_jpeg_2000(frame)
        return _clean_rle(frame, plane_length)
    except IndexError as error:
        raise _damaged() from error


def stated_size(frame: bytes, *, transfer_syntax: str) -> tuple[int, int] | None:
    """Return the rows and columns that a codestream states, None where it states none, or tells the rows at its end."""
    if transfer_syntax in _JPEG:
        size = size_in_jpeg(frame)
        # ITU-T T.81 B.2.2: no lines means that a DNL segment follows.
        return size if size and size[0] else None
    return size_in_jpeg_2000(frame) if transfer_syntax in _JPEG_2000 else None


def _word(frame: bytes, position: int) -> int:
    return frame[position] << 8 | frame[position + 1]


def _clean_jpeg(frame: bytes) -> bytes:
    """Drop COM and APPn segments that could tell more than how to decode, and what follows End Of Image."""
    if frame[:2] != b"\xff\xd8":
        raise _damaged()
    kept, position = [frame[:2]], 2
    while True:
        while frame[position] == 0xFF and frame[position + 1] == 0xFF:  # noqa: PLR2004  fill bytes
            position += 1
        if frame[position] != 0xFF:  # noqa: PLR2004  every segment starts with a marker
            raise _damaged()
        marker = frame[position + 1]
        if marker == _END:
            kept.append(frame[position : position + 2])
            return b"".join(kept)
        end = _segment_end(frame, position, marker)
        if not _is_dropped(frame[position + 2 : end], marker):
            kept.append(frame[position:end])
        position = end


def _segment_end(frame: bytes, position: int, marker: int) -> int:
    """Return where a marker segment ends; a scan runs on to the next marker that is no restart."""
    if marker in _STANDALONE:
        return position + 2
    end = position + 2 + _word(frame, position + 2)
    if marker != _START_OF_SCAN:
        return end
    found = _NEXT_MARKER.search(frame, end)
    if not found:
        raise _damaged()
    return found.start()


def _is_dropped(segment: bytes, marker: int) -> bool:
    """Whether a segment, from its length on, is more than a colour transform, a pixel's shape or an encoder's name."""
    if marker == _COLOUR and segment[2:7] == b"Adobe":
        return len(segment) != 14  # noqa: PLR2004  as many bytes as colour needs
    if marker == _JFIF and _BARE_JFIF.fullmatch(segment):
        return False
    if marker == _COMMENT:
        return not _ENCODER.fullmatch(segment, 2)
    return marker in _APPLICATION


def _clean_jpeg_2000(frame: bytes) -> bytes:
    """Drop COM segments of the main header that are more than an encoder's name, and what follows the last tile."""
    if frame[:4] != b"\xff\x4f\xff\x51":
        raise _damaged()
    kept, position = [frame[:2]], 2
    while frame[position + 1] != 0x90:  # noqa: PLR2004  SOT
        if frame[position] != 0xFF:  # noqa: PLR2004  every segment starts with a marker
            raise _damaged()
        end = position + 2 + _word(frame, position + 2)
        if frame[position + 1] != _COMMENT_2000 or _ENCODER.fullmatch(frame, position + 6, end):
            kept.append(frame[position:end])
        position = end
    tiles_end = _tiles_end(frame, position)
    return b"".join([*kept, frame[position:tiles_end], b"\xff\xd9"])


def _tiles_end(frame: bytes, position: int) -> int:
    """Return the position of End Of Codestream, walking the tile parts by their lengths."""
    while frame[position : position + 2] == b"\xff\x90":
        length = int.from_bytes(frame[position + 6 : position + 10], "big")
        if not length:
            end = frame.rfind(b"\xff\xd9")
            if end < position:
                raise _damaged()
            length = end - position
        if _has_tile_comment(frame, position):
            raise _damaged()
        position += max(length, 12)
    if frame[position : position + 2] not in {b"\xff\xd9", b""} and any(frame[position:]):
        raise _damaged()
    return position


def _has_tile_comment(frame: bytes, position: int) -> bool:
    position += 12
    while frame[position : position + 2] != b"\xff\x93":
        if frame[position] != 0xFF or frame[position + 1] == _COMMENT_2000:  # noqa: PLR2004  no marker, or COM
            return True
        position += 2 + _word(frame, position + 2)
    return False


def _clean_rle(frame: bytes, plane_length: int) -> bytes:
    """Check that each segment decodes to one plane and nothing but zeros follows it (PS3.5 annex G)."""
    count = int.from_bytes(frame[:4], "little")
    starts = [int.from_bytes(frame[4 * i + 4 : 4 * i + 8], "little") for i in range(_MOST_SEGMENTS)]
    if not 1 <= count <= _MOST_SEGMENTS or starts[0] != _RLE_HEADER or any(starts[count:]):
        raise _damaged()
    bounds = [*starts[:count], len(frame)]
    for start, end in pairwise(bounds):
        if start >= end or any(frame[_plane_end(frame, start, end, plane_length) : end]):
            raise _damaged()
    return frame


def _plane_end(frame: bytes, position: int, end: int, plane_length: int) -> int:
    """Return where the PackBits runs of one plane end."""
    decoded = 0
    while decoded < plane_length:
        if position >= end:
            raise _damaged()
        control = frame[position]
        if control < _NO_OPERATION:
            decoded += control + 1
            position += control + 2
        else:
            decoded += 257 - control if control > _NO_OPERATION else 0
            position += 2 if control > _NO_OPERATION else 1
    return position

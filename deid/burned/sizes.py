"""The size that a compressed frame states in its own header, read without decoding it."""

import struct

_MARKER = 0xFF
_START_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN = 0xDA
_JPEG_2000 = b"\xff\x4f\xff\x51"
_FIRST_SEGMENT = 2
_SEGMENT_HEAD = 9
_SIZ_HEAD = 24


def size_in_jpeg(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG or JPEG-LS frame (ITU-T T.81 B.2.2, T.87 C.2.2); None if not stated."""
    at = _FIRST_SEGMENT
    while frame[at : at + 1] == b"\xff" and len(frame) >= at + _SEGMENT_HEAD:
        marker = frame[at + 1]
        if marker in _START_OF_FRAME:
            rows, columns = struct.unpack_from(">HH", frame, at + 5)
            return rows, columns
        if marker == _START_OF_SCAN:
            return None
        at += _length_of_segment(frame, at)
    return None


def size_in_jpeg_2000(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG 2000 codestream (ITU-T T.800 A.5.1), bare or boxed; None if not stated."""
    at = frame.find(_JPEG_2000)
    if at < 0 or len(frame) < at + _SIZ_HEAD:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", frame, at + 8)
    return bottom - top, right - left


def _length_of_segment(frame: bytes, at: int) -> int:
    if frame[at + 1] == _MARKER:
        return 1
    if frame[at + 1] in _WITHOUT_LENGTH:
        return 2
    return 2 + int.from_bytes(frame[at + 2 : at + 4])

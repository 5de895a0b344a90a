"""A file to its data set: finds out how it is written, unpacks it within limits, leaves plain pixels where they are."""

import os
import struct
import zlib

from deid.codestreams import COMPRESSED, unsupported
from deid.elements import Source, Span, text_of
from deid.model import Rejected, Rejection
from deid.reader import SHORTEST, VR, Memory, Reader, malformed, too_large

HEAD_BYTES = 64 << 10
INFLATED_LIMIT = 192 << 20
INFLATED_RATIO = 100
INFLATED_FLOOR = 16 << 20
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
PLAIN = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
META_START = 132
_TRANSFER_SYNTAX = 0x00020010


def parse(data: bytes, *, memory: Memory | None = None) -> Source:
    """Return the data set of a DICOM file, with or without Part 10 header. Raises Rejected, nothing else."""
    view, memory = memoryview(data), memory or Memory()
    if len(data) > META_START and data[128:META_START] == b"DICM":
        syntax, start = read_meta(view, META_START)
        return _parse_body(view[start:], syntax, memory)
    return _parse_bare(view, memory)


def parse_file(descriptor: int, *, memory: Memory | None = None) -> Source:
    """Return the data set of an open file; plain pixels at its end stay where they are. Raises Rejected, OSError."""
    memory, size = memory or Memory(), os.fstat(descriptor).st_size
    head = os.pread(descriptor, HEAD_BYTES, 0)
    source = _parse_head(memoryview(head), descriptor, size, memory) if len(head) < size else None
    return source or parse(head if len(head) == size else _read_whole(descriptor, size), memory=memory)


def _read_whole(descriptor: int, size: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        return file.read(size)


def _parse_head(view: memoryview, descriptor: int, size: int, memory: Memory) -> Source | None:
    """Return the data set whose plain pixels follow this beginning of a file, None where that is not how it is made."""
    if bytes(view[128:META_START]) != b"DICM":
        return None
    try:
        syntax, start = read_meta(view, META_START)
        if syntax not in {EXPLICIT, IMPLICIT}:
            return None
        reader = Reader(view[start:], is_explicit=syntax == EXPLICIT)
        found = reader.read_head(memory, whole=size - start)
    except (Rejected, struct.error):
        return None  # the whole file tells whether it is damaged
    if found is None:
        return None
    item, pixels = found
    span = Span(descriptor, start + pixels, size - start - pixels)
    return Source(item=item, transfer_syntax=EXPLICIT, is_explicit=syntax == EXPLICIT, span=span)


def read_meta(view: memoryview, start: int) -> tuple[str, int]:
    """Return the transfer syntax that the file meta names, or else seems to be used, and where the data set begins."""
    meta, start = Reader(view, is_explicit=True).read_group(start, group=0x0002)
    return text_of(meta.get(_TRANSFER_SYNTAX)) or _guess(bytes(view[start : start + 6])), start


def _parse_bare(view: memoryview, memory: Memory) -> Source:
    if len(view) < SHORTEST:
        raise _not_dicom()
    head = bytes(view[:6])
    if head[:2] == b"\x02\0":
        syntax, start = read_meta(view, 0)
        return _parse_body(view[start:], syntax, memory)
    if head[:4] not in {b"\x08\0\0\0", b"\x08\0\x01\0", b"\x08\0\x05\0", b"\x08\0\x08\0", b"\x08\0\x16\0",
                        b"\0\x08\0\0", b"\0\x08\0\x05", b"\0\x08\0\x08", b"\0\x08\0\x16"}:  # fmt: skip
        raise _not_dicom()
    return _parse_body(view, _guess(head), memory)


def _not_dicom() -> Rejected:
    return Rejected(
        Rejection.NOT_DICOM,
        "This is not a DICOM file. It was not let through. "
        "Please send only the files that the scanner or archive exported as DICOM.",
    )


def _guess(head: bytes) -> str:
    """Return the transfer syntax of a data set that does not name it, from its first six bytes."""
    if head[:1] == b"\0" and head[1:2] != b"\0":
        return BIG_ENDIAN
    return EXPLICIT if VR.fullmatch(head[4:6]) else IMPLICIT


def _parse_body(view: memoryview, syntax: str, memory: Memory) -> Source:
    if syntax not in PLAIN | COMPRESSED:
        raise unsupported()
    if syntax == DEFLATED:
        view = memoryview(_inflate(view))
    reader = Reader(view, is_explicit=syntax != IMPLICIT, order=">" if syntax == BIG_ENDIAN else "<")
    item = reader.read_top(memory)
    if not item:
        raise _not_dicom()
    return Source(
        item=item,
        transfer_syntax=EXPLICIT if syntax in PLAIN else syntax,
        is_explicit=syntax != IMPLICIT,
    )


def _inflate(view: memoryview) -> bytes:
    """Return the inflated data set; raises Rejected instead of unpacking a bomb."""
    limit = min(INFLATED_LIMIT, max(INFLATED_FLOOR, len(view) * INFLATED_RATIO))
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = machine.decompress(view, limit)
    except zlib.error as error:
        raise malformed("the compressed header cannot be unpacked") from error
    if machine.unconsumed_tail:
        raise too_large("it unpacks to far more than its size")
    if not machine.eof:
        raise malformed("the compressed header ends too early")
    return plain

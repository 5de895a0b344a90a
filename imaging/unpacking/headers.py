"""The headers of a tar (POSIX.1-2017 pax, ustar, GNU): one file after another, and nothing that is no plain file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imaging.unpacking.inflating import Forwards
from imaging.unpacking.refusals import ArchiveRefusal, Limits, refuse_archive
from imaging.unpacking.sniffing import is_tar

BLOCK = 512
_CHUNK = 64 * 1024
_HIGH = 0x80
# Of a long name or of the records of one file: names are short, and what else they tell is not read.
_LONGEST_EXTENSION = 1024 * 1024
_EXTENSIONS_OF_ONE = 3
_OCTAL = re.compile(rb"[0-7]{0,12}")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=]+)=", re.DOTALL)
_DECIMAL = re.compile(rb"[0-9]{1,19}")
_FILES, _FOLDER = (b"0", b"\0", b"7"), b"5"
_LONG_NAME, _LONG_LINK, _RECORDS, _COMMON_RECORDS, _SPARSE = b"L", b"K", (b"x", b"X"), b"g", b"S"
_NO_FILES = (b"1", b"2", b"3", b"4", b"6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file or folder: its place from 0, its name as bytes in Latin 1, its size in bytes."""

    index: int
    name: str
    size: int
    is_folder: bool


@dataclass(slots=True)
class _Told:
    """What went before the header of a file about it."""

    name: bytes | None = None
    size: int | None = None


class _Broken(ValueError):
    """No header of a tar."""


def entries(stream: Forwards, limits: Limits) -> Iterator[Entry]:
    """Give the entries in order; after each, what the caller did not read of it must be skipped by `rest_of`.

    Raises ArchiveRefused for links, devices, sparse files, too many headers, and what is no whole tar.
    """
    try:
        yield from _entries(stream, limits)
    except _Broken:
        refuse_archive(ArchiveRefusal.DAMAGED, limits)


def padded(size: int) -> int:
    """Return what so many bytes take in whole blocks."""
    return -(-size // BLOCK) * BLOCK


def _entries(stream: Forwards, limits: Limits) -> Iterator[Entry]:
    told, index, headers = _Told(), 0, 0
    while (header := stream.read(BLOCK)).strip(b"\0"):
        headers += 1
        if headers > (1 + _EXTENSIONS_OF_ONE) * limits.entries:
            refuse_archive(ArchiveRefusal.TOO_MANY, limits)
        _require_whole(header)
        kind, size = header[156:157], _number(header[124:136])
        if _is_extension(stream, told, kind=kind, size=size, limits=limits):
            continue
        _require_file(kind, limits)
        name = _name(header) if told.name is None else told.name
        is_folder = kind == _FOLDER or name.endswith(b"/")
        size = size if told.size is None else told.size
        yield Entry(index=index, name=name.decode("latin-1"), size=size, is_folder=is_folder)
        told, index = _Told(), index + 1
    _require_end(stream, header, told)


def _require_whole(header: bytes) -> None:
    """A header with a sum of its bytes that fits, counted unsigned or, as old programs did, signed."""
    if len(header) != BLOCK or not is_tar(header):
        raise _Broken
    rest = header[:148] + b" " * 8 + header[156:]
    told, unsigned = _number(header[148:156]), sum(rest)
    if told not in (unsigned, unsigned - 256 * sum(byte >= _HIGH for byte in rest)):
        raise _Broken


def _require_end(stream: Forwards, block: bytes, told: _Told) -> None:
    """A tar ends with a block of zeros and holds nothing after it: what is cut, or hidden, is not whole."""
    if len(block) != BLOCK or told != _Told():
        raise _Broken
    while block := stream.read(_CHUNK):
        if block.strip(b"\0"):
            raise _Broken


def _require_file(kind: bytes, limits: Limits) -> None:
    if kind in _NO_FILES:
        refuse_archive(ArchiveRefusal.LINK, limits)
    if kind == _SPARSE:
        refuse_archive(ArchiveRefusal.SPARSE, limits)
    if kind not in (*_FILES, _FOLDER):
        raise _Broken


def _is_extension(stream: Forwards, told: _Told, *, kind: bytes, size: int, limits: Limits) -> bool:
    """Read what a header tells about the file that follows."""
    if kind not in (_LONG_NAME, _LONG_LINK, *_RECORDS, _COMMON_RECORDS):
        return False
    if size > _LONGEST_EXTENSION:
        raise _Broken
    content = stream.read(padded(size))
    if len(content) != padded(size):
        raise _Broken
    content = content[:size]
    if kind == _LONG_NAME:
        told.name = content.partition(b"\0")[0]
    elif kind != _LONG_LINK:
        _take_records(told, content, kind, limits)
    return True


def _take_records(told: _Told, content: bytes, kind: bytes, limits: Limits) -> None:
    for key, value in _records(content):
        if key.startswith(b"GNU.sparse"):
            refuse_archive(ArchiveRefusal.SPARSE, limits)
        # What holds for all files can be neither a name nor a size.
        if key in (b"path", b"size") and kind == _COMMON_RECORDS:
            raise _Broken
        if key == b"path":
            told.name = value
        elif key == b"size":
            if not _DECIMAL.fullmatch(value):
                raise _Broken
            told.size = int(value)


def _records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        found = _RECORD.match(content, at)
        end = at + int(found[1]) if found else 0
        if found is None or not found.end() < end <= len(content) or content[end - 1 : end] != b"\n":
            raise _Broken
        yield found[2], content[found.end() : end - 1]
        at = end


def _name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0]
    # In GNU's own form other things stand there.
    is_posix = header[257:263] == b"ustar\0"
    return prefix + b"/" + name if is_posix and prefix else name


def _number(field: bytes) -> int:
    """An octal number, or a big one in base 256 (GNU); never below zero."""
    if field[0] >= _HIGH:
        if field[0] != _HIGH:
            raise _Broken
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not _OCTAL.fullmatch(digits):
        raise _Broken
    return int(digits or b"0", 8)

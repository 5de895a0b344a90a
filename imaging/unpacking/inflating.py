"""A gzip read forwards, inflated piece by piece under a ceiling, so that no claim and no bomb takes room (S09)."""

import io
import zlib
from typing import Protocol

from imaging.unpacking.refusals import ArchiveRefusal, Limits, refuse_archive
from imaging.unpacking.sniffing import SeekableReader, is_gzip

_CHUNK = 64 * 1024
_FREE_TOTAL = 16
# What the headers of one file may take in a tar.
_OVERHEAD = 4096
# One file may be packed as many streams in a row (RFC 1952 2.2); bgzip makes one of each 64 KiB.
_STREAMS = 100_000


class Forwards(Protocol):
    """What a tar is read through, from its first byte to its last."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only at the end."""
        ...

    def skip(self, size: int, /) -> None: ...


class Plain:
    """A file as it lies."""

    def __init__(self, reader: SeekableReader) -> None:
        self._reader = reader
        reader.seek(0)

    def read(self, size: int, /) -> bytes:
        return self._reader.read(size)

    def skip(self, size: int, /) -> None:
        self._reader.seek(size, io.SEEK_CUR)


class Inflated:
    """The content of a gzip, streams in a row included. Raises ArchiveRefused where it is damaged or passes a limit."""

    def __init__(self, reader: SeekableReader, limits: Limits) -> None:
        packed = reader.seek(0, io.SEEK_END)
        reader.seek(0)
        self._reader, self._limits = reader, limits
        self._by_ratio = limits.ratio * packed + _FREE_TOTAL * limits.free_of_ratio
        self._most = min(self._by_ratio, limits.total + limits.entries * _OVERHEAD)
        self._inflater = zlib.decompressobj(wbits=31)
        self._packed = b""
        self._streams, self._given = 1, 0
        self._ready = bytearray()
        self._is_over = False

    def read(self, size: int, /) -> bytes:
        while len(self._ready) < size and not self._is_over:
            self._ready += self._next()
        piece = bytes(self._ready[:size])
        del self._ready[:size]
        return piece

    def skip(self, size: int, /) -> None:
        while size and (piece := self.read(min(size, _CHUNK))):
            size -= len(piece)

    def _next(self) -> bytes:
        if self._inflater.eof and not self._begin_another():
            return b""
        self._packed = self._packed or self._reader.read(_CHUNK)
        if not self._packed:
            refuse_archive(ArchiveRefusal.DAMAGED, self._limits)
        try:
            plain = self._inflater.decompress(self._packed, _CHUNK)
        except zlib.error:
            refuse_archive(ArchiveRefusal.DAMAGED, self._limits)
        self._packed = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        self._count(len(plain))
        return plain

    def _begin_another(self) -> bool:
        """Open the next stream in the row; zeros may fill up a block of a tape, anything else is no gzip."""
        self._packed = self._packed if len(self._packed) > 1 else self._packed + self._reader.read(_CHUNK)
        if is_gzip(self._packed):
            self._streams += 1
            if self._streams > _STREAMS:
                refuse_archive(ArchiveRefusal.TOO_MANY, self._limits)
            self._inflater = zlib.decompressobj(wbits=31)
            return True
        while self._packed:
            if self._packed.strip(b"\0"):
                refuse_archive(ArchiveRefusal.DAMAGED, self._limits)
            self._packed = self._reader.read(_CHUNK)
        self._is_over = True
        return False

    def _count(self, size: int) -> None:
        self._given += size
        if self._given > self._most:
            is_bomb = self._most == self._by_ratio
            refuse_archive(ArchiveRefusal.RATIO if is_bomb else ArchiveRefusal.TOO_LARGE, self._limits)

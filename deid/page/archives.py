"""ZIP archives opened in the page: a member at a time, and none that a browser could choke on."""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from deid.page.limits import LARGEST

_MOST_MEMBERS = 20_000
_LARGEST_WHOLE = 8 * 1024**3
_HIGHEST_RATIO, _HARMLESS_SIZE = 200, 16 << 20
_ENCRYPTED = 0x1
_AT_ONCE = 1 << 20
_PART = 8 << 20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# What reading a damaged archive raises.
_DAMAGES = (IndexError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError)
# What macOS lays beside each file.
_BESIDE = "__MACOSX/"


class ArchiveUnfit(Exception):
    """An archive that is not opened here; `code` says why. The encrypted intake may still take it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Slices(io.RawIOBase):
    """A file of the page as Python reads it: `fetch` gives the bytes from a start to an end."""

    def __init__(self, *, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self._size, self._fetch, self._at = size, fetch, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        data = self._fetch(self._at, end) if end > self._at else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive: its index in the directory, and its bytes once unpacked."""

    index: int
    size: int


class Archive:
    """An open ZIP archive. Raises ArchiveUnfit where it is damaged or beyond the limits."""

    def __init__(self, file: io.RawIOBase) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BufferedReader(file, _AT_ONCE))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
            raise ArchiveUnfit("damaged") from None
        self._infos = self._zip.infolist()
        if len(self._infos) > _MOST_MEMBERS:
            raise ArchiveUnfit("too-many")
        if sum(info.file_size for info in self._infos) > _LARGEST_WHOLE:
            raise ArchiveUnfit("too-large")
        if any(map(_is_strange, self._infos)):
            raise ArchiveUnfit("strange")

    @property
    def members(self) -> list[Member]:
        """The files in it; no folders, and nothing that macOS lays beside them."""
        return [Member(index, info.file_size) for index, info in enumerate(self._infos) if _is_file(info)]

    def read(self, index: int, *, most: int = LARGEST) -> bytes:
        """Return one file, or its first bytes. Raises ArchiveUnfit where it is larger than it says, or damaged."""
        try:
            info = self._infos[index]
            if most >= LARGEST < info.file_size:
                raise ArchiveUnfit("too-large")
            with self._zip.open(info) as member:
                data = member.read(min(info.file_size, most) + (most >= info.file_size))
        except _DAMAGES:
            raise ArchiveUnfit("damaged") from None
        if len(data) != min(info.file_size, most):
            raise ArchiveUnfit("damaged")
        return data

    def parts(self, index: int) -> Iterator[bytes]:
        """Yield one file of any size in parts. Raises ArchiveUnfit where it is damaged, at its end at the latest."""
        try:
            with self._zip.open(self._infos[index]) as member:
                left = self._infos[index].file_size
                while part := member.read(_PART):
                    left -= len(part)
                    yield part
        except _DAMAGES:
            raise ArchiveUnfit("damaged") from None
        if left:
            raise ArchiveUnfit("damaged")


def _is_file(info: zipfile.ZipInfo) -> bool:
    return not info.is_dir() and info.file_size > 0 and not info.filename.startswith(_BESIDE)


def _is_strange(info: zipfile.ZipInfo) -> bool:
    """Whether a member is encrypted, packed in a way we do not unpack, or would unpack to far more than it is."""
    is_bomb = info.file_size > _HARMLESS_SIZE and info.file_size > info.compress_size * _HIGHEST_RATIO
    return bool(info.flag_bits & _ENCRYPTED) or info.compress_type not in _METHODS or is_bomb

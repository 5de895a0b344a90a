"""One file of an archive, unpacked in memory under the eye of its declared size."""

import copy
import zipfile
import zlib
from dataclasses import dataclass
from typing import NoReturn

from imaging.unpacking.refusals import Limits, MemberRefusal, MemberRefused, refused_member
from imaging.unpacking.sniffing import is_archive

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive; `size` is what the archive declares and is checked again while reading."""

    index: int
    size: int
    _archive: zipfile.ZipFile
    _limits: Limits

    def read(self) -> bytes:
        """Unpack in memory, never more than declared plus one byte. Raises MemberRefused."""
        try:
            plain = self._unpack()
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
            self._refuse(MemberRefusal.DAMAGED)
        if len(plain) != self.size:
            self._refuse(MemberRefusal.SIZE_DIFFERS)
        if is_archive(plain):
            self._refuse(MemberRefusal.NESTED)
        return plain

    def _unpack(self) -> bytes:
        entry = copy.copy(self._archive.infolist()[self.index])
        # zipfile silently cuts a member at its declared size; room for more (it reads ahead) shows the lie.
        entry.file_size = self.size + _CHUNK
        plain = bytearray()
        with self._archive.open(entry) as packed:
            while len(plain) <= self.size and (chunk := packed.read(min(_CHUNK, self.size + 1 - len(plain)))):
                plain += chunk
        return bytes(plain)

    def _refuse(self, code: MemberRefusal) -> NoReturn:
        raise MemberRefused(refused_member(self.index, code, self._limits)) from None

"""What may be read of an archive once it was judged; each file is unpacked under the eye of its declared size."""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from imaging.unpacking.names import is_dicomdir, is_system_file
from imaging.unpacking.refusals import Limits, MemberRefusal, MemberRefused, RefusedMember, refused_member
from imaging.unpacking.sniffing import is_archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Entries that are no images by their nature: counted, not kept."""

    directories: int
    system_files: int
    dicomdirs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of the archive; `size` is what the archive declares and is checked again while reading.

    `unpack` gives at most one byte more than `size`. Of a tar it can be read only until the next one is asked for.
    """

    index: int
    size: int
    unpack: Callable[[], bytes]
    limits: Limits

    def read(self) -> bytes:
        """Unpack in memory, never more than declared plus one byte. Raises MemberRefused."""
        try:
            plain = self.unpack()
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
            self._refuse(MemberRefusal.DAMAGED)
        if len(plain) != self.size:
            self._refuse(MemberRefusal.SIZE_DIFFERS)
        if is_archive(plain):
            self._refuse(MemberRefusal.NESTED)
        return plain

    def _refuse(self, code: MemberRefusal) -> NoReturn:
        raise MemberRefused(refused_member(self.index, code, self.limits)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be unpacked, in archive order; members refused at sight, and what is skipped."""

    members: Callable[[], Iterator[Member]]
    wanted: tuple[int, ...]
    refused: tuple[RefusedMember, ...]
    skipped: Skipped
    declared_size: int


def members(plan: Plan) -> Iterator[Member]:
    """Give the wanted members in archive order; bytes are unpacked only by `Member.read`."""
    return plan.members()


def count_skipped(files: Sequence[str], *, directories: int) -> Skipped:
    """Tell how many of these names of files are no images by their nature."""
    return Skipped(
        directories=directories,
        system_files=sum(map(is_system_file, files)),
        dicomdirs=sum(map(is_dicomdir, files)),
    )

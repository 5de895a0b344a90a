"""Safe opening of a site's ZIP: all is judged before anything is unpacked, and no name is ever a path."""

import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imaging.unpacking.reading import Member
from imaging.unpacking.refusals import (
    ArchiveRefusal,
    Limits,
    MemberRefusal,
    RefusedMember,
    refuse_archive,
    refused_member,
)
from imaging.unpacking.sniffing import SeekableReader, is_zip

_DIRECTORY_LIMIT = 8 * 1024 * 1024
_LOCAL_HEADER = 30
_FREE_TOTAL = 16
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
_ARCHIVE_NAME = re.compile(r"\.(zip|tar|tgz|gz|bz2|xz|7z|rar)$", re.IGNORECASE)
_SYSTEM_NAME = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_DICOMDIR_NAME = re.compile(r"(^|/)DICOMDIR$", re.IGNORECASE)
_ESCAPING_NAME = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)|\x00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Entries that are no images by their nature: counted, not kept."""

    directories: int
    system_files: int
    dicomdirs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipPlan:
    """What will be unpacked: entry numbers to read, members refused at sight, and what is skipped."""

    archive: zipfile.ZipFile
    limits: Limits
    wanted: tuple[int, ...]
    refused: tuple[RefusedMember, ...]
    skipped: Skipped
    declared_size: int


class _GuardedReader:
    """Stands between zipfile and the bytes so that a forged directory size cannot make it read gigabytes."""

    def __init__(self, reader: SeekableReader) -> None:
        self._reader = reader

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_LIMIT:
            raise zipfile.BadZipFile
        found = self._reader.read(_DIRECTORY_LIMIT + 1 if size < 0 else size)
        if len(found) > _DIRECTORY_LIMIT:
            raise zipfile.BadZipFile
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def seekable(self) -> bool:
        return True


def plan_zip(reader: SeekableReader, limits: Limits | None = None) -> ZipPlan:
    """Judge a whole ZIP by its directory before unpacking anything; raises ArchiveRefused."""
    limits = limits or Limits()
    if not is_zip(reader):
        refuse_archive(ArchiveRefusal.NOT_A_ZIP, limits)
    archive = _open_archive(reader, limits)
    entries = archive.infolist()
    for rule in (_check_count, _check_entries, _check_sizes, _check_layout):
        rule(archive, limits)
    refused = tuple(_refused_at_sight(entries, limits))
    unwanted = {member.index for member in refused}
    wanted = tuple(i for i, entry in enumerate(entries) if i not in unwanted and not _is_skipped(entry))
    return ZipPlan(
        archive=archive,
        limits=limits,
        wanted=wanted,
        refused=refused,
        skipped=_count_skipped(entries),
        declared_size=sum(entries[i].file_size for i in wanted),
    )


def members(plan: ZipPlan) -> Iterator[Member]:
    """Give the wanted members in archive order; bytes are unpacked only by `Member.read`."""
    entries = plan.archive.infolist()
    for index in plan.wanted:
        yield Member(index, entries[index].file_size, plan.archive, plan.limits)


def _open_archive(reader: SeekableReader, limits: Limits) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(_GuardedReader(reader))
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error):
        refuse_archive(ArchiveRefusal.DAMAGED, limits)


def _check_count(archive: zipfile.ZipFile, limits: Limits) -> None:
    if len(archive.infolist()) > limits.entries:
        refuse_archive(ArchiveRefusal.TOO_MANY, limits)


def _check_entries(archive: zipfile.ZipFile, limits: Limits) -> None:
    for entry in archive.infolist():
        # orig_filename: zipfile itself cuts a name at a NUL byte.
        if _ESCAPING_NAME.search(entry.orig_filename.replace("\\", "/")):
            refuse_archive(ArchiveRefusal.ESCAPING_NAME, limits)
        if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            refuse_archive(ArchiveRefusal.LINK, limits)
        if entry.flag_bits & _ENCRYPTED_FLAGS:
            refuse_archive(ArchiveRefusal.ENCRYPTED, limits)


def _check_sizes(archive: zipfile.ZipFile, limits: Limits) -> None:
    entries = archive.infolist()
    unpacked, packed = sum(e.file_size for e in entries), sum(e.compress_size for e in entries)
    if unpacked > limits.total:
        refuse_archive(ArchiveRefusal.TOO_LARGE, limits)
    claims = [(e.file_size, e.compress_size) for e in entries if e.file_size > limits.free_of_ratio]
    if unpacked > _FREE_TOTAL * limits.free_of_ratio:
        claims.append((unpacked, packed))
    if any(size > limits.ratio * max(squeezed, 1) for size, squeezed in claims):
        refuse_archive(ArchiveRefusal.RATIO, limits)


def _check_layout(archive: zipfile.ZipFile, limits: Limits) -> None:
    end = 0
    for entry in sorted(archive.infolist(), key=lambda e: e.header_offset):
        if entry.header_offset < end:
            refuse_archive(ArchiveRefusal.OVERLAP, limits)
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size
    if end > archive.start_dir:
        refuse_archive(ArchiveRefusal.OVERLAP, limits)


def _refused_at_sight(entries: Sequence[zipfile.ZipInfo], limits: Limits) -> Iterator[RefusedMember]:
    for index, entry in enumerate(entries):
        code = None if _is_skipped(entry) else _fault_at_sight(entry, limits)
        if code:
            yield refused_member(index, code, limits)


def _fault_at_sight(entry: zipfile.ZipInfo, limits: Limits) -> MemberRefusal | None:
    faults = {
        MemberRefusal.EMPTY: entry.file_size == 0,
        MemberRefusal.NESTED: bool(_ARCHIVE_NAME.search(entry.filename)),
        # bzip2 and lzma are unpacked by the standard library without a bound on what one read may give.
        MemberRefusal.METHOD: entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED},
        MemberRefusal.TOO_LARGE: entry.file_size > limits.member,
    }
    return next((code for code, is_faulty in faults.items() if is_faulty), None)


def _is_skipped(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename
    return entry.is_dir() or bool(_SYSTEM_NAME.search(name) or _DICOMDIR_NAME.search(name))


def _count_skipped(entries: Sequence[zipfile.ZipInfo]) -> Skipped:
    files = [entry.filename for entry in entries if not entry.is_dir()]
    system_files = sum(bool(_SYSTEM_NAME.search(name)) for name in files)
    dicomdirs = sum(bool(_DICOMDIR_NAME.search(name)) and not _SYSTEM_NAME.search(name) for name in files)
    return Skipped(directories=len(entries) - len(files), system_files=system_files, dicomdirs=dicomdirs)

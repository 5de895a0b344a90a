"""Safe opening of a site's ZIP: all is judged before anything is unpacked, and no name is ever a path."""

import copy
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial

from imaging.unpacking.names import depth_of, is_archive_name, is_dicomdir, is_escaping, is_system_file
from imaging.unpacking.reading import Member, Plan, count_skipped
from imaging.unpacking.refusals import (
    ArchiveRefusal,
    Limits,
    MemberRefusal,
    RefusedMember,
    refuse_archive,
    refused_member,
)
from imaging.unpacking.sniffing import SeekableReader

_CHUNK = 1024 * 1024
_DIRECTORY_LIMIT = 8 * 1024 * 1024
_LOCAL_HEADER = 30
_FREE_TOTAL = 16
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000


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


def plan_zip(reader: SeekableReader, limits: Limits) -> Plan:
    """Judge a whole ZIP by its directory before unpacking anything; raises ArchiveRefused."""
    archive = _open_archive(reader, limits)
    entries = archive.infolist()
    for rule in (_check_count, _check_entries, _check_sizes, _check_layout):
        rule(archive, limits)
    refused = tuple(_refused_at_sight(entries, limits))
    unwanted = {member.index for member in refused}
    wanted = tuple(i for i, entry in enumerate(entries) if i not in unwanted and not _is_skipped(entry))
    files = [entry.filename for entry in entries if not entry.is_dir()]
    return Plan(
        members=partial(_members, archive, wanted, limits),
        wanted=wanted,
        refused=refused,
        skipped=count_skipped(files, directories=len(entries) - len(files)),
        declared_size=sum(entries[i].file_size for i in wanted),
    )


def _members(archive: zipfile.ZipFile, wanted: Sequence[int], limits: Limits) -> Iterator[Member]:
    entries = archive.infolist()
    for index in wanted:
        unpack = partial(_unpack, archive, entries[index])
        yield Member(index=index, size=entries[index].file_size, unpack=unpack, limits=limits)


def _unpack(archive: zipfile.ZipFile, told: zipfile.ZipInfo) -> bytes:
    entry, size = copy.copy(told), told.file_size
    # zipfile silently cuts a member at its declared size; room for more (it reads ahead) shows the lie.
    entry.file_size = size + _CHUNK
    plain = bytearray()
    with archive.open(entry) as packed:
        while len(plain) <= size and (chunk := packed.read(min(_CHUNK, size + 1 - len(plain)))):
            plain += chunk
    return bytes(plain)


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
        if is_escaping(entry.orig_filename):
            refuse_archive(ArchiveRefusal.ESCAPING_NAME, limits)
        if depth_of(entry.filename) > limits.depth:
            refuse_archive(ArchiveRefusal.TOO_DEEP, limits)
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
        MemberRefusal.NESTED: is_archive_name(entry.filename),
        # bzip2 and lzma are unpacked by the standard library without a bound on what one read may give.
        MemberRefusal.METHOD: entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED},
        MemberRefusal.TOO_LARGE: entry.file_size > limits.member,
    }
    return next((code for code, is_faulty in faults.items() if is_faulty), None)


def _is_skipped(entry: zipfile.ZipInfo) -> bool:
    return entry.is_dir() or is_system_file(entry.filename) or is_dicomdir(entry.filename)

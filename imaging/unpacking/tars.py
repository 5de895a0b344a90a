"""Safe opening of a tar, plain or gzipped, and of one gzipped image: read through once and judged, then once more."""

from collections.abc import Callable, Iterator
from functools import partial

from imaging.unpacking.headers import Entry, entries, padded
from imaging.unpacking.inflating import Forwards, Inflated, Plain
from imaging.unpacking.names import depth_of, is_archive_name, is_dicomdir, is_escaping, is_system_file
from imaging.unpacking.reading import Member, Plan, count_skipped
from imaging.unpacking.refusals import ArchiveRefusal, Limits, MemberRefusal, refuse_archive, refused_member
from imaging.unpacking.sniffing import SeekableReader, is_tar, looks_like_dicom

_HEAD = 512
_CHUNK = 64 * 1024
Opening = Callable[[], Forwards]


def plan_tar(reader: SeekableReader, limits: Limits) -> Plan:
    """Judge a whole tar by its headers; raises ArchiveRefused."""
    return _plan(lambda: Plain(reader), limits)


def plan_gzip(reader: SeekableReader, limits: Limits) -> Plan:
    """Judge a gzip by inflating all of it once, nothing kept: a tar, or one image. Raises ArchiveRefused."""
    head = Inflated(reader, limits).read(_HEAD)
    if is_tar(head):
        return _plan(lambda: Inflated(reader, limits), limits)
    if not looks_like_dicom(head):
        refuse_archive(ArchiveRefusal.UNKNOWN_KIND, limits)
    return _plan_image(lambda: Inflated(reader, limits), limits)


def _plan(opening: Opening, limits: Limits) -> Plan:
    judged = list(_judged(opening(), limits))
    files = [entry for entry in judged if not entry.is_folder]
    faults = {entry.index: code for entry in files if (code := _fault_at_sight(entry, limits))}
    wanted = {entry.index: entry.size for entry in files if not _is_skipped(entry) and entry.index not in faults}
    return Plan(
        members=partial(_members, opening, frozenset(wanted), limits),
        wanted=tuple(wanted),
        refused=tuple(refused_member(index, code, limits) for index, code in faults.items()),
        skipped=count_skipped([entry.name for entry in files], directories=len(judged) - len(files)),
        declared_size=sum(wanted.values()),
    )


def _judged(stream: Forwards, limits: Limits) -> Iterator[Entry]:
    total = 0
    for entry in entries(stream, limits):
        total += entry.size
        _judge(entry, total, limits)
        yield entry
        stream.skip(padded(entry.size))


def _judge(entry: Entry, total: int, limits: Limits) -> None:
    faults = {
        ArchiveRefusal.TOO_MANY: entry.index >= limits.entries,
        ArchiveRefusal.TOO_LARGE: total > limits.total,
        ArchiveRefusal.ESCAPING_NAME: is_escaping(entry.name),
        ArchiveRefusal.TOO_DEEP: depth_of(entry.name) > limits.depth,
    }
    for code, is_faulty in faults.items():
        if is_faulty:
            refuse_archive(code, limits)


def _fault_at_sight(entry: Entry, limits: Limits) -> MemberRefusal | None:
    if _is_skipped(entry):
        return None
    faults = {
        MemberRefusal.EMPTY: entry.size == 0,
        MemberRefusal.NESTED: is_archive_name(entry.name),
        MemberRefusal.TOO_LARGE: entry.size > limits.member,
    }
    return next((code for code, is_faulty in faults.items() if is_faulty), None)


def _is_skipped(entry: Entry) -> bool:
    return is_system_file(entry.name) or is_dicomdir(entry.name)


def _members(opening: Opening, wanted: frozenset[int], limits: Limits) -> Iterator[Member]:
    stream = opening()
    for entry in entries(stream, limits):
        taken = _Taken(stream, entry.size)
        if entry.index in wanted:
            yield Member(index=entry.index, size=entry.size, unpack=taken.read, limits=limits)
        stream.skip(padded(entry.size) - taken.size)


class _Taken:
    """The bytes of one file, and how many of them somebody took."""

    def __init__(self, stream: Forwards, whole: int) -> None:
        self._stream, self._whole, self.size = stream, whole, 0

    def read(self) -> bytes:
        plain = self._stream.read(self._whole - self.size)
        self.size += len(plain)
        return plain


def _plan_image(opening: Opening, limits: Limits) -> Plan:
    size = _size_of(opening(), limits)
    return Plan(
        members=lambda: iter([Member(index=0, size=size, unpack=lambda: opening().read(size + 1), limits=limits)]),
        wanted=(0,),
        refused=(),
        skipped=count_skipped([], directories=0),
        declared_size=size,
    )


def _size_of(stream: Forwards, limits: Limits) -> int:
    size = 0
    while piece := stream.read(_CHUNK):
        size += len(piece)
        if size > limits.member:
            refuse_archive(ArchiveRefusal.TOO_LARGE, limits)
    return size

"""Writing sealed parts so that they survive a power cut: temporary name, sync, rename, sync of the folders."""

import ctypes
import itertools
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TEMPORARY_PREFIX = ".unfinished-"
# One run of one process, and its files one after another: no two have one name, nor has any that a killed one left.
_RUN, _numbers = secrets.token_hex(8), itertools.count()
# Linux: the disk begins with what was written, and nobody waits for it (sync_file_range(2)).
_begin_writing = getattr(ctypes.CDLL(None), "sync_file_range", None)
_FROM_THE_START, _TO_THE_END, _WRITE = ctypes.c_int64(0), ctypes.c_int64(0), ctypes.c_uint(2)


@dataclass(slots=True)
class Unfinished:
    """Bytes that lie under a temporary name, on their way to the disk but not synced yet."""

    descriptor: int
    temporary: str
    target: Path

    def finish(self) -> None:
        os.fdatasync(self.descriptor)
        self.close()
        # By strings: on this path a Path costs as much as the call to the kernel.
        os.replace(self.temporary, str(self.target))  # noqa: PTH105

    def abandon(self) -> None:
        self.close()
        Path(self.temporary).unlink(missing_ok=True)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class DurableFolder:
    """Writes into folders `depth` levels below a root; of those it has made durable itself only the last is synced."""

    def __init__(self, *, depth: int) -> None:
        self._depth = depth
        self._durable: set[Path] = set()

    def write(self, target: Path, *pieces: bytes | memoryview) -> None:
        """When this returns, the file has its name and survives a power cut. Raises OSError and leaves nothing."""
        self.finish([self.begin(target, *pieces)])

    def begin(self, target: Path, *pieces: bytes | memoryview) -> Unfinished:
        """Write under a temporary name; `finish` makes it durable. Raises OSError and leaves nothing."""
        if target.parent not in self._durable:
            for folder in self._folders(target.parent)[-2::-1]:
                folder.mkdir(mode=0o700, exist_ok=True)
        return _write_new(target, *pieces)

    def finish(self, begun: Sequence[Unfinished]) -> None:
        """Sync and name all that was begun, and sync each folder once. Raises OSError; what has no name then goes."""
        try:
            for one in begun:
                one.finish()
        except BaseException:
            for one in begun:
                one.abandon()
            raise
        # Another process may have made a parent an instant ago: each level is synced before we answer.
        parents = {one.target.parent for one in begun}
        for folder in dict.fromkeys(folder for parent in sorted(parents) for folder in self._folders(parent)):
            sync_folder(folder)
        self._durable |= parents

    def _folders(self, parent: Path) -> tuple[Path, ...]:
        return (parent,) if parent in self._durable else (parent, *parent.parents[: self._depth])


def _write_new(target: Path, *pieces: bytes | memoryview) -> Unfinished:
    temporary = f"{target.parent}/{TEMPORARY_PREFIX}{_RUN}-{os.getpid()}-{next(_numbers)}"
    made = Unfinished(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), temporary, target)
    try:
        for piece in pieces:
            _write_all(made.descriptor, memoryview(piece))
    except BaseException:
        made.abandon()
        raise
    _send_off(made.descriptor)
    return made


def _send_off(descriptor: int) -> None:
    """Let the disk begin, so that whoever made the bytes may do something else before `finish` waits for it.

    It promises nothing, so a refusal means nothing: what counts is the sync.
    """
    if _begin_writing is not None:
        _begin_writing(descriptor, _FROM_THE_START, _TO_THE_END, _WRITE)


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""One fair gate before the database file: SQLite itself lets a writer starve for seconds while others pass it.

Why ranges of bytes and no flock(2): flock cannot give up a wait, and lets whoever comes at the right moment go first.
"""

import fcntl
import os
import sqlite3
import struct
import time
from io import FileIO
from pathlib import Path
from weakref import WeakSet

# struct flock of fcntl(2): kind, whence, start, length, process (0, as an open file holds the lock).
_LOCK = struct.Struct("hhqqi4x")
# Seconds between two looks: at first short beside a commit that reaches the disk, then long beside the look itself.
_FIRST_PAUSE, _LONGEST_PAUSE, _SLOWER = 0.0001, 0.0005, 1.1

_BUSY = (
    "The database has been busy for {patience:g} seconds: one write holds it and does not end. "
    "Nothing of this one was saved; try again, and if that fails too, stop Corelab and start it anew."
)
_SHUT = (
    "Nothing was saved: the file {name} beside the database cannot be opened or locked ({cause}). "
    "Let the account that runs Corelab write in its home directory, on a local disk."
)


class Gate:
    """The place of one connection at the gate; two connections never share one.

    Whoever comes locks the byte of the file that the clock names, and is inside once it has locked all bytes up to
    that one: nobody is let in before somebody who came earlier, and the kernel frees what a dead process held.
    """

    def __init__(self, path: Path, *, patience: float) -> None:
        self.path = path
        self._patience = patience
        self._file: FileIO | None = None
        _gates.add(self)

    def enter(self) -> None:
        """Wait in the order of coming; return at once if inside already.

        Raises sqlite3.OperationalError after `patience` seconds, or if the file cannot be opened or locked.
        """
        if self._file is not None:
            return
        try:
            self._file = FileIO(self.path, "a", opener=_open_privately)
            self._wait(self._file, deadline=time.monotonic() + self._patience)
        except OSError as error:
            self.leave()
            raise sqlite3.OperationalError(_SHUT.format(name=self.path.name, cause=error.strerror)) from error
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Let the next one in; nothing if we are not inside."""
        file, self._file = self._file, None
        if file is not None:
            with file:
                # Closing alone would not do while a program being started has the file too, between its fork and exec.
                _ask(file, fcntl.F_UNLCK, start=0, length=0)

    def forget(self) -> None:
        """Be outside, in a forked child: the lock is the parent's, and to unlock it would let somebody in beside it."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _wait(self, file: FileIO, *, deadline: float) -> None:
        place, pause = _line_up(file), _FIRST_PAUSE
        while not _is_locked(file, start=0, length=place + 1):
            if time.monotonic() > deadline:
                raise sqlite3.OperationalError(_BUSY.format(patience=self._patience))
            time.sleep(pause)
            pause = min(pause * _SLOWER, _LONGEST_PAUSE)


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _line_up(file: FileIO) -> int:
    # Taken only if another drew the same nanosecond, or passed between our look at the clock and the lock.
    while not _is_locked(file, start=(place := time.monotonic_ns()), length=1):
        continue
    return place


def _is_locked(file: FileIO, *, start: int, length: int) -> bool:
    try:
        _ask(file, fcntl.F_WRLCK, start=start, length=length)
    except BlockingIOError:
        return False
    return True


def _ask(file: FileIO, kind: int, *, start: int, length: int) -> None:
    # OFD: held by this open file, so two threads of one process exclude each other as two processes do.
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, start, length, 0))


def _forget_all() -> None:
    for gate in _gates:
        gate.forget()


_gates: WeakSet[Gate] = WeakSet()
os.register_at_fork(after_in_child=_forget_all)

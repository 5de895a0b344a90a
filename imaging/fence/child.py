"""The parent's end of one child: started when needed, bounded for each file, brought back after it fell."""

import contextlib
import fcntl
import os
import pickle
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaging.fence.framing import Garbled, Reader, decode, pack

MEGABYTE = 1024 * 1024
WORKER, DRAWER = "imaging.fence.worker", "imaging.fence.drawer"
_ROOT = Path(__file__).resolve().parents[2]
_PIPE = MEGABYTE
_START_SECONDS = 60.0
_TICK_SECONDS = 10.0
GIGABYTE = 1024 * MEGABYTE
# Nothing of ours is told to the child: neither keys nor addresses of the database.
_ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
    # Threads of a numerics library would each claim address space that the limit counts.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # So would the threads of a decoder, each with a heap of its own.
    "MALLOC_ARENA_MAX": "1",
}
# What a child may keep of earlier files: one that kept more is let go, since the next file would miss it.
_KEEPS = 64 * MEGABYTE


Tick = Callable[[], None]


class ChildFell(RuntimeError):
    """The child died, said nothing in time, or said nonsense: whatever it worked on is not to be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file of `size` bytes may cost (S07): memory over the child's rest, processor time, time by the clock."""

    memory: int
    cpu_seconds: int
    seconds: float
    answer: int

    @classmethod
    def of(cls, size: int) -> "Limits":
        """512 MiB and 10 s, and more for a big file, since several copies of it are held and all of it is walked."""
        return cls(
            memory=512 * MEGABYTE + 5 * size,
            cpu_seconds=10 + size // (4 * MEGABYTE),
            seconds=30.0 + size / (2 * MEGABYTE),
            answer=64 * MEGABYTE + 2 * size,
        )

    @classmethod
    def of_look(cls, size: int) -> "Limits":
        """3 GiB and 20 min: models that read text, and a loop of some hundred frames at about two seconds each."""
        return cls(memory=3 * GIGABYTE + 5 * size, cpu_seconds=1200, seconds=1500.0, answer=64 * MEGABYTE + 2 * size)


class Child:
    """One child process, for one caller at a time; `module` is what it runs, and `keeps` what it may keep, in bytes."""

    def __init__(self, module: str = WORKER, *, keeps: int = _KEEPS) -> None:
        self._module, self._keeps = module, keeps
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = 0
        self._owner = 0

    def ask(
        self,
        operation: str,
        told: Mapping[str, Any],
        blobs: Sequence[bytes],
        limits: Limits,
        tick: Tick | None = None,
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Have one operation done; return its answer and bytes. Raises ChildFell, and what `tick` raises.

        Whatever is raised, the next ask starts anew: no answer to an earlier question may be taken for its own.
        """
        process = self._living()
        deadline = time.monotonic() + limits.seconds
        try:
            self._bound(process.pid, limits)
            # Towards the child only: it trusts us, and we never unpickle what it says.
            _send(process, pack(pickle.dumps((operation, dict(told))), blobs), deadline)
            head, given = _receive(process, Reader(longest=limits.answer), deadline, tick)
            return decode(head), given
        except (OSError, Garbled, TimeoutError) as error:
            self.stop()
            raise ChildFell(type(error).__name__) from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill the child and forget it; nothing there is no error."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        # A child of another process, inherited by a fork, is not ours to kill.
        if self._owner == os.getpid():
            process.kill()
            process.wait()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def _living(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and not self._is_fit(self._process):
            self.stop()
        if self._process is None:
            self._start()
        assert self._process is not None  # noqa: S101  just started
        return self._process

    def _is_fit(self, process: "subprocess.Popen[bytes]") -> bool:
        if self._owner != os.getpid() or process.poll() is not None:
            return False
        return _address_space(process.pid) <= self._rest + self._keeps

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  one of our own two modules
            [sys.executable, "-s", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What a parser says of a file may quote it.
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env=_ENVIRONMENT,
            bufsize=0,
        )
        self._owner = os.getpid()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None  # noqa: S101  both are pipes
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
        try:
            _receive(self._process, Reader(longest=0), time.monotonic() + _START_SECONDS)
        except (OSError, Garbled):
            self.stop()
            raise OSError("the child that parses images could not be started") from None
        self._rest = _address_space(self._process.pid)

    def _bound(self, pid: int, limits: Limits) -> None:
        memory = self._rest + limits.memory
        resource.prlimit(pid, resource.RLIMIT_AS, (memory, resource.RLIM_INFINITY))
        used = int(_cpu_seconds(pid)) + 1
        resource.prlimit(pid, resource.RLIMIT_CPU, (used + limits.cpu_seconds, resource.RLIM_INFINITY))


def _address_space(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _cpu_seconds(pid: int) -> float:
    told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def _send(process: "subprocess.Popen[bytes]", pieces: Sequence[bytes | memoryview], deadline: float) -> None:
    assert process.stdin is not None  # noqa: S101  a pipe
    for piece in pieces:
        left = memoryview(piece)
        while left:
            _wait(process.stdin.fileno(), select.POLLOUT, deadline)
            left = left[os.write(process.stdin.fileno(), left) :]


def _receive(
    process: "subprocess.Popen[bytes]", reader: Reader, deadline: float, tick: Tick | None = None
) -> tuple[bytes, list[bytes]]:
    assert process.stdout is not None  # noqa: S101  a pipe
    reader.feed(b"")
    while not reader.is_whole:
        _wait(process.stdout.fileno(), select.POLLIN, deadline, tick)
        piece = os.read(process.stdout.fileno(), min(reader.wanted, _PIPE))
        if not piece:
            raise Garbled
        reader.feed(piece)
    return reader.message


def _wait(descriptor: int, event: int, deadline: float, tick: Tick | None = None) -> None:
    waiting = select.poll()
    waiting.register(descriptor, event)
    while (left := deadline - time.monotonic()) > 0:
        if waiting.poll(min(left, _TICK_SECONDS) * 1000):
            return
        if tick is not None:
            tick()
    raise TimeoutError

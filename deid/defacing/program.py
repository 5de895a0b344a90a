"""An outside program on a leash: a clean environment, limits of memory and time, and its whole group killed after."""

import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deid.defacing.record import Program

_LAUNCHER = Path(__file__).with_name("confined.py")
_LONGEST = 64
_MINUTE = 60
_GIBIBYTE = 1 << 30
_TICK_SECONDS = 10.0
Tick = Callable[[], None]


def idle() -> None:
    """Do nothing while a program runs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one series may cost: seconds by the clock, and bytes of address space and of any one file written."""

    seconds: float = 60 * _MINUTE
    memory: int = 16 * _GIBIBYTE


@dataclass(frozen=True, slots=True)
class Defacer:
    """A command of the operator with its whole path, and what is known of the program."""

    words: tuple[str, ...]
    program: Program
    limits: Limits

    def run(self, source: Path, target: Path, *, home: Path, tick: Tick = idle) -> int | None:
        """Run it on a folder; return its exit code, None where its time ran out. `home` is its place for scraps.

        `tick` is called every few seconds; where it raises, the program is ended.
        """
        return _run((*self.words, str(source), str(target)), home=home, limits=self.limits, tick=tick)


def is_there(command: str) -> bool:
    """Whether the program of a command line can be started on this machine."""
    return shutil.which((shlex.split(command) or [""])[0]) is not None


def find_defacer(command: str, limits: Limits | None = None) -> Defacer:
    """Return the defacer of a command line. Raises ValueError where it is not there or tells no version.

    It is called as `COMMAND SOURCE TARGET`, two folders, and as `COMMAND --version`, to which it answers one line.
    """
    limits = limits or Limits()
    first, *rest = shlex.split(command) or [""]
    found = shutil.which(first)
    if found is None:
        raise ValueError("the defacer is not on this machine, or may not be started")
    # By whole paths: it runs in a folder of its own.
    words = tuple(str(Path(word).absolute()) if Path(word).is_file() else word for word in (found, *rest))
    named = [Path(word) for word in words if Path(word).is_file()]
    program = Program(
        name=" ".join(map(_plain, named))[:_LONGEST],
        version=_version(words, limits),
        files=tuple((_plain(path), _digest(path)) for path in named),
    )
    return Defacer(words, program, limits)


def _plain(path: Path) -> str:
    """Return the name of a file as it may stand in a text of an object."""
    return "".join(sign for sign in path.name if sign.isprintable() and sign != "\\")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(words: tuple[str, ...], limits: Limits) -> str:
    """Return the first line that the program answers to --version."""
    with tempfile.TemporaryDirectory(prefix="defacer-") as folder:
        home = Path(folder)
        limits = Limits(seconds=min(_MINUTE, limits.seconds), memory=limits.memory)
        code = _run((*words, "--version"), home=home, limits=limits, told=home / "told")
        with (home / "told").open("rb") as told:
            line = told.readline(4 * _LONGEST).decode("ascii", "replace").strip()
    if code != 0 or not line.isascii() or not line.isprintable() or "\\" in line or not 0 < len(line) <= _LONGEST:
        raise ValueError("the defacer does not answer --version with one short line")
    return line


def _run(
    words: Sequence[str], *, home: Path, limits: Limits, told: Path | None = None, tick: Tick = idle
) -> int | None:
    launched = [sys.executable, "-I", str(_LAUNCHER), str(limits.memory), *words]
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C.UTF-8",
    }
    with Path(told or os.devnull).open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  the operator's own program, without a shell
            launched, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL,
            cwd=home, env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        return _ended(process, seconds=limits.seconds, tick=tick)
    finally:
        # Whatever it started goes with it; nothing may write on after the look at its work.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ended(process: subprocess.Popen[bytes], *, seconds: float, tick: Tick) -> int | None:
    """Return the exit code, None where the time ran out."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            return process.wait(timeout=min(left, _TICK_SECONDS))
        except subprocess.TimeoutExpired:
            tick()
    return None

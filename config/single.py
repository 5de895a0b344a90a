"""What must hold before a run begins: one supervisor in a home, both ports free; and before its children serve."""

import errno
import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_PREPARED = "prepared.lock"


class CannotRun(RuntimeError):
    """A sentence for the operator: why nothing was started, and what to change."""


def lock_home(home: Path) -> TextIO:
    """Hold the returned file open for the whole run; the kernel frees the lock however the process ends.

    Raises CannotRun where another run holds it.
    """
    file = (home / "run.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CannotRun(
            f"Corelab is running in {home} already: stop that one, or name another home with CORELAB_HOME."
        ) from None
    return file


@contextmanager
def preparing(home: Path, *, instance: str) -> Iterator[None]:
    """Hold back the children of this run while the block prepares what they serve; they go on if it ends well."""
    with (home / _PREPARED).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        # By the lock alone nobody could tell a run that was killed in between from one that is done.
        file.write(instance)


def wait_until_prepared(home: Path, *, instance: str) -> None:
    """Return once the run of this name has prepared everything; at once where no run stands above.

    Raises CannotRun where that run ended before.
    """
    if not instance:
        return
    with (home / _PREPARED).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        if file.read() != instance:
            raise CannotRun("The run that this process belongs to ended before everything was prepared.")


def require_port(address: str, port: int, *, variable: str) -> None:
    """Raise CannotRun, naming the variable to change, where our server could not listen there."""
    try:
        family, kind, protocol, _name, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the servers do: connections that a stopped run left waiting must not count as somebody.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except (OSError, OverflowError) as error:
        raise CannotRun(_sentence(error, address, port, variable)) from None


def _sentence(error: Exception, address: str, port: int, variable: str) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"Port {port} is taken by another program: choose a free one with {variable}."
        case errno.EACCES:
            return f"Port {port} is not allowed for this account: choose one from 1024 with {variable}."
        case _:
            return f"Nothing can listen on {address} port {port}: check CORELAB_BIND and {variable}."

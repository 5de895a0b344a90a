"""Wraps a child of the supervisor: dies with it, even when it is killed, then becomes the command.

A wrapper and no `preexec_fn`: that one runs Python between fork and exec, where a thread's lock may hang it for ever.
It is started isolated (`python -I`), so it imports nothing of ours and costs no time.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

# prctl(2): the kernel sends this signal when the parent ends; it outlives exec. Other systems than Linux have none.
PR_SET_PDEATHSIG = 1


def give_way(niceness: int) -> None:
    """Let others run first; Linux weighs sessions against each other (sched(7), autogroup), so that is told as well."""
    if not niceness:
        return
    os.nice(niceness)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


def die_with(parent: int, *, by: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
    # Killed before the kernel was asked.
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    parent, niceness, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    die_with(parent, by=signal.SIGTERM)
    give_way(niceness)
    os.execv(command[0], command)  # noqa: S606  our own commands, no shell


if __name__ == "__main__":
    main()

"""Wraps a child of the supervisor: dies with it, even when it is killed, then becomes the command.

A wrapper and no `preexec_fn`: that one runs Python between fork and exec, where a thread's lock may hang it for ever.
It is started isolated (`python -I`), so it imports nothing of ours and costs no time.
"""

import ctypes
import os
import signal
import sys

# prctl(2): the kernel sends this signal when the parent ends; it outlives exec. Other systems than Linux have none.
PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # Killed before the kernel was asked.
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  our own commands, no shell


if __name__ == "__main__":
    main()

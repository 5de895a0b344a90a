"""Becomes another program after giving away what that one needs none of: memory without end, cores, the network.

Run by its path with an isolated interpreter: `confined.py MEMORY PROGRAM [ARGUMENT]...`, memory in bytes.
"""

import contextlib
import ctypes
import os
import resource
import sys
from pathlib import Path

_NEW_USER, _NEW_NETWORK, _NO_NEW_PRIVILEGES = 0x10000000, 0x40000000, 38


def confine(memory: int) -> None:
    """Set the limits that children inherit; where the system allows it there is no network, either."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold pictures
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # Refused in many containers: then the limits above must do.
    if libc.unshare(_NEW_USER | _NEW_NETWORK) == 0:
        _stay(user, group)


def _stay(user: int, group: int) -> None:
    """Keep the numbers of user and group in the new name space, so that files stay one's own."""
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


if __name__ == "__main__":
    confine(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  the operator's own program, without a shell

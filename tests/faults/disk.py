"""A small disk of its own, where this machine lets one be mounted."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILLING = "filling"


@contextmanager
def small(folder: Path, *, megabytes: int) -> Iterator[bool]:
    """Mount a disk in memory at `folder`; tells whether it may be mounted."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "corelab-faults", str(folder)]
    told = subprocess.run(words, capture_output=True, check=False)
    try:
        yield told.returncode == 0
    finally:
        if told.returncode == 0:
            # A child that ends late may still hold a file there.
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path, *, but: int) -> Iterator[None]:
    """Fill the disk of `folder` as long as the block lasts, leaving `but` bytes free."""
    path = folder / FILLING
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free(folder) - but)
    try:
        yield
    finally:
        path.unlink()


def free(folder: Path) -> int:
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize

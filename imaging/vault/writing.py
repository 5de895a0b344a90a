"""Writing sealed parts so that they survive a power cut: temporary name, sync, rename, sync of the folders."""

import os
import secrets
from pathlib import Path

TEMPORARY_PREFIX = ".unfinished-"


class DurableFolder:
    """Writes into folders `depth` levels below a root; of those it has made durable itself only the last is synced."""

    def __init__(self, *, depth: int) -> None:
        self._depth = depth
        self._durable: set[Path] = set()

    def write(self, target: Path, *pieces: bytes | memoryview) -> None:
        """When this returns, the file has its name and survives a power cut. Raises OSError and leaves nothing."""
        known = target.parent in self._durable
        folders = (target.parent,) if known else (target.parent, *target.parent.parents[: self._depth])
        for folder in () if known else folders[-2::-1]:
            folder.mkdir(mode=0o700, exist_ok=True)
        _write_and_rename(target, *pieces)
        # Another process may have made a parent an instant ago: each level is synced before we answer.
        for folder in folders:
            sync_folder(folder)
        self._durable.add(target.parent)


def _write_and_rename(target: Path, *pieces: bytes | memoryview) -> None:
    temporary = target.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    try:
        _write_new(temporary, *pieces)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_new(path: Path, *pieces: bytes | memoryview) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fdatasync(file.fileno())


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

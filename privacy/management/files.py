"""Writing what a command hands out: into a folder of its own, readable by its owner alone."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.core.management.base import CommandError


def refuse_taken(folder: Path, names: Iterable[str]) -> None:
    """Raise CommandError where a file of this name is there: asked before anything is written into the ledger."""
    if taken := [name for name in names if (folder / name).exists()]:
        raise CommandError(f"{taken[0]} is in the folder already: nothing was written. Name an empty one.")


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files, none over another."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, data in files.items():
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)

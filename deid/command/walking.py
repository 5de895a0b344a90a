"""Which files of a folder are taken, so that none is left out without a word; and how their names are told."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Walk:
    """The regular files below a folder in order, and the folders that were not gone into."""

    files: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)


def walk(source: Path) -> Walk:
    """Find every file below a folder; a folder that cannot be opened, or is a link, is told and not gone into.

    A link may lead out of what the site meant to give, or in a circle.
    """
    found = Walk()
    for folder, folders, names in os.walk(source, onerror=lambda error: found.closed.append(Path(error.filename))):
        here = Path(folder)
        found.closed += [here / name for name in folders if (here / name).is_symlink()]
        found.files += [here / name for name in names if (here / name).is_file()]
    found.files.sort()
    return found


def told_name(path: Path, source: Path) -> str:
    """Return a path below the source as one printable line, whatever bytes its name holds."""
    text = os.fsencode(path.relative_to(source)).decode("utf-8", errors="backslashreplace")
    return "".join(_printable(text))


def _printable(text: str) -> Iterator[str]:
    for letter in text:
        yield letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")


def require_writable(path: Path | None, *, source: Path) -> None:
    """Raise ValueError, before an hour's work, where a list cannot be written in the end; the source is only read."""
    if path is None:
        return
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise ValueError(f"{path}: a list is written into a file, in a folder that is there")
    if path.resolve().is_relative_to(source.resolve()):
        raise ValueError(f"{path}: nothing is written into the source")

"""Where the header-cleaned files of a series wait for the defacer, and where every file it gives back is compared."""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deid.burned.record import PixelRecord
from deid.defacing.comparing import altered, is_changed, with_picture
from deid.defacing.program import Defacer, Tick, idle
from deid.defacing.record import FaceRecord
from deid.defacing.rules import faces_remain, require_uncompressed
from deid.elements import Source, text_of
from deid.result import Cleaned
from deid.writer import write_file

_PATIENT_ID, _SERIES = 0x00100020, 0x0020000E
# How a writer of files may differ: group lengths, a preamble, names of its own in the file meta.
_SLACK = 1 << 20


@dataclass(slots=True)
class Place:
    """One object that waits: of which series and subject, its file there, and what was done to its picture before."""

    series: str
    file: str
    pixels: PixelRecord | None
    taken_sha256: str = field(default="", init=False)


class Booth:
    """The files of all series wait in a folder of one's own; nothing of it outlives the caller's folder.

    `compare` takes what was given and what came back, as `deid.defacing.comparing.is_changed`.
    """

    def __init__(self, defacer: Defacer, *, folder: Path, compare: Callable[[bytes, bytes], bool] = is_changed) -> None:
        self._defacer, self._folder, self._compared = defacer, folder, compare
        self._series: dict[str, list[Place]] = {}

    def hold(self, cleaned: Cleaned) -> Place:
        """Write a header-cleaned object for the defacer. Raises Rejected where its picture is compressed."""
        require_uncompressed(cleaned.item)
        series = f"{text_of(cleaned.item[_SERIES])} {text_of(cleaned.item[_PATIENT_ID])}"
        place = self._next(series, pixels=cleaned.pixels)
        with self._path(place).open("wb", buffering=0) as file:
            write_file(cleaned.parts, target=file.fileno())
        return place

    def hold_written(self, data: bytes, *, series: str, pixels: PixelRecord | None) -> Place:
        """As `hold`, for a header-cleaned file that was written already and is uncompressed. Raises OSError."""
        place = self._next(series, pixels=pixels)
        self._path(place).write_bytes(data)
        return place

    def deface(self, series: str, *, tick: Tick = idle) -> FaceRecord:
        """Have one series defaced and compare every file. Raises Rejected, for the series as a whole.

        `tick` is called every few seconds; what it raises ends the program and goes on to the caller.
        """
        places, home = self._series[series], self._home(series)
        for folder in (self._made(series), home / "scraps"):
            folder.mkdir(mode=0o700)
        code = self._defacer.run(self._given(series), self._made(series), home=home / "scraps", tick=tick)
        _require_success(code)
        if {entry.name for entry in os.scandir(self._made(series))} != {place.file for place in places}:
            raise faces_remain(
                "The program that takes faces out gave back other files than it was given. Look at the program, "
                "and run again."
            )
        changed = sum(self._compare(place, tick=tick) for place in places)
        if not changed:
            raise faces_remain(
                "The program that takes faces out changed nothing in this series, which proves nothing. If the series "
                "shows no face, clean it without that option."
            )
        return FaceRecord(program=self._defacer.program, objects=len(places), changed=changed)

    def forget(self, series: str) -> None:
        """Remove the files of a series."""
        del self._series[series]
        shutil.rmtree(self._home(series))

    def taken(self, place: Place) -> bytes:
        """Return the file that came back, as it was when it was compared. Raises Rejected."""
        data = _read(self._made(place.series) / place.file, most=_size(self._path(place)) + _SLACK)
        if hashlib.sha256(data).hexdigest() != place.taken_sha256:
            raise altered()
        return data

    def defaced(self, place: Place, source: Source) -> Source:
        """Return an original with the pixels that the defacer made of it. Raises Rejected."""
        return with_picture(source, self.taken(place))

    def _compare(self, place: Place, *, tick: Tick) -> bool:
        tick()
        given = self._path(place)
        data = _read(self._made(place.series) / place.file, most=_size(given) + _SLACK)
        is_other = self._compared(given.read_bytes(), data)
        place.taken_sha256 = hashlib.sha256(data).hexdigest()
        return is_other

    def _next(self, series: str, *, pixels: PixelRecord | None) -> Place:
        places = self._series.setdefault(series, [])
        places.append(Place(series, f"{len(places) + 1:06}.dcm", pixels))
        self._given(series).mkdir(parents=True, exist_ok=True, mode=0o700)
        return places[-1]

    def _path(self, place: Place) -> Path:
        return self._given(place.series) / place.file

    def _home(self, series: str) -> Path:
        return self._folder / hashlib.sha256(series.encode()).hexdigest()[:16]

    def _given(self, series: str) -> Path:
        return self._home(series) / "given"

    def _made(self, series: str) -> Path:
        return self._home(series) / "made"


def _require_success(code: int | None) -> None:
    if code is None:
        raise faces_remain(
            "The program that takes faces out did not end within its time. Give it more (--defacer-minutes, on a "
            "server CORELAB_DEFACER_MINUTES), or look at the program, and run again."
        )
    if code != 0:
        raise faces_remain(
            "The program that takes faces out ended with an error on this series. Look at what it needs, also in "
            "memory (--defacer-gib, on a server CORELAB_DEFACER_GIB), and run again."
        )


def _size(path: Path) -> int:
    return path.stat().st_size


def _read(path: Path, *, most: int) -> bytes:
    """Return a file of the defacer: a plain one, no link, and not much longer than what it was given."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise altered() from None
    with os.fdopen(descriptor, "rb") as file:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode) or told.st_size > most:
            raise altered()
        return file.read(most)

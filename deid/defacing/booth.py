"""Where the header-cleaned files of a series wait for the defacer, and where every file it gives back is compared."""

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from deid.burned.record import PixelRecord
from deid.defacing.program import Defacer
from deid.defacing.record import FaceRecord
from deid.defacing.rules import faces_remain, undeclared
from deid.elements import PIXEL_TAGS, STRING_VRS, Element, Item, Source, text_of
from deid.engine import read_source
from deid.model import Rejected
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
    """The files of all series wait in a folder of one's own; nothing of it outlives the caller's folder."""

    def __init__(self, defacer: Defacer, *, folder: Path) -> None:
        self._defacer, self._folder = defacer, folder
        self._series: dict[str, list[Place]] = {}

    def hold(self, cleaned: Cleaned) -> Place:
        """Write a header-cleaned object for the defacer. Raises Rejected where its picture is compressed."""
        if any(tag in cleaned.item and cleaned.item[tag].fragments is not None for tag in PIXEL_TAGS):
            raise faces_remain(
                "This picture is compressed, and faces are taken out of uncompressed pictures alone. Export it "
                "uncompressed, and run again."
            )
        series = f"{text_of(cleaned.item[_SERIES])} {text_of(cleaned.item[_PATIENT_ID])}"
        places = self._series.setdefault(series, [])
        place = Place(series, f"{len(places) + 1:06}.dcm", cleaned.pixels)
        path = self._given(series) / place.file
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("wb", buffering=0) as file:
            write_file(cleaned.parts, target=file.fileno())
        places.append(place)
        return place

    def deface(self, series: str) -> FaceRecord:
        """Have one series defaced and compare every file. Raises Rejected, for the series as a whole."""
        places, home = self._series[series], self._home(series)
        for folder in (self._made(series), home / "scraps"):
            folder.mkdir(mode=0o700)
        code = self._defacer.run(self._given(series), self._made(series), home=home / "scraps")
        _require_success(code)
        if {entry.name for entry in os.scandir(self._made(series))} != {place.file for place in places}:
            raise faces_remain(
                "The program that takes faces out gave back other files than it was given. Look at the program, "
                "and run again."
            )
        changed = sum(self._compare(place) for place in places)
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

    def defaced(self, place: Place, source: Source) -> Source:
        """Return an original with the pixels that the defacer made of it. Raises Rejected."""
        data = _read(self._made(place.series) / place.file, most=_size(self._given(place.series) / place.file) + _SLACK)
        if hashlib.sha256(data).hexdigest() != place.taken_sha256:
            raise _altered()
        element = _picture(read_source(data).item)
        return replace(undeclared(source), item=undeclared(source).item | {element.tag: element}, span=None)

    def _compare(self, place: Place) -> bool:
        """Return whether the pixels of an object are others than before. Raises Rejected where anything else is."""
        given = self._given(place.series) / place.file
        before = read_source(given.read_bytes())
        data = _read(self._made(place.series) / place.file, most=_size(given) + _SLACK)
        after = _parsed(data)
        one, two = _picture(before.item), _picture(after.item)
        is_same = one.tag == two.tag and two.fragments is None and len(one.value) == len(two.value)
        if not is_same or not _equal(_header(before.item), _header(after.item)):
            raise _altered()
        place.taken_sha256 = hashlib.sha256(data).hexdigest()
        return bytes(one.value) != bytes(two.value)

    def _home(self, series: str) -> Path:
        return self._folder / hashlib.sha256(series.encode()).hexdigest()[:16]

    def _given(self, series: str) -> Path:
        return self._home(series) / "given"

    def _made(self, series: str) -> Path:
        return self._home(series) / "made"


def _require_success(code: int | None) -> None:
    if code is None:
        raise faces_remain(
            "The program that takes faces out did not end within its time. Give it more with --defacer-minutes, or "
            "look at the program, and run again."
        )
    if code != 0:
        raise faces_remain(
            "The program that takes faces out ended with an error on this series. Look at what it needs, also in "
            "memory (--defacer-gib), and run again."
        )


def _altered() -> Rejected:
    return faces_remain(
        "The program that takes faces out gave back an object of which more than the pixels was changed, or which "
        "cannot be read. Nothing of it was taken. Look at the program, and run again."
    )


def _size(path: Path) -> int:
    return path.stat().st_size


def _read(path: Path, *, most: int) -> bytes:
    """Return a file of the defacer: a plain one, no link, and not much longer than what it was given."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise _altered() from None
    with os.fdopen(descriptor, "rb") as file:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode) or told.st_size > most:
            raise _altered()
        return file.read(most)


def _parsed(data: bytes) -> Source:
    try:
        return read_source(data)
    except Rejected:
        raise _altered() from None


def _picture(item: Item) -> Element:
    """Return the one element of pixel data. Raises Rejected where there is another number of them."""
    present = [item[tag] for tag in PIXEL_TAGS if tag in item]
    if len(present) != 1:
        raise _altered()
    return present[0]


def _header(item: Item) -> Item:
    return {tag: element for tag, element in item.items() if tag not in PIXEL_TAGS}


def _equal(one: Item, two: Item) -> bool:
    """Whether two items say the same in every element, however texts are padded and sequences delimited."""
    return one.keys() == two.keys() and all(_is_same(one[tag], two[tag]) for tag in one)


def _is_same(one: Element, two: Element) -> bool:
    if one.vr != two.vr or (one.items is None) != (two.items is None):
        return False
    if one.items is not None and two.items is not None:
        return len(one.items) == len(two.items) and all(map(_equal, one.items, two.items))
    values = bytes(one.value), bytes(two.value)
    padding = b" \0" if one.vr in STRING_VRS else b""
    return values[0].rstrip(padding) == values[1].rstrip(padding)

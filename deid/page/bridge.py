"""Between the worker's JavaScript and the desk: bytes come as proxies of the browser's own, and answers go as JSON."""

from collections.abc import Callable
from typing import Protocol

from deid.page.archives import Archive, ArchiveUnfit, Slices
from deid.page.desk import Answer, Desk


class Given(Protocol):
    """An array of bytes of the browser, as Pyodide shows it."""

    def to_bytes(self) -> bytes: ...


class Bridge:
    """What cleaner.js holds. Each verb answers; what a file may hold raises nothing."""

    def __init__(self) -> None:
        self._desk = Desk()
        self._archive: Archive | None = None

    def ready(self) -> Answer:
        return self._desk.ready()

    def open(self, keys: str) -> Answer:
        return self._desk.open(keys)

    def read(self, data: Given, size: int) -> Answer:
        return self._desk.read(data.to_bytes(), size=size)

    def thumb(self, data: Given, side: int) -> Answer:
        return self._desk.thumb(data.to_bytes(), side=side)

    def explain(self, data: Given) -> Answer:
        return self._desk.explain(data.to_bytes())

    def clean(self, data: Given, boxes: str) -> Answer:
        return self._desk.clean(data.to_bytes(), boxes=boxes)

    def unpack(self, size: int, fetch: Callable[[int, int], Given]) -> Answer:
        """Open a ZIP archive, in place of the one before; `fetch` gives its bytes from a start to an end."""
        told = {"is": "read", "kind": "archive", "head": None}
        self._archive = None
        try:
            self._archive = Archive(Slices(size=size, fetch=lambda start, end: fetch(start, end).to_bytes()))
        except ArchiveUnfit as unfit:
            return Answer(told | {"refused": unfit.code})
        members = [{"member": each.index, "size": each.size} for each in self._archive.members]
        return Answer(told | {"members": members})

    def member(self, index: int, most: int) -> Answer:
        """Return the bytes of one file of the open archive, or its first ones."""
        if self._archive is None:
            return Answer({"is": "sealed", "why": "archive"})
        try:
            return Answer({"is": "member"}, self._archive.read(index, most=most))
        except ArchiveUnfit as unfit:
            return Answer({"is": "sealed", "why": unfit.code})

    def pour(self, index: int, take: Callable[[bytes], None]) -> Answer:
        """Hand on one file of the open archive as it is, part by part: for the encrypted intake, whatever its size."""
        if self._archive is None:
            return Answer({"is": "sealed", "why": "archive"})
        try:
            for part in self._archive.parts(index):
                take(part)
        except ArchiveUnfit as unfit:
            return Answer({"is": "sealed", "why": unfit.code})
        return Answer({"is": "original"})

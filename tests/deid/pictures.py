"""What the tests of burned-in text share: generated objects, and a reader whose words are known."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
from pydicom import Dataset, dcmwrite

from benchmarks.burned import Frame, make_frames
from deid.burned.boxes import Box, Ground
from deid.burned.looking import Eyes
from deid.burned.raster import Picture
from deid.burned.reader import Sighting
from deid.elements import Source
from deid.engine import read_source
from deid.person import person_of


class Scripted:
    """A reader that knows beforehand what it will say, look by look; then nothing."""

    def __init__(self, *looks: tuple[Sighting, ...]) -> None:
        self.looks, self.seen = list(looks), 0

    def find(self, picture: Picture) -> tuple[Sighting, ...]:
        self.seen += 1
        return self.looks.pop(0) if self.looks else ()


def encoded(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def frame_of(kind: str = "US") -> Frame:
    return next(each for each in make_frames(3, seed=11) if each.kind == kind)


def grain() -> Frame:
    """A frame that shows as much at full range as clipped, so that each look is one reading."""
    return replace(frame_of(), picture=np.random.default_rng(2).integers(0, 255, (480, 640), dtype=np.uint8))


def source_of(dataset: Dataset) -> Source:
    return read_source(encoded(dataset))


def seen(text: str, confidence: float, box: Box | None = None) -> Sighting:
    return Sighting(box or Box(20, 20, 90, 34, Ground.TEXT), text, confidence)


def eyes_of(source: Source, reader: Any, **more: Any) -> Eyes:
    return Eyes(reader=reader, person=person_of(source.item), **more)

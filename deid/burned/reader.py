"""Finding text in pictures: a small interface, and the one reader behind it (RapidOCR; models in its wheel)."""

import functools
import importlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from deid.burned.boxes import Box, Ground
from deid.burned.raster import Picture

_PACKAGE = "rapidocr_onnxruntime"
# Text is enlarged up to this height and width, and large pictures are cut into overlapping tiles of this size.
_TILE, _OVERLAP = 1024, 128
_GREY = 2
# The detector is asked for faint text too; how sure it is of the letters is told with each sighting.
_SETTINGS = {
    "text_score": 0.0,
    "use_cls": False,
    "intra_op_num_threads": 1,
    "inter_op_num_threads": 1,
    "det_box_thresh": 0.35,
    "det_thresh": 0.2,
    "max_side_len": _TILE,
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something that looks like text: where, what was read there, and how sure the reader is (0 to 1).

    The text lives only while one object is looked at, and goes nowhere.
    """

    box: Box
    text: str
    confidence: float


class TextReader(Protocol):
    """Whatever finds text in a picture (grey rows x columns, or RGB, 8 bits)."""

    def find(self, picture: Picture) -> tuple[Sighting, ...]:
        """Return every place that looks like text."""
        ...


class RapidReader:
    """RapidOCR on the processor, in one thread."""

    def __init__(self) -> None:
        # By name and only here: loading it takes half a second and 200 MB, which web processes do not need.
        self._engine: Any = importlib.import_module(_PACKAGE).RapidOCR(**_SETTINGS)

    def find(self, picture: Picture) -> tuple[Sighting, ...]:
        colours = np.dstack([picture] * 3) if picture.ndim == _GREY else picture
        return tuple(
            sighting
            for top in _starts(colours.shape[0])
            for left in _starts(colours.shape[1])
            for sighting in self._find(colours[top : top + _TILE, left : left + _TILE], left=left, top=top)
        )

    def _find(self, tile: Picture, *, left: int, top: int) -> list[Sighting]:
        found, _seconds = self._engine(np.ascontiguousarray(tile))
        return [
            _sighting(np.asarray(corners), str(text), float(score), left=left, top=top)
            for corners, text, score in found or ()
        ]


def _starts(length: int) -> range:
    """Return where tiles begin along one side, so that each lies over the one before."""
    return range(0, max(length - _OVERLAP, 1), _TILE - _OVERLAP)


def _sighting(corners: Any, text: str, score: float, *, left: int, top: int) -> Sighting:
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    x, y = max(int(low[0]), 0) + left, max(int(low[1]), 0) + top
    box = Box(x, y, max(int(high[0]) + left, x) + 1, max(int(high[1]) + top, y) + 1, Ground.TEXT)
    return Sighting(box=box, text=text, confidence=score)


@functools.cache
def rapid_reader() -> TextReader:
    """Return the reader of this process; loaded when it is first needed."""
    return RapidReader()

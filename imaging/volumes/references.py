"""Which series a segmentation says it was drawn on: asked before the series is read."""

import io
from collections.abc import Iterator, Sequence

from pydicom import Dataset, dcmread

from imaging.frames.opening import UNREADABLE

# Where SEG (PS3.3 C.8.20.2) and RTSTRUCT (PS3.3 C.8.8.5) name them.
_ROADS: tuple[tuple[str, ...], ...] = (
    ("ReferencedSeriesSequence",),
    ("ReferencedFrameOfReferenceSequence", "RTReferencedStudySequence", "RTReferencedSeriesSequence"),
)


def referenced_series(data: bytes) -> frozenset[str]:
    """Return the Series Instance UIDs that a SEG or RTSTRUCT refers to; empty where it is silent or unreadable."""
    try:
        dataset = dcmread(io.BytesIO(data), stop_before_pixels=True)
        return frozenset(uid for road in _ROADS for uid in _follow([dataset], road))
    except UNREADABLE:
        return frozenset()


def _follow(items: Sequence[Dataset], road: Sequence[str]) -> Iterator[str]:
    for item in items:
        if road:
            yield from _follow(item.get(road[0]) or [], road[1:])
        elif uid := item.get("SeriesInstanceUID"):
            yield str(uid)

"""The clinical area of an ultrasound picture (PS3.3 C.8.5.5): whatever lies outside it is the machine's banner."""

from itertools import pairwise

from deid.burned.boxes import Box, Ground
from deid.elements import Item

_REGIONS = 0x00186011
_FORMAT, _MIN_X, _MIN_Y, _MAX_X, _MAX_Y = 0x00186012, 0x00186018, 0x0018601A, 0x0018601C, 0x0018601E
# 2D, M-mode, spectral, wave form; graphics and unknown ones may be anything, names too.
_CLINICAL = frozenset({1, 2, 3, 4})
# A smaller clinical area is a mistake of the sender, and blanking by it would destroy the picture.
_SMALLEST_SHARE = 0.05


def outside_regions(item: Item, *, rows: int, columns: int) -> tuple[Box, ...] | None:
    """Return what lies outside the clinical regions, as rectangles; None where no trustworthy region is stated."""
    sequence = item.get(_REGIONS)
    found = [_region(each, rows=rows, columns=columns) for each in (sequence.items if sequence else None) or ()]
    clinical = [region for region in found if region is not None]
    if not clinical or sum(region.area for region in clinical) < _SMALLEST_SHARE * rows * columns:
        return None
    return _rest(clinical, rows=rows, columns=columns)


def _region(item: Item, *, rows: int, columns: int) -> Box | None:
    """Return one region; its last row and column are stated as inside."""
    numbers = [_long(item, tag) for tag in (_FORMAT, _MIN_X, _MIN_Y, _MAX_X, _MAX_Y)]
    if any(number is None for number in numbers):
        return None
    kind, left, top, right, bottom = (number or 0 for number in numbers)
    if kind not in _CLINICAL or not (left < right <= columns and top < bottom <= rows):
        return None
    return Box(left, top, min(right + 1, columns), min(bottom + 1, rows), Ground.REGION)


def _long(item: Item, tag: int) -> int | None:
    element = item.get(tag)
    if element is None or element.items is not None or len(element.value) not in {2, 4}:
        return None
    return int.from_bytes(element.value, "little")


def _rest(regions: list[Box], *, rows: int, columns: int) -> tuple[Box, ...]:
    """Return the complement of the regions: bands between their edges, cut where a region stands in the band."""
    edges = sorted({0, rows, *(region.top for region in regions), *(region.bottom for region in regions)})
    boxes: list[Box] = []
    for top, bottom in pairwise(edges):
        spans = sorted((each.left, each.right) for each in regions if each.top <= top and each.bottom >= bottom)
        boxes.extend(Box(left, top, right, bottom, Ground.REGION) for left, right in _gaps(spans, columns))
    return tuple(boxes)


def _gaps(spans: list[tuple[int, int]], columns: int) -> list[tuple[int, int]]:
    gaps, position = [], 0
    for left, right in spans:
        if left > position:
            gaps.append((position, left))
        position = max(position, right)
    return [*gaps, (position, columns)] if position < columns else gaps

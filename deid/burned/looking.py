"""Looking for text on every frame of an object, twice: before blanking, and after it with other eyes."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from deid.burned.blanking import fill
from deid.burned.boxes import Box, Ground, clipped
from deid.burned.raster import Picture, Raster, clipped_picture, picture
from deid.burned.reader import Sighting, TextReader
from deid.person import Person, fold_text

# Below this the reader may be wrong about what it saw, so a person looks.
SURE = 0.6
# A word that stays needs to be read beyond doubt.
_KEPT_FROM = 0.9
_TILE = 32
# Long loops are looked at a second time on so many frames, and on each frame that brought something new.
_SECOND_LOOKS = 5
_SHORTEST_SEED, _SHORTEST_NUMBER = 3, 4
_ALIKE = str.maketrans("oilsbzg", "0115829")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Eyes:
    """Who reads, whom the header names, which words the trial keeps, and a call between two frames."""

    reader: TextReader
    person: Person
    keeps: frozenset[str] = frozenset()
    tick: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Looked:
    """What was seen: boxes to blank on every frame, whether one of them is doubtful, and on which frames."""

    boxes: set[Box] = field(default_factory=set)
    is_doubtful: bool = False
    frames: set[int] = field(default_factory=set)


def look(raster: Raster, *, firm: tuple[Box, ...], eyes: Eyes) -> Looked:
    """Look at all frames with what is blanked already; parts of a frame that an earlier one had are not read again."""
    looked = Looked()
    for index, found in _readings(raster, firm, eyes, shown=lambda view: view):
        _note(looked, index, found, eyes)
    return looked


def look_beside(raster: Raster, *, blanked: tuple[Box, ...], eyes: Eyes) -> Looked:
    """Look at all frames for what a person's boxes left visible; the boxes themselves are not taken for letters."""
    looked = Looked()
    for index, found in _readings(raster, blanked, eyes, shown=lambda view: _papered(view, blanked)):
        _note(looked, index, [one for one in found if not _is_shadow(one, blanked)], eyes)
    return looked


def _readings(
    raster: Raster, blanked: tuple[Box, ...], eyes: Eyes, *, shown: Callable[[Picture], Picture]
) -> Iterator[tuple[int, list[Sighting]]]:
    known = set[tuple[int, int, str]]()
    for index in range(raster.shape.frames):
        for view in map(shown, _views(raster, index, blanked)):
            part = _changed(view, known)
            if part is not None:
                yield index, _find(view, part, eyes)
        eyes.tick()


def look_again(raster: Raster, *, blanked: tuple[Box, ...], first: Looked, eyes: Eyes) -> Looked:
    """Look at the blanked frames, as they are and softened, so that grain hides nothing."""
    count, looked = raster.shape.frames, Looked()
    spread = {round(place * (count - 1) / max(_SECOND_LOOKS - 1, 1)) for place in range(_SECOND_LOOKS)}
    for index in sorted((spread & set(range(count))) | first.frames):
        for view in _views(raster, index, blanked):
            for each in (_papered(view, blanked), _softened(_papered(view, blanked))):
                found = _find(each, None, eyes)
                _note(looked, index, [one for one in found if not _is_patch(one, blanked)], eyes)
    return looked


def is_seed(text: str, person: Person) -> bool:
    """Whether a read text holds a word or number of the header, however the letters ran together or were mistaken."""
    folded = fold_text(text)
    words = {word for word in person.words if len(word) >= _SHORTEST_SEED}
    if not words.isdisjoint(_WORD.findall(folded)):
        return True
    run = "".join(filter(str.isalnum, folded)).translate(_ALIKE)
    seeds = {word for word in words if len(word) > _SHORTEST_SEED}
    seeds |= {number for number in person.numbers if len(number) >= _SHORTEST_NUMBER}
    return any(seed.translate(_ALIKE) in run for seed in seeds)


def _views(raster: Raster, index: int, blanked: tuple[Box, ...]) -> Iterator[Picture]:
    samples, photometric = raster.frame(index)
    fill(samples, blanked, photometric=photometric, raster=raster)
    yield picture(samples, photometric, raster)
    clear = clipped_picture(samples, photometric)
    if clear is not None:
        yield clear


def _changed(view: Picture, known: set[tuple[int, int, str]]) -> tuple[int, int, int, int] | None:
    """Return the part (left, top, right, bottom) whose tiles no earlier frame showed, None where all did."""
    rows, columns = view.shape[:2]
    new = []
    for top in range(0, rows, _TILE):
        for left in range(0, columns, _TILE):
            tile = np.ascontiguousarray(view[top : top + _TILE, left : left + _TILE])
            name = (top, left, hashlib.blake2b(tile.tobytes(), digest_size=16).hexdigest())
            if name not in known:
                known.add(name)
                new.append((left, top))
    if not new:
        return None
    lefts, tops = [left for left, _ in new], [top for _, top in new]
    # One tile more on each side, so that a word at the edge is read whole.
    left, top = max(min(lefts) - _TILE, 0), max(min(tops) - _TILE, 0)
    return left, top, min(max(lefts) + 2 * _TILE, columns), min(max(tops) + 2 * _TILE, rows)


def _find(view: Picture, part: tuple[int, int, int, int] | None, eyes: Eyes) -> list[Sighting]:
    left, top, right, bottom = part or (0, 0, view.shape[1], view.shape[0])
    found = eyes.reader.find(view[top:bottom, left:right])
    # A large radiograph takes half a minute a view: whoever keeps a claim is called between two.
    eyes.tick()
    return [_moved(sighting, left, top) for sighting in found if not _is_kept(sighting, eyes)]


def _moved(sighting: Sighting, left: int, top: int) -> Sighting:
    box = sighting.box
    moved = Box(box.left + left, box.top + top, box.right + left, box.bottom + top, box.ground)
    return Sighting(box=moved, text=sighting.text, confidence=sighting.confidence)


def _is_kept(sighting: Sighting, eyes: Eyes) -> bool:
    words = fold_text(sighting.text).split()
    is_listed = bool(words) and all(word in eyes.keeps for word in words)
    return is_listed and sighting.confidence >= _KEPT_FROM and not is_seed(sighting.text, eyes.person)


def _note(looked: Looked, index: int, found: list[Sighting], eyes: Eyes) -> None:
    for sighting in found:
        ground = Ground.SEED if is_seed(sighting.text, eyes.person) else Ground.TEXT
        looked.boxes.add(_widened(sighting.box, ground))
        looked.is_doubtful |= sighting.confidence < SURE and ground is Ground.TEXT
        looked.frames.add(index)


def _widened(box: Box, ground: Ground) -> Box:
    """Return the box with room for letters that the reader cut off: more along the line than across it."""
    height = min(box.bottom - box.top, box.right - box.left)
    along, across = max(height, 4), max(height // 4, 2)
    return Box(max(box.left - along, 0), max(box.top - across, 0), box.right + along, box.bottom + across, ground)


def _papered(view: Picture, blanked: tuple[Box, ...]) -> Picture:
    """Return the picture with its blanked boxes in the shade around them: a black bar looks like a letter."""
    paper = view.copy()
    for box in blanked:
        around = view[max(box.top - 3, 0) : box.bottom + 3, max(box.left - 3, 0) : box.right + 3].astype(np.float32)
        ring = np.ones(around.shape[:2], bool)
        ring[min(box.top, 3) : min(box.top, 3) + box.bottom - box.top, min(box.left, 3) :][
            :, : box.right - box.left
        ] = False
        if ring.any():
            paper[box.top : box.bottom, box.left : box.right] = np.median(around[ring], axis=0).astype(np.uint8)
    return paper


def _is_patch(sighting: Sighting, blanked: tuple[Box, ...]) -> bool:
    """Whether a sighting is a blanked box itself: it lies on one, and no two letters were read there."""
    return not _is_read(sighting) and any(sighting.box.meets(box) for box in blanked)


def _is_shadow(sighting: Sighting, blanked: tuple[Box, ...]) -> bool:
    """As `_is_patch`, but mostly on boxes: a letter that peeps out from under one is none of it."""
    on_boxes = sum(sighting.box.shared_with(box) for box in blanked)
    return not _is_read(sighting) and on_boxes * 2 > sighting.box.area


def _is_read(sighting: Sighting) -> bool:
    return sum(map(str.isalnum, sighting.text)) > 1


def _softened(view: Picture) -> Picture:
    """Return the picture under a small bell (1 2 1 both ways)."""
    wide = np.pad(view.astype(np.uint16), ((1, 1), (1, 1), *((0, 0),) * (view.ndim - 2)), mode="edge")
    lines = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    return np.asarray(((lines[:, :-2] + 2 * lines[:, 1:-1] + lines[:, 2:] + 8) // 16).astype(np.uint8))


def joined(boxes: set[Box], raster: Raster) -> tuple[Box, ...]:
    """Return the boxes cut to the picture; those of one line that touch become one."""
    rest = sorted(clipped(boxes, rows=raster.shape.rows, columns=raster.shape.columns), key=lambda box: box.ground)
    merged: list[Box] = []
    for box in rest:
        current = box
        for other in [each for each in merged if _is_one_line(each, current)]:
            merged.remove(other)
            current = _around(other, current)
        merged.append(current)
    return tuple(sorted(merged))


def _is_one_line(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    lowest = min(one.bottom - one.top, other.bottom - other.top)
    highest = max(one.bottom - one.top, other.bottom - other.top)
    return one.meets(other) and shared * 2 > lowest and highest < 2 * lowest


def _around(one: Box, other: Box) -> Box:
    ground = Ground.SEED if Ground.SEED in {one.ground, other.ground} else one.ground
    left, top = min(one.left, other.left), min(one.top, other.top)
    return Box(left, top, max(one.right, other.right), max(one.bottom, other.bottom), ground)

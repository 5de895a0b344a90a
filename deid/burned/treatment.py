"""One object's pixels from risk to verdict: clinical area, known device, text, blanking, and the second look."""

from collections.abc import Iterable
from dataclasses import dataclass

from deid.burned.blanking import blank
from deid.burned.boxes import Box, Ground, clipped, without_covered
from deid.burned.doubts import Doubt
from deid.burned.looking import Eyes, Looked, joined, look, look_again, look_beside
from deid.burned.raster import Raster, open_raster
from deid.burned.record import PixelRecord
from deid.burned.regions import outside_regions
from deid.burned.signatures import match, published_boxes
from deid.elements import Source
from deid.risk import Look


@dataclass(frozen=True, slots=True)
class Treated:
    """The object with its boxes blanked, what was done, and the doubts; without doubt it is clean.

    With doubts it waits for a person, and `record.boxes` are what the machine proposes.
    """

    source: Source
    record: PixelRecord
    doubts: tuple[Doubt, ...]

    @property
    def is_certain(self) -> bool:
        return not self.doubts


def treat(source: Source, *, who: Look, eyes: Eyes) -> Treated:
    """Find and blank what is burned in. Raises Rejected where the pixels cannot be opened or written."""
    raster = open_raster(source)
    firm = firm_boxes(raster)
    first = look(raster, firm=firm, eyes=eyes)
    # What others published is blanked, too, but read first: it neither hides a doubt nor counts as found.
    boxes = without_covered((*firm, *joined(first.boxes, raster), *published_boxes(raster.item)))
    again = look_again(raster, blanked=boxes, first=first, eyes=eyes)
    whole = without_covered((*boxes, *joined(again.boxes, raster)))
    return _treated(source, raster, whole, doubts=_doubts(who, first, again, firm))


def _doubts(who: Look, first: Looked, again: Looked, firm: tuple[Box, ...]) -> tuple[Doubt, ...]:
    told = {
        # In a kind of picture that usually carries text, nothing seen is no proof of nothing there.
        Doubt.NOTHING_FOUND: not firm and not first.boxes and not again.boxes,
        Doubt.FAINT: first.is_doubtful,
        Doubt.STILL_THERE: bool(again.boxes),
        Doubt.ONLY_A_PERSON: who is Look.PERSON,
    }
    return tuple(doubt for doubt, holds in told.items() if holds)


def treat_by_person(source: Source, *, boxes: Iterable[Box], eyes: Eyes) -> Treated:
    """Blank what a person decided, and the boxes nobody takes back; doubted where a word of the header is still read.

    Raises Rejected as `treat`.
    """
    raster = open_raster(source)
    shape = raster.shape
    whole = without_covered((*firm_boxes(raster), *clipped(boxes, rows=shape.rows, columns=shape.columns)))
    left = [box for box in look(raster, firm=whole, eyes=eyes).boxes if box.ground is Ground.SEED]
    if left:
        return _treated(source, raster, without_covered((*whole, *left)), doubts=(Doubt.NAME_LEFT,))
    return _treated(source, raster, whole, doubts=(), is_confirmed=True)


def shows_text(source: Source, *, blanked: Iterable[Box], eyes: Eyes) -> bool:
    """Whether text is read on any frame, or may be, beside boxes that are proven to be blank there.

    Raises Rejected where the pixels cannot be opened.
    """
    raster = open_raster(source)
    boxes = clipped(blanked, rows=raster.shape.rows, columns=raster.shape.columns)
    return bool(look_beside(raster, blanked=boxes, eyes=eyes).boxes)


def firm_boxes(raster: Raster) -> tuple[Box, ...]:
    """Return what the header alone tells: outside the clinical area, and the banner of a known device."""
    shape, known = raster.shape, match(raster.item)
    outside = outside_regions(raster.item, rows=shape.rows, columns=shape.columns) or ()
    return without_covered((*outside, *(known.boxes if known else ())))


def _treated(
    source: Source, raster: Raster, boxes: tuple[Box, ...], *, doubts: tuple[Doubt, ...], is_confirmed: bool = False
) -> Treated:
    boxes = clipped(boxes, rows=raster.shape.rows, columns=raster.shape.columns)
    done = blank(raster, source, boxes)
    record = PixelRecord(
        boxes=boxes,
        frames=raster.shape.frames,
        method=done.method,
        was_lossy=done.was_lossy,
        is_confirmed=is_confirmed,
    )
    return Treated(source=done.source, record=record, doubts=doubts)

"""What both figures stand on: a white card, a percent axis with the reference lines, marks and a legend."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reportlab.graphics.shapes import (
    STATE_DEFAULTS,
    Circle,
    Drawing,
    Group,
    Line,
    Path,
    Polygon,
    PolyLine,
    Rect,
    String,
)
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont

from reports.figures.looks import BOLD, FONT, GRID, INK, PAPER, QUIET, Hatch, Look, Marker

# Points; the width is that of the text on an A4 page with margins of 15 mm.
WIDTH, HEIGHT = 510.0, 296.0
LEFT, RIGHT, BOTTOM, TOP = 46.0, 500.0, 52.0, 264.0
REFERENCES = ((20.0, "+20 %"), (-30.0, "−30 %"))
_HATCH_STEP = 3.5

for _name in (FONT, BOLD):
    registerFont(TTFont(_name, f"{_name}.ttf"))
# Every drawing starts with this font; ReportLab's own choice would be named in the PDF without being embedded.
STATE_DEFAULTS["fontName"] = FONT


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values between `low` and `high` onto points from `start` to `end`; ticks stand `step` apart."""

    low: float
    high: float
    step: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float
    height: float


def _round_step(low: float, high: float, *, most: int) -> float:
    """Return a round step (1, 2, 5 times a power of ten) that cuts the span into at most `most` parts."""
    rough = max(high - low, 1.0) / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def percent_scale(values: Iterable[float]) -> Scale:
    """Return a scale that holds every value, both reference lines and zero, ending on round numbers."""
    told = tuple(values)
    low, high = min((-40.0, *told)), max((40.0, *told))
    step = _round_step(low, high, most=9)
    return Scale(
        low=math.floor(low / step) * step,
        high=math.ceil(high / step) * step,
        step=step,
        start=BOTTOM,
        end=TOP,
    )


def blank() -> Drawing:
    drawing = Drawing(WIDTH, HEIGHT)
    drawing.add(Rect(0, 0, WIDTH, HEIGHT, fillColor=PAPER, strokeColor=None))
    return drawing


def draw_percent_axis(drawing: Drawing, scale: Scale) -> None:
    for index in range(round((scale.high - scale.low) / scale.step) + 1):
        value = scale.low + index * scale.step
        y = scale.at(value)
        drawing.add(Line(LEFT, y, RIGHT, y, strokeColor=GRID, strokeWidth=0.5))
        sign = "−" if value < 0 else "+" if value > 0 else ""
        drawing.add(text(f"{sign}{abs(value):.0f}", x=LEFT - 5, y=y - 2.5, anchor="end"))
    words = text("Change from baseline, %", x=0, y=0, anchor="middle")
    drawing.add(upright(words, x=12, y=(BOTTOM + TOP) / 2))


def draw_references(drawing: Drawing, scale: Scale) -> None:
    """Draw zero, and −30 % and +20 % dashed with their names (RECIST 1.1 section 4.3.1)."""
    drawing.add(Line(LEFT, scale.at(0), RIGHT, scale.at(0), strokeColor=INK, strokeWidth=0.8))
    for value, name in REFERENCES:
        y = scale.at(value)
        drawing.add(PolyLine([LEFT, y, RIGHT, y], strokeColor=INK, strokeWidth=0.8, strokeDashArray=[4, 3]))
        room = stringWidth(name, BOLD, 7) + 4
        drawing.add(Rect(RIGHT - room, y + 1.2, room, 8, fillColor=PAPER, strokeColor=None))
        drawing.add(text(name, x=RIGHT - 2, y=y + 2.5, anchor="end", bold=True))


def text(words: str, *, x: float, y: float, anchor: str = "start", size: float = 7, bold: bool = False) -> String:
    font, colour = (BOLD, INK) if bold else (FONT, QUIET)
    return String(x, y, words, fontName=font, fontSize=size, fillColor=colour, textAnchor=anchor)


def upright(word: String, *, x: float, y: float) -> Group:
    """Turn a word by 90 degrees around its own origin and put it at (x, y)."""
    group = Group(word)
    group.translate(x, y)
    group.rotate(90)
    return group


def draw_box(drawing: Drawing, box: Box, look: Look) -> None:
    drawing.add(Rect(box.x, box.y, box.width, box.height, fillColor=look.fill, strokeColor=INK, strokeWidth=0.4))
    segments = [segment for slope in _SLOPES[look.hatch] for segment in slope(box)]
    if segments:
        drawing.add(_strokes(segments))


@dataclass(frozen=True, slots=True)
class _Segment:
    x1: float
    y1: float
    x2: float
    y2: float


def _strokes(segments: Sequence[_Segment]) -> Path:
    path = Path(strokeColor=INK, strokeWidth=0.35, fillColor=None)
    for segment in segments:
        path.moveTo(segment.x1, segment.y1)
        path.lineTo(segment.x2, segment.y2)
    return path


def _rising(box: Box) -> list[_Segment]:
    count = math.ceil((box.width + box.height) / _HATCH_STEP)
    offsets = (index * _HATCH_STEP - box.height for index in range(1, count))
    segments = []
    for offset in offsets:
        right, up = max(offset, 0.0), max(-offset, 0.0)
        length = min(box.width - right, box.height - up)
        x, y = box.x + right, box.y + up
        segments.append(_Segment(x, y, x + length, y + length))
    return segments


def _falling(box: Box) -> list[_Segment]:
    middle = 2 * box.x + box.width
    return [_Segment(middle - s.x1, s.y1, middle - s.x2, s.y2) for s in _rising(box)]


def _level(box: Box) -> list[_Segment]:
    heights = (index * _HATCH_STEP for index in range(1, math.ceil(box.height / _HATCH_STEP)))
    return [_Segment(box.x, box.y + up, box.x + box.width, box.y + up) for up in heights]


_SLOPES = {
    Hatch.NONE: (),
    Hatch.RISING: (_rising,),
    Hatch.LEVEL: (_level,),
    Hatch.CROSSED: (_rising, _falling),
}


def draw_mark(drawing: Drawing, x: float, y: float, look: Look) -> None:
    """Draw the response's marker, 5 points wide, around (x, y)."""
    paint = {"fillColor": look.fill, "strokeColor": INK, "strokeWidth": 0.5}
    r = 2.5
    if look.marker is Marker.CIRCLE:
        drawing.add(Circle(x, y, r, **paint))
    elif look.marker is Marker.CROSS:
        drawing.add(_strokes([_Segment(x - r, y - r, x + r, y + r), _Segment(x - r, y + r, x + r, y - r)]))
    else:
        drawing.add(Polygon([c for dx, dy in _CORNERS[look.marker] for c in (x + dx * r, y + dy * r)], **paint))


_CORNERS = {
    Marker.SQUARE: ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    Marker.TRIANGLE: ((-1, -0.9), (1, -0.9), (0, 1.1)),
    Marker.DIAMOND: ((-1.2, 0), (0, -1.2), (1.2, 0), (0, 1.2)),
}

"""The spider: how every subject's sum of diameters changes from baseline over the study days."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from reportlab.graphics.shapes import Drawing, Line, PolyLine, Rect
from reportlab.pdfbase.pdfmetrics import stringWidth

from reports.figures.frame import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Scale,
    blank,
    draw_mark,
    draw_percent_axis,
    draw_references,
    percent_scale,
    text,
)
from reports.figures.legend import draw_legend
from reports.figures.looks import FONT, GRID, INK, PAPER, look_of
from reports.figures.waterfall import percent

_MOST_LABELS = 30
_MOST_TICKS = 10
# Visits are planned in weeks and months; 100 years end the list.
_DAY_STEPS = (7, 14, 28, 56, 84, 168, 364, 728, 3640)
_LABEL_ROOM = 44.0
_LABEL_HEIGHT = 6.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One time point: study day, change from baseline in percent."""

    day: int
    change: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One subject: its points in order of day, the baseline (0 %) first, and its best overall response."""

    label: str
    best: str
    points: tuple[Point, ...]


def draw(traces: Sequence[Trace]) -> Drawing:
    """Return the figure, 510 x 296 points; subject codes stand at the line ends while they fit."""
    points = [point for trace in traces for point in trace.points]
    drawing, scale = blank(), percent_scale(float(point.change) for point in points)
    days = _day_scale([point.day for point in points])
    draw_percent_axis(drawing, scale)
    _draw_day_axis(drawing, days)
    draw_references(drawing, scale)
    for trace in traces:
        _draw_line(drawing, trace, days, scale)
    if len(traces) <= _MOST_LABELS:
        _draw_labels(drawing, traces, days, scale)
    for trace in traces:
        for point in trace.points[1:]:
            draw_mark(drawing, days.at(point.day), scale.at(float(point.change)), look_of(trace.best))
    draw_legend(drawing, [trace.best for trace in traces], with_markers=True)
    return drawing


def describe(traces: Sequence[Trace]) -> str:
    """Say in one sentence what the figure shows."""
    changes = [point.change for trace in traces for point in trace.points]
    if not changes:
        return "No subject has a measured change from baseline yet."
    last = max(point.day for trace in traces for point in trace.points)
    return (
        f"Subjects: {len(traces)}, followed to day {last}. "
        f"Changes lie between {percent(min(changes))} and {percent(max(changes))}."
    )


def _day_scale(days: Sequence[int]) -> Scale:
    low, high = min((0, *days)), max((28, *days))
    step = next(step for step in _DAY_STEPS if (high - low) / step <= _MOST_TICKS)
    return Scale(low=low, high=high, step=step, start=LEFT + 6, end=RIGHT - _LABEL_ROOM)


def _draw_day_axis(drawing: Drawing, days: Scale) -> None:
    step = round(days.step)
    first = math.ceil(days.low / step) * step
    for day in range(first, round(days.high) + 1, step):
        x = days.at(day)
        drawing.add(Line(x, BOTTOM, x, BOTTOM - 3, strokeColor=GRID, strokeWidth=0.8))
        drawing.add(text(str(day), x=x, y=BOTTOM - 12, anchor="middle"))
    drawing.add(text("Study day", x=(LEFT + RIGHT) / 2, y=BOTTOM - 26, anchor="middle"))


def _draw_line(drawing: Drawing, trace: Trace, days: Scale, scale: Scale) -> None:
    look = look_of(trace.best)
    flat = [at for point in trace.points for at in (days.at(point.day), scale.at(float(point.change)))]
    dash = list(look.dash) if look.dash else None
    # A dark line under the colour keeps pale colours visible on white.
    drawing.add(PolyLine(flat, strokeColor=INK, strokeWidth=1.6, strokeDashArray=dash))
    drawing.add(PolyLine(flat, strokeColor=look.fill, strokeWidth=1.0, strokeDashArray=dash))


def _draw_labels(drawing: Drawing, traces: Sequence[Trace], days: Scale, scale: Scale) -> None:
    """Put codes beside the last points, pushed apart where lines end close together: upwards while there is room.

    A code that finds no place is left out.
    """
    ends = sorted((scale.at(float(t.points[-1].change)), t.label, t.points[-1].day) for t in traces if t.points)
    taken: list[tuple[float, float]] = []
    for height, label, day in ends:
        x = days.at(day) + 5
        y = _free(height - 2, [other_y for other_x, other_y in taken if abs(x - other_x) < _LABEL_ROOM])
        if y is None:
            continue
        taken.append((x, y))
        room = stringWidth(label, FONT, 6)
        drawing.add(Rect(x - 1, y - 1, room + 2, 6, fillColor=PAPER, strokeColor=None))
        drawing.add(text(label, x=x, y=y, size=6))


def _free(height: float, taken: Sequence[float]) -> float | None:
    """Return the first place from `height` up, else down, between the axes where a label touches no other; or None."""
    ups = itertools.takewhile(lambda y: y <= TOP - 2, itertools.count(height))
    downs = itertools.takewhile(lambda y: y >= BOTTOM - 2, itertools.count(height, -1))
    places = itertools.chain(ups, downs)
    return next((y for y in places if all(abs(y - other) >= _LABEL_HEIGHT for other in taken)), None)

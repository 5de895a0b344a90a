"""The waterfall: every subject's best change of the sum of diameters, from growth to shrinkage."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from reportlab.graphics.shapes import Drawing

from reports.figures.frame import (
    BOTTOM,
    LEFT,
    RIGHT,
    Box,
    Scale,
    blank,
    draw_box,
    draw_percent_axis,
    draw_references,
    percent_scale,
    text,
    upright,
)
from reports.figures.legend import draw_legend
from reports.figures.looks import look_of

# Below this width (points) letters would run into each other; the table has them all.
_READABLE = 4.2
_WIDEST_BAR = 26.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One subject: best change from baseline in percent, and the best overall response ("" if none yet)."""

    label: str
    change: Decimal
    best: str


def draw(bars: Sequence[Bar]) -> Drawing:
    """Return the figure, 510 x 296 points; bars are sorted here, ties by label."""
    ordered = sorted(bars, key=lambda bar: (-bar.change, bar.label))
    drawing, scale = blank(), percent_scale(float(bar.change) for bar in ordered)
    draw_percent_axis(drawing, scale)
    for index, bar in enumerate(ordered):
        _draw_bar(drawing, scale, _place(scale, bar, index=index, count=len(ordered)), bar)
    draw_references(drawing, scale)
    draw_legend(drawing, [bar.best for bar in ordered])
    return drawing


def describe(bars: Sequence[Bar]) -> str:
    """Say in one sentence what the figure shows."""
    if not bars:
        return "No subject has a measured change from baseline yet."
    changes = sorted(bar.change for bar in bars)
    shrunk, grown = sum(c <= -30 for c in changes), sum(c >= 20 for c in changes)  # noqa: PLR2004  RECIST's own numbers
    return (
        f"Subjects: {len(bars)}. Best changes from {percent(changes[-1])} to {percent(changes[0])}; "
        f"{shrunk} at −30 % or below, {grown} at +20 % or above."
    )


def percent(value: Decimal) -> str:
    """Write a change with its sign, for example −12.5 %."""
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value)} %"


def _place(scale: Scale, bar: Bar, *, index: int, count: int) -> Box:
    pitch = min((RIGHT - LEFT - 40) / count, _WIDEST_BAR * 1.3)
    zero, end = scale.at(0), scale.at(float(bar.change))
    return Box(x=LEFT + 6 + index * pitch, y=min(zero, end), width=pitch / 1.3, height=abs(end - zero))


def _draw_bar(drawing: Drawing, scale: Scale, box: Box, bar: Bar) -> None:
    look = look_of(bar.best)
    draw_box(drawing, box, look)
    if box.width < _READABLE / 1.3:
        return
    size, middle = min(7.0, box.width * 1.15), box.x + box.width / 2
    above = box.y + box.height + 3 if bar.change >= 0 else scale.at(0) + 3
    drawing.add(upright(text(look.letters, x=0, y=0, size=size, bold=True), x=middle + size * 0.36, y=above))
    drawing.add(upright(text(bar.label, x=0, y=0, size=size, anchor="end"), x=middle + size * 0.36, y=BOTTOM - 3))

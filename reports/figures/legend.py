"""The legend: only the responses that occur, each with its mark, its letters, its words and its count."""

from collections import Counter
from collections.abc import Iterable

from reportlab.graphics.shapes import Drawing
from reportlab.pdfbase.pdfmetrics import stringWidth

from reports.figures.frame import HEIGHT, LEFT, Box, draw_box, draw_mark, text
from reports.figures.looks import BOLD, LOOKS, UNSETTLED, Look, look_of

_SIZE = 7.0
_A_ROW, _COLUMN, _LINE = 3, 150.0, 12.0


def draw_legend(drawing: Drawing, bests: Iterable[str], *, with_markers: bool = False) -> None:
    counts = Counter(look_of(best).letters for best in bests)
    shown = [look for look in (*LOOKS.values(), UNSETTLED) if counts[look.letters]]
    for index, look in enumerate(shown):
        row, column = divmod(index, _A_ROW)
        x, y = LEFT + 2 + column * _COLUMN, HEIGHT - 12 - row * _LINE
        _draw_entry(drawing, look, counts[look.letters], x=x, y=y, with_marker=with_markers)


def _draw_entry(drawing: Drawing, look: Look, count: int, *, x: float, y: float, with_marker: bool) -> None:
    draw_box(drawing, Box(x, y - 1, 12, 8), look)
    x += 16
    if with_marker:
        draw_mark(drawing, x + 2, y + 3, look)
        x += 9
    drawing.add(text(look.letters, x=x, y=y, bold=True))
    x += stringWidth(look.letters, BOLD, _SIZE) + 3
    words = f"{look.words} ({count})"
    drawing.add(text(words, x=x, y=y))

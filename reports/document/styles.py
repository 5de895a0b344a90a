"""One small set of paragraph and table styles for the whole document."""

from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import LongTable, Paragraph, TableStyle

from reports.document.letters import BOLD, REGULAR, marked_up, printable

PAGE = A4
MARGIN = 15 * mm
TEXT_WIDTH = PAGE[0] - 2 * MARGIN
INK, QUIET, RULE = HexColor("#1b1f24"), HexColor("#57606a"), HexColor("#c4ccd4")
SHADE, WARNING = HexColor("#eef1f4"), HexColor("#fff4d6")
_CELL = 7.0

BODY = ParagraphStyle("body", fontName=REGULAR, fontSize=8.5, leading=12, textColor=INK, spaceAfter=4)
SMALL = ParagraphStyle("small", parent=BODY, fontSize=_CELL, leading=9, spaceAfter=0)
STRONG = ParagraphStyle("strong", parent=SMALL, fontName=BOLD)
QUIETLY = ParagraphStyle("quietly", parent=SMALL, textColor=QUIET, spaceAfter=6)
# Hashes have no spaces to break at; they must still break.
HASH = ParagraphStyle("hash", parent=SMALL, wordWrap="CJK")
TITLE = ParagraphStyle("title", parent=BODY, fontName=BOLD, fontSize=20, leading=26, spaceAfter=2)
SUBTITLE = ParagraphStyle("subtitle", parent=BODY, fontSize=12, leading=16, textColor=QUIET, spaceAfter=14)
HEADING = ParagraphStyle(
    "heading",
    parent=BODY,
    fontName=BOLD,
    fontSize=12,
    leading=16,
    spaceBefore=14,
    spaceAfter=5,
    keepWithNext=True,
)
FIGURE_TITLE = ParagraphStyle("figure-title", parent=BODY, fontName=BOLD, keepWithNext=True, spaceBefore=6)

_GRID = [
    ("FONT", (0, 0), (-1, -1), REGULAR, _CELL, 9),
    ("TEXTCOLOR", (0, 0), (-1, -1), INK),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.3, RULE),
    ("TOPPADDING", (0, 0), (-1, -1), 2.2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.8),
    ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ("RIGHTPADDING", (0, 0), (-1, -1), 3),
]
_HEAD = [
    ("FONT", (0, 0), (-1, 0), BOLD, _CELL, 9),
    ("BACKGROUND", (0, 0), (-1, 0), SHADE),
    ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
]


def paragraph(words: str, style: ParagraphStyle = BODY) -> Paragraph:
    return Paragraph(marked_up(words), style)


def cell(words: str) -> str:
    """Return one line of a cell: plain text is drawn many times faster than a paragraph."""
    return printable(words)


def facts(rows: list[tuple[str, Any]]) -> LongTable:
    """Return two columns, names and values; values are words or flowables."""
    told = [[cell(name), value if hasattr(value, "wrap") else paragraph(value, SMALL)] for name, value in rows]
    style = [*_GRID, ("FONT", (0, 0), (0, -1), BOLD, _CELL, 9)]
    return LongTable(told, colWidths=[42 * mm, TEXT_WIDTH - 42 * mm], style=TableStyle(style))


def table(
    head: tuple[str, ...],
    rows: list[list[Any]],
    *,
    widths: tuple[float, ...],
    more: list[tuple[Any, ...]] | None = None,
) -> LongTable:
    """Return a table whose head is repeated on every page; `widths` in mm."""
    style = TableStyle([*_GRID, *_HEAD, *(more or [])])
    return LongTable([list(head), *rows], colWidths=[w * mm for w in widths], repeatRows=1, style=style)

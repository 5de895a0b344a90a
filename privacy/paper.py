"""A small document of headings, facts and tables as PDF, in the letters and styles of the reports."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from reportlab.platypus import SimpleDocTemplate, Spacer

from reports.document import styles
from reports.document.letters import REGULAR, printable
from reports.document.paging import Margins, NumberedCanvas
from reports.document.styles import facts, paragraph, table

_FRAME_PADDING = 6
_WIDTH = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Column names, rows of words, and how wide each column is beside the others."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with sentences, then facts (name, words), then tables."""

    heading: str
    sentences: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    title: str
    subtitle: str
    # What stands in every page's head and foot.
    head: str
    foot: str
    state: str = ""
    sections: tuple[Section, ...] = field(default=())


def render(paper: Paper) -> bytes:
    """Return the PDF: A4, fonts embedded, the same bytes for the same words."""
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=styles.PAGE,
        leftMargin=styles.MARGIN - _FRAME_PADDING,
        rightMargin=styles.MARGIN - _FRAME_PADDING,
        topMargin=46,
        bottomMargin=48,
        title=printable(paper.title),
        author="Corelab",
        lang="en",
        initialFontName=REGULAR,
        invariant=1,
    )
    margins = Margins(head=paper.head, state=paper.state, foot=paper.foot)
    document.build(list(_story(paper)), canvasmaker=partial(NumberedCanvas, margins=margins))
    return out.getvalue()


def _story(paper: Paper) -> Iterable[Any]:
    yield Spacer(1, 12)
    yield paragraph(paper.title, styles.TITLE)
    yield paragraph(paper.subtitle, styles.SUBTITLE)
    for section in paper.sections:
        yield from _section(section)


def _section(section: Section) -> Iterable[Any]:
    yield paragraph(section.heading, styles.HEADING)
    for words in section.sentences:
        yield paragraph(words)
    if section.facts:
        yield facts(list(section.facts))
    for each in section.tables:
        yield _table(each)


def _table(told: Table) -> Any:
    scale = _WIDTH / sum(told.shares)
    rows = [[paragraph(words, styles.SMALL) for words in row] for row in told.rows]
    empty = [paragraph("–", styles.SMALL), *[""] * (len(told.head) - 1)]
    return table(told.head, rows or [empty], widths=tuple(scale * share for share in told.shares))

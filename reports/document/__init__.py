"""The report as a PDF: A4, fonts embedded, made from frozen contents alone, the same bytes every time."""

import io
from functools import partial
from typing import Any

from reportlab.platypus import KeepTogether, PageBreak, SimpleDocTemplate, Spacer

from reports.contents import Contents, SignatureFacts
from reports.document import closing, results, styles, writing
from reports.document.cover import best_responses, cover
from reports.document.letters import REGULAR, printable
from reports.document.paging import Margins, NumberedCanvas
from reports.document.styles import paragraph
from reports.panels import Panel, panels

__all__ = ["render"]

# The template puts its frame this far inside the margins, in points.
_FRAME_PADDING = 6


def render(contents: Contents, *, contents_sha256: str, signature: SignatureFacts | None) -> bytes:
    """Return the PDF; without a signature every page says that the report is not released."""
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=styles.PAGE,
        leftMargin=styles.MARGIN - _FRAME_PADDING,
        rightMargin=styles.MARGIN - _FRAME_PADDING,
        topMargin=46,
        bottomMargin=48,
        title=printable(f"{contents.trial.code} imaging results, report {contents.number}"),
        author="Corelab",
        subject=printable(contents.trial.title),
        lang="en",
        initialFontName=REGULAR,
        invariant=1,
    )
    story = _story(contents, contents_sha256=contents_sha256, signature=signature)
    margins = _margins(contents, contents_sha256=contents_sha256, is_released=signature is not None)
    document.build(story, canvasmaker=partial(NumberedCanvas, margins=margins))
    return out.getvalue()


def _margins(contents: Contents, *, contents_sha256: str, is_released: bool) -> Margins:
    return Margins(
        head=f"{contents.trial.code} · imaging results · report {contents.number}",
        state="RELEASED" if is_released else "NOT RELEASED",
        foot=f"cut-off {writing.day(contents.cut_off)} · contents SHA-256 {contents_sha256[:16]}…",
    )


def _story(contents: Contents, *, contents_sha256: str, signature: SignatureFacts | None) -> list[Any]:
    return [
        *cover(contents, contents_sha256=contents_sha256, signature=signature),
        PageBreak(),
        *best_responses(contents),
        *(_figure(panel) for panel in panels(contents)),
        PageBreak(),
        *results.results(contents),
        *results.volumes(contents),
        *results.reasons(contents),
        PageBreak(),
        *closing.methods(contents),
        *closing.software(contents),
        *closing.verification(),
    ]


def _figure(panel: Panel) -> KeepTogether:
    return KeepTogether(
        [
            Spacer(1, 10),
            paragraph(panel.title, styles.FIGURE_TITLE),
            panel.drawing,
            paragraph(panel.description, styles.QUIETLY),
        ]
    )

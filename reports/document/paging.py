"""The frame of every page: what it belongs to, whether it was released, and “page x of y”."""

from dataclasses import dataclass
from typing import Any

from reportlab.pdfgen.canvas import Canvas

from reports.document.letters import BOLD, REGULAR, printable
from reports.document.styles import INK, MARGIN, PAGE, QUIET, RULE

_HEAD_Y, _FOOT_Y = PAGE[1] - 26, 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """What stands in every page's head and foot."""

    head: str
    state: str
    foot: str


class NumberedCanvas(Canvas):  # type: ignore[misc]  # ReportLab ships no types
    """Holds every page back until their number is known."""

    def __init__(self, *told: Any, margins: Margins, **named: Any) -> None:
        super().__init__(*told, **named)
        self._margins = margins
        self._held: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  ReportLab's name
        self._held.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        count = len(self._held)
        for page in self._held:
            self.__dict__.update(page)
            self._draw_margins(count)
            super().showPage()
        super().save()

    def _draw_margins(self, count: int) -> None:
        right = PAGE[0] - MARGIN
        self.setStrokeColor(RULE)
        self.setLineWidth(0.5)
        self.line(MARGIN, _HEAD_Y - 6, right, _HEAD_Y - 6)
        self.line(MARGIN, _FOOT_Y + 10, right, _FOOT_Y + 10)
        self.setFillColor(QUIET)
        self.setFont(REGULAR, 7)
        self.drawString(MARGIN, _HEAD_Y, printable(self._margins.head))
        self.drawString(MARGIN, _FOOT_Y, printable(self._margins.foot))
        self.drawRightString(right, _FOOT_Y, f"page {self._pageNumber} of {count}")
        self.setFillColor(INK)
        self.setFont(BOLD, 7)
        self.drawRightString(right, _HEAD_Y, self._margins.state)

"""How a response looks in a figure: colour, hatch, marker, dash and letters, so colour never speaks alone.

Fills are Okabe and Ito's colours, which stay apart for colour-blind eyes.
"""

from dataclasses import dataclass
from enum import StrEnum

from reportlab.lib.colors import Color, HexColor

INK = HexColor("#1b1f24")
QUIET = HexColor("#57606a")
GRID = HexColor("#d8dee4")
PAPER = HexColor("#ffffff")
FONT = "Vera"
BOLD = "VeraBd"


class Hatch(StrEnum):
    NONE = "none"
    RISING = "rising"
    LEVEL = "level"
    CROSSED = "crossed"


class Marker(StrEnum):
    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    DIAMOND = "diamond"
    CROSS = "cross"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One best overall response: `letters` are written beside the mark, `words` in the legend."""

    letters: str
    words: str
    fill: Color
    hatch: Hatch
    marker: Marker
    dash: tuple[float, ...] | None


LOOKS = {
    look.letters: look
    for look in (
        Look(
            letters="CR",
            words="complete response",
            fill=HexColor("#0072b2"),
            hatch=Hatch.NONE,
            marker=Marker.CIRCLE,
            dash=None,
        ),
        Look(
            letters="PR",
            words="partial response",
            fill=HexColor("#56b4e9"),
            hatch=Hatch.RISING,
            marker=Marker.SQUARE,
            dash=None,
        ),
        Look(
            letters="SD",
            words="stable disease",
            fill=HexColor("#f0c75e"),
            hatch=Hatch.LEVEL,
            marker=Marker.TRIANGLE,
            dash=(5, 2),
        ),
        Look(
            letters="PD",
            words="progressive disease",
            fill=HexColor("#d55e00"),
            hatch=Hatch.CROSSED,
            marker=Marker.DIAMOND,
            dash=(1.5, 1.5),
        ),
        Look(
            letters="NE",
            words="not evaluable",
            fill=HexColor("#e7e9ec"),
            hatch=Hatch.NONE,
            marker=Marker.CROSS,
            dash=(6, 2, 1, 2),
        ),
    )
}
UNSETTLED = Look(
    letters="?",
    words="no best response yet",
    fill=HexColor("#ffffff"),
    hatch=Hatch.NONE,
    marker=Marker.CROSS,
    dash=(2, 3),
)


def look_of(best: str) -> Look:
    """Return the look of a best overall response; responses without target lesions have none of their own."""
    return LOOKS.get(best, UNSETTLED)

"""The embedded fonts and what happens to letters they do not have.

ReportLab's own Vera fonts are used because every installation has the same bytes of them.
"""

import unicodedata
from functools import lru_cache
from xml.sax.saxutils import escape

from reportlab.lib.fonts import addMapping
from reportlab.pdfbase.pdfmetrics import getFont, registerFont
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD, ITALIC = "Vera", "VeraBd", "VeraIt"

for _index, _name in enumerate((REGULAR, BOLD, ITALIC)):
    registerFont(TTFont(_name, f"{_name}.ttf"))
    addMapping(REGULAR, int(_index == 1), int(_index == 2), _name)  # noqa: PLR2004  bold is the second, italic the third


def printable(words: str) -> str:
    """Return the words in letters the font has: others lose their accent or are named by their code point.

    The frozen contents keep the original; a reader of the page sees something true rather than an empty box.
    """
    return "".join(_letter(symbol) for symbol in words)


@lru_cache(maxsize=4096)
def _letter(symbol: str) -> str:
    known = getFont(REGULAR).face.charToGlyph
    if ord(symbol) in known or symbol in "\n\t":
        return symbol
    plain = unicodedata.normalize("NFKD", symbol)[0]
    return plain if ord(plain) in known else f"[U+{ord(symbol):04X}]"


def marked_up(words: str) -> str:
    """Return the words for a paragraph, whose text is XML."""
    return escape(printable(words))

"""The same drawing as SVG for a page, without what the content security policy refuses (style attributes)."""

from typing import Any
from xml.dom.minidom import Document, Element

from reportlab.graphics import renderSVG
from reportlab.graphics.shapes import Drawing

_FAMILY = "system-ui, sans-serif"
_UNWANTED = ("style", "id", "clip", "width", "height", "xmlns:xlink", "version")


class _Canvas(renderSVG.SVGCanvas):  # type: ignore[misc]  # ReportLab ships no types
    """Leaves anchoring to the browser, whose font has other widths than the one in the PDF."""

    def drawString(self, s: str, x: float, y: float, **told: Any) -> None:  # noqa: N802  ReportLab's name
        anchor = told.pop("text_anchor", "start")
        super().drawString(s, x, y, text_anchor="start", **told, **{"text-anchor": anchor})


def to_svg(drawing: Drawing, *, name: str, title: str, description: str) -> str:
    """Return an <svg> element for a page: an image with a name and a description, its bytes always the same.

    `name` must be unique on the page: the ids of <title> and <desc> begin with it.
    """
    canvas = _Canvas((drawing.width, drawing.height), useClip=True)
    renderSVG.draw(drawing, canvas)
    root = canvas.svg
    box = f"0 0 {drawing.width:g} {drawing.height:g}"
    _clean(root)
    root.setAttribute("viewBox", box)
    root.setAttribute("role", "img")
    root.setAttribute("aria-labelledby", f"{name}-title {name}-desc")
    for tag, words in (("title", title), ("desc", description)):
        _tell(canvas.doc, tag, words, ident=f"{name}-{tag}")
    return str(root.toxml())


def _tell(document: Document, tag: str, words: str, *, ident: str) -> None:
    element = document.getElementsByTagName(tag)[0]
    element.setAttribute("id", ident)
    while element.firstChild:
        element.removeChild(element.firstChild)
    element.appendChild(document.createTextNode(words))


def _clean(element: Element) -> None:
    style = element.getAttribute("style")
    keep = element.tagName == "rect"
    for name in _UNWANTED:
        if element.hasAttribute(name) and not (keep and name in {"width", "height"}):
            element.removeAttribute(name)
    if element.tagName == "text":
        # ReportLab flips text around its place rounded to whole points.
        element.setAttribute("transform", f"translate(0,{2 * float(element.getAttribute('y')):g}) scale(1,-1)")
    for declaration in filter(str.strip, style.split(";")):
        _set(element, *declaration.split(":", 1))
    for child in element.childNodes:
        if isinstance(child, Element):
            _clean(child)


def _set(element: Element, name: str, value: str = "") -> None:
    name, value = name.strip(), value.strip()
    if name == "font-family":
        element.setAttribute("font-weight", "bold" if value.endswith("Bd") else "normal")
        value = _FAMILY
    if name != "id" and value:
        element.setAttribute(name, "none" if value == "None" else value)

"""What is wrong with the page that a browser shows: axe's findings, and what a narrow window cuts off."""

from collections.abc import Iterable
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

# WCAG 2.2 A and AA, and what axe holds for good practice beside it.
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
# All that can differ between the themes: words and structure are the same.
_COLOURS = ("color-contrast", "link-in-text-block")
# What another width can break.
NARROW = ("scrollable-region-focusable", "target-size")
# What other words can break: a name that is empty, the same name twice, longer words in a box.
WORDS = (
    *NARROW,
    "aria-command-name",
    "aria-dialog-name",
    "aria-input-field-name",
    "aria-toggle-field-name",
    "button-name",
    "document-title",
    "empty-heading",
    "empty-table-header",
    "html-has-lang",
    "html-lang-valid",
    "image-alt",
    "label",
    "label-content-name-mismatch",
    "landmark-unique",
    "link-name",
    "page-has-heading-one",
    "role-img-alt",
    "select-name",
    "summary-name",
    "svg-img-alt",
    "table-duplicate-name",
    "valid-lang",
)
_RUN = """async (runOnly) => {
  const found = await axe.run({ runOnly, resultTypes: ["violations"], preload: false });
  return found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")} ${node.html.slice(0, 200)}`));
}"""
_CUT = """() => {
  const window_ = document.documentElement.clientWidth, found = [];
  const scrolls = (box) => ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
  const boxes = [...document.querySelectorAll("body *")].filter((box) => box.checkVisibility());
  for (const box of boxes.filter((each) => scrolls(each) && each.scrollWidth > each.clientWidth + 1)) {
    if (box.tabIndex < 0 && !box.querySelector("a[href]")) found.push(["scrolls without a key", box]);
  }
  if (document.documentElement.scrollWidth > window_) {
    const out = boxes.filter((box) => box.getBoundingClientRect().right > window_ + 0.5);
    const free = out.filter((box) => { for (let up = box.parentElement; up; up = up.parentElement) if (scrolls(up)) return false; return true; });
    found.push(...(free.length ? free.slice(-2) : [document.body]).map((box) => ["wider than the window", box]));
  }
  return found.map(([what, box]) => `${what}: ${box.outerHTML.slice(0, 200)}`);
}"""


def axe(page: Any, rules: Iterable[str] = ()) -> list[str]:
    """Return each finding with its element; by all rules, or by those named."""
    if page.evaluate("() => typeof axe") == "undefined":
        page.evaluate(AXE_SCRIPT)
    only = {"type": "rule", "values": [*rules]} if rules else {"type": "tag", "values": [*_TAGS]}
    found: list[str] = page.evaluate(_RUN, only)
    return found


def axe_in_both_themes(page: Any, *, again: bool = False) -> list[str]:
    """Return the findings in light, then those of the colours in dark; `again` asks dark by all rules, too."""
    shine(page, "light")
    found = axe(page)
    shine(page, "dark")
    return found + [f"dark {each}" for each in axe(page, () if again else _COLOURS)]


def shine(page: Any, scheme: str) -> None:
    """Show the page in a theme; a colour half-way between two themes is no colour of ours."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate("() => Promise.all(document.getAnimations().map((each) => each.finished))")


def cut(page: Any) -> list[str]:
    """Return what is wider than the window, and each box that scrolls sideways but not by keyboard."""
    found: list[str] = page.evaluate(_CUT)
    return found

"""Somebody who has a keyboard alone: what has the focus must be seen, and everything is reached by it."""

from contextlib import nullcontext
from typing import Any

from playwright.sync_api import Locator

from config.demo.people import PASSWORD

# A long page with a row of links for each person of a trial.
_MOST_STEPS = 200
# Inside the window, with an outline of its own or of the label that stands for a hidden field.
_SEEN = """() => {
  const at = document.activeElement;
  if (at === document.body) return "";
  const drawn = [at, at.closest("label")].some((each) => {
    const style = each && getComputedStyle(each), box = each?.getBoundingClientRect();
    return each && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
      && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  });
  return drawn ? "" : at.outerHTML.slice(0, 200);
}"""

_LEAVES = """() => {
  const at = document.activeElement;
  return at.matches('a[href]:not([href^="#"])') || (at.matches('button[type="submit"]') && at.form.checkValidity());
}"""


def tab_to(page: Any, name: str | Locator) -> None:
    """Walk by the keyboard alone until the element, or the first of this accessible name, has the focus."""
    wanted = _named(page, name) if isinstance(name, str) else name
    for _step in range(_MOST_STEPS):
        page.keyboard.press("Tab")
        hidden = page.evaluate(_SEEN)
        assert not hidden, f"{page.url}: the focus cannot be seen: {hidden}"
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def _named(page: Any, name: str) -> Locator:
    named = page.get_by_label(name, exact=True).or_(page.get_by_role("button", name=name, exact=True))
    found: Locator = named.or_(page.get_by_role("link", name=name, exact=True)).first
    return found


def write(page: Any, fields: dict[str, str]) -> None:
    """Go to each field by its label, and type; in a list the keys choose, and in a box they tick."""
    for label, text in fields.items():
        tab_to(page, label)
        page.keyboard.type(text)


def press(page: Any, name: str | Locator) -> None:
    """Press Enter on it, and wait for the page that it leads to, where it leads to one."""
    tab_to(page, name)
    with page.expect_navigation() if page.evaluate(_LEAVES) else nullcontext():
        page.keyboard.press("Enter")


def sign(page: Any, button: str) -> None:
    """Sign as `Person.sign` does, by keyboard."""
    code = page.get_by_text("Demo: your authenticator shows").locator("strong").inner_text()
    write(page, {"Your password": PASSWORD, "Code of your second factor": code})
    press(page, button)

"""People and roles in a real browser: granting, the signed review by keyboard alone, and a day of the past."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect


def show(person: Any, path: str, folder: Path) -> Any:
    """Open a page, let axe look at it in light and dark, and keep a picture of each."""
    page = person.go(path)
    person.look()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        name = path.strip("/").replace("/", "-")
        page.screenshot(path=folder / f"{name}-{page.viewport_size['width']}-{scheme}.png", full_page=True)
    return page


@pytest.mark.req("R-ROLE-11")
@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_of_people_and_roles_bear_a_look_at_any_width(someone: Any, tmp_path: Path, width: int) -> None:
    aurora = someone("aurora", width=width)
    for path in ("", "sites/", "people/new/", "people/review/", "people/as-of/", "audit/"):
        show(aurora, f"/trials/THORAX/{path}", tmp_path)
    ines = someone("ines", width=width)
    page = show(ines, "/trials/THORAX/sites/", tmp_path)
    expect(page.get_by_text("inspection copy for Ines Inspector")).to_be_visible()


@pytest.mark.req("R-ROLE-11")
def test_a_review_is_decided_and_signed_by_keyboard_alone(someone: Any, tmp_path: Path) -> None:
    aurora = someone("aurora")
    page = show(aurora, "/trials/THORAX/people/review/", tmp_path)
    rows = page.locator("form table tbody tr")
    page.locator("form table select").first.focus()
    for _ in range(rows.count()):
        page.keyboard.press("Tab")
        page.keyboard.type("still at work here")
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Go on to the signature")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign the access review")
    aurora.look()
    page.screenshot(path=tmp_path / "sign.png", full_page=True)
    aurora.sign("Sign the review")
    expect(page.get_by_text("The review is signed and recorded")).to_be_visible()
    aurora.look()

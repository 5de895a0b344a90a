"""The signed review of access in a real browser, by keyboard alone."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import press, sign, tab_to


@pytest.mark.req("R-ROLE-11")
def test_a_review_is_decided_and_signed_by_keyboard_alone(someone: Any) -> None:
    aurora = someone("aurora")
    page = aurora.go("/trials/THORAX/people/review/")
    rows = page.locator("form table tbody tr")
    for row in rows.all():
        tab_to(page, row.get_by_role("textbox"))
        page.keyboard.type("still at work here")
    press(page, "Go on to the signature")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign the access review")
    aurora.look()
    sign(page, "Sign the review")
    expect(page.get_by_text("The review is signed and recorded")).to_be_visible()
    aurora.look()

"""Tokens for sending in a real browser: made by keyboard, shown once, revoked; narrow and dark as well."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import tab_to
from tests.browser.test_privacy import see
from tests.people import TODAY

PAGE = "/trials/THORAX/tokens/"
SECRET = re.compile(r"cls_[0-9A-Za-z_-]{48}")


@pytest.mark.req("R-WEB-07")
def test_a_token_is_made_by_keyboard_shown_once_and_revoked(someone: Any) -> None:
    nora = someone("nora", width=390)
    page = nora.go("/trials/THORAX/sites/")
    page.get_by_role("link", name="Tokens for sending").click()
    expect(page.get_by_role("heading", name="Tokens for sending", level=1)).to_be_visible()
    see(nora, "tokens")
    tab_to(page, "Sending system")
    page.keyboard.type("PACS of radiology")
    tab_to(page, "Reason")
    page.keyboard.type("The scanner room sends by DICOMweb.")
    tab_to(page, "Make a token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Copy this token now")).to_be_visible()
    expect(page.get_by_text(SECRET)).to_be_visible()
    see(nora, "made")
    nora.go(PAGE)
    assert not SECRET.search(page.content())
    page.get_by_role("row", name="PACS of radiology").get_by_role("link", name="Revoke").click()
    expect(page.get_by_role("heading", name="Revoke the token of", level=1)).to_be_visible()
    see(nora, "revoke")
    nora.fill(reason="It was replaced.")
    nora.press("Revoke")
    expect(page.get_by_text("The token is revoked")).to_be_visible()
    expect(page.get_by_role("cell", name="revoked").first).to_be_visible()


@pytest.mark.req("R-WEB-07")
def test_a_token_without_an_end_or_a_reason_is_told_beside_its_field(someone: Any) -> None:
    carmen = someone("carmen")
    page = carmen.go(PAGE)
    carmen.fill(label="PACS", ends_on=TODAY.replace(year=TODAY.year + 3, day=1).isoformat(), reason="it sends")
    carmen.press("Make a token")
    expect(page.get_by_text("Choose a day from today to a year from now.", exact=True)).to_be_visible()
    see(carmen, "refused")

"""DICOM tools in a real browser: registered by keyboard, refused in words, revoked; narrow and dark as well."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import tab_to
from tests.browser.test_privacy import see


@pytest.mark.req("R-QR-13")
def test_a_tool_is_registered_by_keyboard_and_revoked(someone: Any) -> None:
    carmen = someone("carmen", width=390)
    page = carmen.go("/trials/THORAX/sites/")
    page.get_by_role("link", name="DICOM tools").click()
    expect(page.get_by_role("heading", name="DICOM tools", level=1)).to_be_visible()
    see(carmen, "tools")
    for label, typed in (("Tool", "viewer"), ("DICOM AE title", "VIEWER"), ("In whose name", "Q")):
        tab_to(page, label)
        page.keyboard.type(typed)
    tab_to(page, "Reason")
    page.keyboard.type("For quality control.")
    tab_to(page, "Register")
    page.keyboard.press("Enter")
    expect(page.get_by_text("a name alone opens nothing", exact=False).last).to_be_visible()
    see(carmen, "refused")
    tab_to(page, "Networks it calls from (optional)")
    page.keyboard.type("192.0.2.0/24")
    tab_to(page, "Register")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The tool is registered")).to_be_visible()
    see(carmen, "registered")
    page.get_by_role("row", name="viewer").get_by_role("link", name="Revoke").click()
    expect(page.get_by_role("heading", name="Revoke viewer", level=1)).to_be_visible()
    carmen.fill(reason="It was replaced.")
    carmen.press("Revoke")
    expect(page.get_by_text("The tool is revoked")).to_be_visible()

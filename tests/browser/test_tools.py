"""DICOM tools in a real browser: registered by keyboard, refused in words, revoked; narrow and dark as well."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_privacy import see, tab_to


@pytest.mark.req("R-QR-13")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_tool_is_registered_by_keyboard_and_revoked(someone: Any, width: int) -> None:
    carmen = someone("carmen", width=width)
    page = carmen.go("/trials/THORAX/sites/")
    page.get_by_role("link", name="DICOM tools").click()
    expect(page.get_by_role("heading", name="DICOM tools", level=1)).to_be_visible()
    see(carmen, f"tools {width}")
    for label, typed in (("Tool", f"viewer {width}"), ("DICOM AE title", f"VIEW{width}"), ("In whose name", "Q")):
        tab_to(page, label)
        page.keyboard.type(typed)
    tab_to(page, "Reason")
    page.keyboard.type("For quality control.")
    tab_to(page, "Register")
    page.keyboard.press("Enter")
    expect(page.get_by_text("a name alone opens nothing", exact=False).last).to_be_visible()
    see(carmen, f"refused {width}")
    tab_to(page, "Networks it calls from (optional)")
    page.keyboard.type("192.0.2.0/24")
    tab_to(page, "Register")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The tool is registered")).to_be_visible()
    see(carmen, f"registered {width}")
    page.get_by_role("row", name=f"viewer {width}").get_by_role("link", name="Revoke").click()
    expect(page.get_by_role("heading", name=f"Revoke viewer {width}", level=1)).to_be_visible()
    carmen.fill(reason="It was replaced.")
    carmen.press("Revoke")
    expect(page.get_by_text("The tool is revoked")).to_be_visible()

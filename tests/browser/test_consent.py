"""Consent in a real browser: a withdrawal with its preview, by keyboard, in a narrow window."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import press, tab_to, write
from tests.browser.looking import shine
from tests.browser.test_privacy import see


def read_subject_of(person: Any) -> str:
    """The address of a subject of whom every visit is accepted: no other test sends for it."""
    page = person.go("/trials/THORAX/subjects/")
    addresses = [str(link.get_attribute("href")) for link in page.locator("main tbody a[href^='/subjects/']").all()]
    return next(address for address in addresses if is_read(person.go(address)))


def is_read(page: Any) -> bool:
    return bool(page.locator("td .badge--ok").count() == page.locator("main a[href^='/time-points/']").count())


def confirm(page: Any, code: str, *, theme: str) -> None:
    """Walk the page under the preview by keyboard: the table, the field, the way back, and the button at its end."""
    shine(page, theme)
    tab_to(page, page.get_by_role("region", name="What will happen to this subject"))
    field = page.get_by_label("Type the subject")
    tab_to(page, field)
    # What was refused stands in the field still.
    page.keyboard.press("Control+A")
    page.keyboard.type(code)
    tab_to(page, page.get_by_role("main").get_by_role("link", name="Back"))
    press(page, page.get_by_role("main").get_by_role("button", name="Withdraw consent"))


@pytest.mark.req("R-CONS-15", "R-CONS-08")
def test_a_withdrawal_is_seen_before_it_is_made_and_needs_the_keyboard_alone(someone: Any) -> None:
    nora = someone("nora", width=390)
    subject = read_subject_of(nora)
    code = subject.strip("/").split("/")[-1]
    page = nora.go(f"{subject}withdrawal/")
    tab_to(page, page.get_by_role("radio").first)
    while not page.get_by_label("W4: as W3").is_checked():
        page.keyboard.press("ArrowDown")
    write(page, {"Reason": "asked by letter"})
    press(page, "Show what will happen")
    expect(page.get_by_role("heading", name="What will happen to this subject")).to_be_visible()
    expect(page.get_by_text("goes on, marked with date and level")).to_be_visible()
    see(nora, "preview")
    confirm(page, "AAAA-AAAA", theme="light")
    expect(page.get_by_text("This is not the code of this subject").first).to_be_visible()
    see(nora, "preview-refused")
    confirm(page, code.lower(), theme="dark")
    expect(page.get_by_text("The withdrawal is recorded and in force.")).to_be_visible()
    expect(page.get_by_text("W4: as W3").first).to_be_visible()
    see(nora, "withdrawn")
    nora.go(f"{subject}withdrawal/notice/")
    see(nora, "notice")
    nora.go(subject)
    time_point = page.locator("main a[href^='/time-points/']").first.get_attribute("href")
    nora.go(f"{time_point}collection/")
    see(nora, "late-scan")

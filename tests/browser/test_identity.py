"""The vault in a real browser: recorded, asked for, agreed to, read and closed again, by keyboard where it counts."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import press, sign, write
from tests.stack import Stack

TYPED = {
    "name": "Inventada, Zoraida",
    "birth_date": "1951-07-30",
    "local_number": "HN-7731905",
    "contact": "Calle del Ensayo 12",
}


def record(nora: Any, code: str) -> None:
    """Record who this subject of the site is."""
    page = nora.go("/trials/THORAX/identities/")
    nora.look()
    page.get_by_role("link", name=code).click()
    nora.look()
    page.get_by_role("link", name="Record who it is").click()
    nora.look()
    nora.press("Record in the vault")
    expect(page.locator(":invalid").first).to_be_visible()
    nora.fill(**TYPED)
    page.get_by_label("Sex").select_option("F")
    nora.press("Record in the vault")
    expect(page.get_by_text("Recorded. To read it again takes two people.")).to_be_visible()
    nora.look()


def ask(nora: Any) -> str:
    page = nora.page
    press(page, "Ask to read it")
    nora.look()
    write(page, {"Reason": "The ward must reach her about a finding"})
    press(page, "Go on to sign")
    nora.look()
    sign(page, "Sign the request")
    expect(page.get_by_text("Nothing opens until another person has agreed")).to_be_visible()
    nora.look()
    return str(page.url)


@pytest.mark.req("R-ID-25")
def test_two_people_unlock_an_identity_and_it_hides_again(someone: Any, stack: Stack) -> None:
    nora, code = someone("nora"), stack.enrol().code
    record(nora, code)
    window = ask(nora)
    david = someone("david", width=390)
    page = david.go("/trials/THORAX/identities/")
    david.look()
    press(page, page.get_by_role("link", name=re.compile("Look and agree")).first)
    david.look()
    sign(page, "Sign and unlock")
    expect(page.get_by_text("Unlocked for")).to_be_visible()
    nora.page.goto(window)
    assert TYPED["name"] not in nora.page.content()
    nora.look()
    press(nora.page, "Show who it is")
    expect(nora.page.get_by_text(TYPED["name"])).to_be_visible()
    expect(nora.page.get_by_text("30 Jul 1951")).to_be_visible()
    expect(nora.page.get_by_text("female", exact=True)).to_be_visible()
    assert TYPED["name"] not in nora.page.title() + nora.page.url
    assert nora.page.locator("main img").count() == 0
    nora.look()
    press(nora.page, "Hide it again")
    expect(nora.page.get_by_role("button", name="Show who it is")).to_be_visible()
    assert TYPED["name"] not in nora.page.content()
    press(nora.page, "Close this window")
    expect(nora.page.get_by_text("Closed. Nobody reads through this window any more.")).to_be_visible()
    page = david.go(f"/subjects/{code}/identity/")
    david.look()
    expect(page.get_by_role("cell", name="closed")).to_be_visible()
    assert TYPED["name"] not in page.content()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), "390 pixels are enough"

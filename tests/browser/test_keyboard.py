"""By keyboard alone: roles, sessions, consent and the register, with a focus that is seen and errors that are told."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import press, tab_to, write
from tests.browser.test_sign_in import make_account
from tests.people import TODAY
from tests.stack import Stack

TRIAL = "/trials/THORAX/"
pytestmark = pytest.mark.req("R-UI-15")


IMAGING = "images are sent to and read by the core laboratory"


def told(page: Any, sentence: str) -> None:
    """What was done is said aloud."""
    expect(page.get_by_role("status").get_by_text(sentence)).to_be_visible()


def test_a_role_is_granted_and_ended_and_a_refusal_is_told_where_the_focus_goes(stack: Stack, someone: Any) -> None:
    make_account(stack, "keyra")
    page = someone("aurora").go(f"{TRIAL}people/new/")
    write(page, {"Account name": "nobody-here"})
    press(page, "Grant the role")
    expect(page.get_by_role("alert")).to_be_focused()
    press(page, page.get_by_role("alert").get_by_role("link", name="Account name"))
    expect(page.get_by_label("Account name")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("keyra")
    write(page, {"Role": "sponsor"})
    press(page, "Grant the role")
    told(page, "The role is granted.")
    press(page, page.get_by_role("row", name="keyra").get_by_role("link", name="End"))
    write(page, {"Reason": "The letter was withdrawn."})
    press(page, "End the role")
    told(page, "The role has ended.")


def test_another_session_of_ones_own_is_ended_and_a_menu_gives_the_focus_back(someone: Any) -> None:
    other, page = someone("stella"), someone("stella").go("/account/")
    menu = page.locator(".menu summary").first
    press(page, menu)
    page.keyboard.press("Tab")
    expect(page.locator(".menu a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    press(page, "End all other sessions")
    told(page, "ended.")
    other.go("/account/")
    expect(other.page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_version_of_the_consent_form_is_added(stack: Stack, someone: Any) -> None:
    fields = {"code": "KEYS", "title": "The keys trial", "protocol_number": "KEYS-1", "sponsor_name": "Northlight"}
    assert stack.session("carmen").post("/trials/new/", **fields).ok
    page = someone("carmen").go("/trials/KEYS/consent-forms/new/")
    day = {"Version": "1.0", "Approved by the ethics committee on": TODAY.strftime("%m%d%Y")}
    write(page, day | {IMAGING: " "})
    tab_to(page, f"Legal basis: {IMAGING} (optional)")
    page.keyboard.press("End")
    press(page, "Record this version")
    told(page, "The version is recorded.")


def test_a_signed_form_is_recorded(stack: Stack, someone: Any) -> None:
    page = someone("nora").go(f"/subjects/{stack.enrol().code}/consent/")
    seen = ("it is signed by the subject and by who informed them", "both signatures are dated by hand")
    write(page, {"Language": "es", IMAGING: " "} | dict.fromkeys(seen, " "))
    write(page, {"SHA-256 of the scan": "ab" * 32, "Pages of the scan": "3"})
    press(page, "Record this consent")
    told(page, "The signed form is recorded.")


def test_a_processor_enters_the_register_and_is_taken_out(someone: Any) -> None:
    page = someone("david").go(f"{TRIAL}privacy/register/")
    write(page, {"Name and contact": "Keyboard Cloud", "What it does": "stores", "Contract": "7"})
    write(page, {"Place of processing": "Utrecht"})
    press(page, "Add the processor")
    expect(page.get_by_role("row", name="Keyboard Cloud")).to_be_visible()
    row = page.get_by_role("row", name="Keyboard Cloud")
    tab_to(page, row.get_by_label("Reason"))
    page.keyboard.type("The contract has ended.")
    press(page, row.get_by_role("button"))
    expect(row).to_have_count(0)

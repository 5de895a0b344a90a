"""The rights of the person in a real browser: request, erasure by two, ledger, breach, register, by keyboard and narrow."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import tab_to
from tests.stack import Stack

TRIAL = "/trials/THORAX/privacy/"


def see(person: Any, name: str) -> None:
    """Let axe look, and let nothing be wider than the window."""
    person.look()
    page = person.page
    width = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"{page.url}: {width} px too wide ({name})"


@pytest.mark.req("R-PRIV-16")
def test_a_request_is_recorded_and_answered_by_keyboard_alone(someone: Any) -> None:
    david = someone("david")
    page = david.go(f"{TRIAL}requests/")
    tab_to(page, "Subject")
    page.keyboard.press("ArrowDown")
    tab_to(page, "What is asked for")
    page.keyboard.type("opt-out")
    tab_to(page, "Record")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The request is recorded. It is due on")).to_be_visible()
    see(david, "request")
    tab_to(page, "What the subject was told")
    page.keyboard.type("Your data are left out from now on.")
    tab_to(page, "Record the answer")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The answer is recorded.")).to_be_visible()


def somebody_left(stack: Stack) -> str:
    """Let a new subject withdraw; return its code."""
    code = stack.enrol().code
    stack.shell(
        "from tests.privacy.leaving import leave; from trials.models import Subject; "
        f"leave(Subject.objects.get(code={code!r}))"
    )
    return code


@pytest.mark.req("R-PRIV-16")
def test_two_people_erase_a_subject_and_take_the_certificate(someone: Any, stack: Stack) -> None:
    david, code = someone("david"), somebody_left(stack)
    page = david.go(f"{TRIAL}erasures/new/")
    see(david, "erase")
    page.get_by_label("Subject").select_option(code)
    page.get_by_label("the link to the person: identity, tokens, originals").check()
    page.get_by_label("Reason").fill("asked by letter")
    david.press("Show what is signed")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign the decision to erase")
    see(david, "sign")
    david.sign("Sign the decision")
    expect(page.get_by_text("The decision is signed.")).to_be_visible()
    expect(page.get_by_text("You decided on this.")).to_be_visible()
    see(david, "waiting")
    carmen = someone("carmen")
    carmen.go(page.url.removeprefix(stack.address))
    carmen.page.get_by_role("link", name="Look at it and confirm").click()
    carmen.sign("Sign and destroy")
    expect(carmen.page.get_by_text("The erasure is carried out.")).to_be_visible()
    see(carmen, "erased")
    with carmen.page.expect_download() as taken:
        carmen.page.get_by_role("link", name="Certificate (PDF)").click()
    assert taken.value.path().read_bytes().startswith(b"%PDF")


@pytest.mark.req("R-PRIV-16")
def test_a_breach_is_opened_and_told_and_an_empty_duty_is_named(someone: Any) -> None:
    david = someone("david", width=390)
    page = david.go(f"{TRIAL}breaches/")
    moment = page.evaluate("() => new Date(Date.now() - 3600e3).toISOString().slice(0, 16)")
    page.get_by_label("What happened, in one line").fill("A laptop was lost")
    page.get_by_label("Known since (UTC)").fill(moment)
    david.press("Record the breach")
    expect(page.get_by_text("hours left")).to_be_visible()
    see(david, "breach390")
    page.get_by_label("Kind").select_option("authority")
    page.get_by_label("What", exact=True).fill("by the authority's own form")
    david.press("Add")
    expect(page.get_by_text("authority told in time")).to_be_visible()
    page = david.go(f"{TRIAL}register/")
    page.get_by_role("link", name="Article 30(1)").click()
    expect(page.get_by_text("This duty field is empty: controller: name and contact.")).to_be_visible()
    see(david, "register-missing390")

"""The door in a real browser: both steps by keyboard, a passkey by Chromium's own device, and the end of a session."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from config.demo.people import PASSWORD
from tests.browser.conftest import Person
from tests.newcomer import code_of
from tests.stack import Stack

WORDS = "nine calm herons"
MAKE = """
from trials.models import User
User.objects.filter(username={name!r}).exists() or User.objects.create_user({name!r}, password={words!r}, first_name="Ines", last_name="Newcomer")
"""
AGE = """
import datetime as dt
from django.utils import timezone
from trials.models import AccountSession
now = timezone.now()
open_ones = AccountSession.objects.filter(user__username={name!r}, ended_at=None)
open_ones.update(last_seen_at=now - dt.timedelta(minutes={idle}), started_at=now - dt.timedelta(minutes={started}))
"""


def make_account(stack: Stack, name: str) -> None:
    stack.shell(MAKE.format(name=name, words=WORDS))


def age(stack: Stack, name: str, *, idle: float, started: float) -> None:
    """Let minutes go by for every open session of the account."""
    stack.shell(AGE.format(name=name, idle=idle, started=started))


@pytest.fixture
def visitor(stack: Stack, browser: Browser) -> Iterator[Any]:
    """Somebody who has not signed in yet, at the address at which passkeys work."""
    contexts: list[BrowserContext] = []

    def come(width: int = 1280) -> Person:
        context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
        contexts.append(context)
        return Person(context, stack.address.replace("127.0.0.1", "localhost"))

    yield come
    for context in contexts:
        context.close()


def first_step(person: Person, name: str, words: str) -> Page:
    page = person.go("/sign-in/")
    # What is typed before the page has put the cursor there is lost.
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    return page


@pytest.mark.req("R-IN-18")
def test_a_new_account_sets_up_its_factor_and_then_takes_both_steps_by_keyboard(stack: Stack, visitor: Any) -> None:
    name = "irene"
    make_account(stack, name)
    ines = visitor(390)
    ines.go("/sign-in/")
    ines.look()
    page = first_step(ines, name, WORDS)
    page.wait_for_url("**/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")
    ines.look()
    page.get_by_role("link", name="Set up an authenticator app").press("Enter")
    ines.look()
    secret = page.locator("code").inner_text().replace(" ", "")
    page.get_by_label("Your password").fill(WORDS)
    page.get_by_label("Code that the app shows now").fill(code_of(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    spare = page.locator("li.mono").first.inner_text()
    ines.go("/account/")
    ines.look()
    ines.go("/account/password/")
    ines.look()
    ines.sign_out()
    first_step(ines, name, WORDS)
    page.wait_for_url("**/sign-in/second/")
    ines.look()
    page.keyboard.press("Tab")
    page.get_by_label("Code of your second factor").focus()
    page.keyboard.type(spare)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")


@pytest.fixture
def device(visitor: Any) -> Any:
    """A person whose browser has a device that verifies its holder."""
    person = visitor()
    session = person.page.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options = kind | {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return person


@pytest.mark.req("R-IN-18")
def test_a_passkey_is_enrolled_signs_in_alone_and_stands_for_the_code(stack: Stack, device: Any) -> None:
    page = first_step(device, "marta", PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")
    device.go("/account/passkeys/add/")
    device.look()
    code = page.get_by_text("Demo: your authenticator shows").locator("strong").inner_text()
    page.get_by_label("Name of the passkey").fill("this laptop")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("Code of a factor you have").fill(code)
    device.press("Add the passkey")
    expect(page.get_by_text("The passkey is added.")).to_be_visible()
    expect(page.get_by_text("this laptop").first).to_be_visible()
    device.look()
    device.sign_out()
    device.press("Sign in with a passkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")
    expect(page.locator(".who")).to_contain_text("Marta Monitor")
    device.go("/account/second-factor/")
    page.get_by_role("link", name="Remove this laptop").click()
    device.look()
    device.press("Use a passkey for the code")
    expect(page.get_by_text("Your passkey answered")).to_be_visible()
    page.get_by_label("Your password").fill(PASSWORD)
    device.press("Remove the passkey")
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()


@pytest.mark.req("R-IN-18")
def test_a_passkey_that_is_not_given_is_told_and_nothing_changes(visitor: Any) -> None:
    nobody = visitor()
    nobody.go("/sign-in/")
    nobody.page.evaluate(
        "() => { navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError')); }"
    )
    nobody.press("Sign in with a passkey")
    expect(nobody.page.get_by_role("alert")).to_contain_text("No passkey was given: nothing changed.")


@pytest.mark.req("R-IN-12")
def test_two_minutes_before_the_end_a_page_warns_and_one_key_goes_on(stack: Stack, visitor: Any) -> None:
    david = visitor()
    david.page.clock.install()
    page = first_step(david, "david", PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")
    david.go("/account/password/")
    age(stack, "david", idle=28.4, started=60)
    page.clock.fast_forward("28:20")
    dialog = page.get_by_role("dialog", name="Your session ends soon")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text(re.compile("In about (2 minutes|one minute)"))
    david.look()
    expect(page.get_by_role("button", name="Stay signed in")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    told = page.evaluate(
        "() => fetch('/account/session/', {headers: {'X-Corelab-Background': '1'}}).then((a) => a.json())"
    )
    assert told["idle"] > 29 * 60


@pytest.mark.req("R-IN-12")
def test_the_full_length_of_a_session_cannot_be_extended_and_says_so(stack: Stack, visitor: Any) -> None:
    david = visitor()
    david.page.clock.install()
    page = first_step(david, "david", PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")
    age(stack, "david", idle=0, started=12 * 60 - 1.5)
    page.clock.fast_forward("28:20")
    dialog = page.get_by_role("dialog", name="Your session ends soon")
    expect(dialog).to_contain_text("this cannot be put off")
    expect(page.get_by_role("button", name="Stay signed in")).to_be_hidden()
    david.look()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.req("R-IN-12")
def test_after_the_end_what_was_typed_stays_and_is_sent_once_its_holder_is_back(stack: Stack, visitor: Any) -> None:
    carmen = visitor()
    carmen.page.clock.install()
    page = first_step(carmen, "carmen", PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")
    carmen.go("/trials/new/")
    carmen.fill(code="KEPT", title="Typed before the end", protocol_number="K-1", sponsor_name="Northlight")
    age(stack, "carmen", idle=31, started=60)
    page.clock.fast_forward("28:20")
    over = page.get_by_role("alert").filter(has_text="Your session has ended.")
    expect(over).to_be_visible()
    expect(over).to_be_focused()
    carmen.look()
    page.locator("main form button[type=submit]").click()
    expect(page.locator("[name$='title']")).to_have_value("Typed before the end")
    other = Person(page.context, carmen.address)
    other.sign_in("carmen")
    page.bring_to_front()
    page.clock.fast_forward("00:20")
    expect(page.get_by_text("You are signed in again.")).to_be_visible()
    page.locator("main form button[type=submit]").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Typed before the end")


@pytest.mark.req("R-IN-18")
def test_the_operators_page_of_an_account_holds_for_everybody_who_reads_it(stack: Stack, visitor: Any) -> None:
    otto = visitor(390)
    page = first_step(otto, "otto", PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")
    otto.go("/operator/trials/user/?q=silvia")
    page.get_by_role("link", name="silvia").click()
    page.get_by_role("link", name="Sign-in and sessions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign-in of Silvia Sponsor")
    # Django's own pages on the way here ask for an icon that they do not name.
    otto.complaints.clear()
    otto.look()
    otto.press("Revoke every factor")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign-in of Silvia Sponsor")

"""What a browser remembers of a sending: for its own account and window alone, and for nobody once that one has left."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.sending import PIECES, SEND, Scan, choose, go_to_send, press, receipt_of, send
from tests.stack import Enrolled, Stack

NO_ENGINE = "delete globalThis.WebAssembly"
# All that is stored for our pages, whoever asks.
STORED = """async () => {
  const found = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve) => { indexedDB.open(name).onsuccess = (event) => resolve(event.target.result); });
    for (const store of database.objectStoreNames) {
      const asked = database.transaction(store).objectStore(store).getAllKeys();
      found.push(...await new Promise((resolve) => { asked.onsuccess = () => resolve(asked.result); }));
    }
    database.close();
  }
  return found;
}"""
COVERING = """(dialog) => {
  const behind = getComputedStyle(dialog, "::backdrop").backgroundColor;
  return dialog.matches(":modal") && !behind.includes("/") && !/rgba|transparent/.test(behind);
}"""


@pytest.fixture
def page(someone: Any) -> Page:
    """The sending page of a site, in a browser that runs no engine: all goes to the encrypted intake."""
    saul = someone("saul")
    saul.page.context.add_init_script(NO_ENGINE)
    page: Page = saul.go(SEND)
    page.on("dialog", lambda dialog: dialog.accept())
    return page


def interrupt(page: Page, subject: Enrolled, paths: list[str]) -> list[Route]:
    """Begin to send, and let nothing of it arrive; returns the requests that wait."""
    held = list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.route(PIECES, hold)
    choose(page, subject)
    go_to_send(page, paths)
    with page.expect_request(PIECES):
        send(page)
    return held


def another_window(page: Page) -> Page:
    other = page.context.new_page()
    other.on("dialog", lambda dialog: dialog.accept())
    other.goto(page.url)
    return other


def sign_in(page: Page, stack: Stack, name: str) -> None:
    page.goto(f"{stack.address}/sign-in/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(stack.password)
    press(page, "Sign in")
    page.wait_for_url(f"{stack.address}/")


@pytest.mark.req("R-SEND-14")
def test_whoever_signs_out_leaves_nothing_of_a_sending_for_the_next_person(
    stack: Stack, page: Page, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    interrupt(page, subject, scan("left").paths)
    assert page.evaluate(STORED)
    # From any page; the one that sends is closed by whoever leaves, or lies behind.
    other = another_window(page)
    other.locator("[data-theme-button]").click()
    press(other, "Sign out")
    other.wait_for_url("**/sign-in/**")
    assert other.evaluate(STORED) == []
    # The taste of this browser is no note of anybody.
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    page.close()
    sign_in(other, stack, "saul")
    other.goto(f"{stack.address}{SEND}")
    expect(other.get_by_role("heading", name="1. Whose scan is it?")).to_be_visible()
    expect(other.get_by_text("was interrupted here")).to_have_count(0)


@pytest.mark.req("R-SEND-14", "R-SEND-06")
def test_a_session_that_ended_covers_the_page_keeps_its_notes_for_its_own_account_and_none_for_another(
    stack: Stack, page: Page, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    held = interrupt(page, subject, scan("covered").paths)
    page.unroute(PIECES)
    page.context.clear_cookies()
    for route in held:
        route.abort()
    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog).to_be_visible(timeout=60_000)
    assert dialog.evaluate(COVERING)
    other = page.context.new_page()
    sign_in(other, stack, "saul")
    assert other.evaluate(STORED)
    expect(dialog).to_be_hidden()
    assert len(receipt_of(page)["filed"]) == 5
    assert other.evaluate(STORED)
    # Nobody signs out, and another comes.
    other.context.clear_cookies()
    sign_in(other, stack, "nora")
    stack.wait(lambda: other.evaluate(STORED) == [])


@pytest.mark.req("R-SEND-15", "R-SEND-03")
def test_two_windows_send_side_by_side_and_what_one_is_at_is_told_in_the_other(
    stack: Stack, page: Page, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    other, here = stack.enrol(site="sur", staff="saul"), scan("one window").paths
    held = interrupt(page, subject, here)
    second = another_window(page)
    expect(second.get_by_text(f"Another window of this browser is at a sending for {subject.code}")).to_be_visible()
    expect(second.get_by_role("button", name="Go on with it")).to_have_count(0)
    third = another_window(page)
    interrupt(second, other, scan("another window").paths)
    expect(third.get_by_text(f"is at a sending for {other.code}")).to_be_visible()
    for route in held:
        route.continue_()
    assert receipt_of(page)["subject"] == subject.code
    # What the first was at has arrived: nobody is told to go there any more, though nobody closed it.
    expect(third.get_by_text(f"is at a sending for {subject.code}")).to_have_count(0)
    expect(third.get_by_text(f"is at a sending for {other.code}")).to_be_visible()
    second.reload()
    expect(second.get_by_text(f"A sending for {other.code}")).to_be_visible()
    # Nobody is at what arrived, and what was interrupted comes first.
    expect(second.locator("[data-recalled]")).not_to_contain_text(subject.code)


@pytest.mark.req("R-SEND-15", "R-SEND-03")
def test_what_a_closed_window_left_is_taken_over_by_one_window_alone(
    page: Page, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    files = scan("taken over").paths
    interrupt(page, subject, files)
    second, third = another_window(page), another_window(page)
    for each in (second, third):
        expect(each.get_by_text(f"Another window of this browser is at a sending for {subject.code}")).to_be_visible()
    page.close()
    for each in (second, third):
        expect(each.get_by_text(f"A sending for {subject.code}")).to_be_visible()
    press(second, "Go on with it")
    press(third, "Go on with it")
    expect(third.get_by_role("alert").filter(has_text="goes on with this sending already")).to_be_focused()
    go_to_send(second, files)
    send(second)
    assert len(receipt_of(second)["filed"]) == 5

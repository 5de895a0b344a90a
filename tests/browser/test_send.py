"""The sending page, all six steps, where things go wrong: a cut line, a reload, lost answers, refusals, an ended session."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from pydicom import dcmread

from tests.browser.conftest import Person
from tests.browser.sending import (
    PIECES,
    SEND,
    Scan,
    choose,
    go_to_send,
    need_engine,
    press,
    receipt_of,
    send,
    stored_at,
)
from tests.browser.wire import Wire, wire_to
from tests.imaging.scans import PLANTED
from tests.stack import Enrolled, Stack

MANIFEST = re.compile(r"/api/deliveries/[0-9a-f-]{36}/manifest/$")
COMPLETE = re.compile(r"/api/deliveries/[0-9a-f-]{36}/complete/$")
START = re.compile(r"/api/deliveries/$")
# Two bytes of 1, as a picture has them.
UNTOUCHED = 257


@pytest.fixture
def page(someone: Any) -> Page:
    """The sending page of a site, in a browser that runs no engine: all goes to the encrypted intake."""
    saul = someone("saul")
    saul.page.add_init_script("delete globalThis.WebAssembly")
    page: Page = saul.go(SEND)
    return page


@pytest.fixture
def wire(stack: Stack) -> Iterator[Wire]:
    with wire_to(stack.address) as wire:
        yield wire


def opened(page: Page) -> list[Any]:
    """The bodies of the deliveries that this page opens from now on."""
    bodies: list[Any] = []
    page.on("request", lambda asked: bodies.append(asked.post_data_json) if START.search(asked.url) else None)
    return bodies


def answer_once(page: Page, address: re.Pattern[str], act: Callable[[Route], None]) -> list[str]:
    """Let `act` take the first request that sends something; returns the methods that came by."""
    seen: list[str] = []

    def handle(route: Route) -> None:
        if route.request.method == "GET":
            route.continue_()
            return
        seen.append(route.request.method)
        if len(seen) == 1:
            act(route)
        else:
            route.continue_()

    page.route(address, handle)
    return seen


def lose_answer(route: Route) -> None:
    """The server does it; only what it says gets lost."""
    route.fetch()
    route.abort()


def told_in_alert(page: Page, words: str) -> None:
    expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible(timeout=30_000)


@pytest.mark.req("R-SEND-03", "R-SEND-04", "R-SEND-05")
def test_a_scan_is_sent_whole_through_a_cut_and_a_reload_and_nothing_twice(
    stack: Stack, browser: Browser, wire: Wire, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    files = scan("whole", 24, is_large=True)
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    saul = Person(context, wire.address).sign_in("saul")
    page = saul.go(SEND)
    need_engine(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Code of the subject").fill(subject.code[:-1] + ("2" if subject.code[-1] != "2" else "3"))
    press(page, "Find")
    expect(page.get_by_text("its check characters do not fit")).to_be_visible()
    saul.look()
    choose(page, subject)
    go_to_send(page, files.paths, saul.look)
    expect(page.get_by_role("row").filter(has_text="ZWEISTEIN^ALBA").first).to_be_visible()
    boxes = page.get_by_label("Boxes to cover")
    boxes.fill("100 100 120")
    send(page)
    told_in_alert(page, "A line of the boxes cannot be read, so nothing was sent.")
    boxes.fill("100 100 120 120")
    wire.fuse = 1
    send(page)
    # What goes before the cut is cleaned first.
    expect(page.get_by_role("status").filter(has_text="The line is broken")).to_be_attached(timeout=120_000)
    expect(page.locator("[data-line]")).to_be_visible()
    assert not page.get_by_text("You may close this page").is_visible()
    # What was under way arrives, and is recorded before anybody asks for it: else it would be called missing and sent again.
    page.wait_for_timeout(5_000)
    wire.mend()
    saul.complaints.clear()
    page.reload()
    expect(page.get_by_text(f"A sending for {subject.code}")).to_be_visible()
    press(page, "Go on with it")
    # Another order, as another dialog may give them; what arrived is not cleaned again.
    go_to_send(page, files.paths[::-1])
    send(page)
    receipt = receipt_of(page)
    saul.look()
    context.close()
    carried = b"".join(wire.sent)
    assert [carried.count(mark) for mark in files.marks] == [1] * len(files.marks)
    assert not [planted for planted in (*map(str.encode, PLANTED), *files.uids) if planted in carried]
    assert stored_in(stack, receipt) == {row["filed_sha256"]: row["sop_instance_uid"] for row in receipt["filed"]}
    assert len(receipt["filed"]) == len(files.marks)
    assert receipt["is_as_recorded"]
    one = dcmread(stored_at(stack, receipt["filed"][0]["filed_sha256"])).pixel_array
    assert (one[100:120, 100:120] != UNTOUCHED).all()
    assert (one[120:, 120:] == UNTOUCHED).all()


def stored_in(stack: Stack, receipt: dict[str, Any]) -> dict[str, str]:
    """SOP Instance UIDs by hash of what lies in the archive under the hashes of a receipt."""
    held = [stored_at(stack, row["filed_sha256"]) for row in receipt["filed"]]
    return {hashlib.sha256(one.read_bytes()).hexdigest(): str(dcmread(one).SOPInstanceUID) for one in held}


@pytest.mark.req("R-SEND-10")
def test_mixed_persons_stop_before_sending_until_one_is_chosen(
    someone: Any, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    saul = someone("saul", width=390)
    page = saul.go(SEND)
    need_engine(page)
    choose(page, subject)
    # Two examinations of one person, and another person.
    files = [*scan("first", 3).paths, *scan("second", 2, name="DREISTEIN^BERTA").paths, *scan("third", 1).paths]
    page.locator("[data-files]").set_input_files(files)
    press(page, "Next: look at them")
    expect(page.get_by_text("These files are not of one examination of one person")).to_be_visible(timeout=60_000)
    press(page, "Next: what is removed")
    told_in_alert(page, "Mark what belongs to this visit first.")
    expect(page.get_by_role("row")).to_have_count(4)
    three_images = page.get_by_role("row").filter(has=page.get_by_role("cell", name="3", exact=True))
    three_images.get_by_role("checkbox", name="ZWEISTEIN").check()
    page.get_by_label("DREISTEIN").check()
    told_in_alert(page, "These are several persons.")
    saul.look()
    page.get_by_label("DREISTEIN").uncheck()
    expect(page.locator("article.series")).to_have_count(1)
    expect(page.locator("article.series")).to_contain_text("3 images")
    expect(page.locator("[data-required]")).to_contain_text("missing")
    expect(page.locator("[data-required]")).to_contain_text("CT chest (CT, at least 20 images). Only 3 images")
    saul.look()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


@pytest.mark.req("R-UI-12", "R-SEND-04", "R-SEND-11")
def test_lines_that_break_and_answers_that_are_lost_are_taken_up_again(
    page: Page, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    bodies = opened(page)
    seen = [
        answer_once(page, address, act)
        for address, act in ((MANIFEST, lambda route: route.abort()), (PIECES, lose_answer), (COMPLETE, lose_answer))
    ]
    choose(page, subject)
    go_to_send(page, scan("broken").paths)
    expect(page.get_by_text("This browser cannot run the engine").last).to_be_visible()
    send(page)
    assert len(receipt_of(page)["filed"]) == 5
    assert (len(bodies), [len(methods) for methods in seen]) == (1, [2, 2, 2])


@pytest.mark.req("R-UI-12")
def test_a_refusal_and_a_proxy_are_told_and_other_files_or_visits_get_a_delivery_of_their_own(
    stack: Stack, page: Page, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    bodies, other = opened(page), stack.enrol(site="sur", staff="saul")
    choose(page, subject)
    go_to_send(page, scan("proxy").paths)
    page.route(PIECES, lambda route: route.fulfill(status=413, body="<html>nginx</html>"))
    send(page)
    told_in_alert(page, "refuses pieces of this size")
    page.unroute(PIECES)
    problem = {"title": "Bad Request", "status": 400, "detail": "A file changed while it was sent."}
    page.route(PIECES, lambda route: route.fulfill(status=400, content_type="application/problem+json", json=problem))
    press(page, "Go on")
    told_in_alert(page, "A file changed while it was sent.")
    page.unroute(PIECES)
    press(page, "Begin another")
    choose(page, other)
    go_to_send(page, scan("other").paths)
    send(page)
    assert (receipt_of(page)["subject"], len(receipt_of(page)["filed"])) == (other.code, 5)
    assert [body["time_point"] for body in bodies] == [int(subject.visit), int(other.visit)]


@pytest.mark.req("R-SEND-06", "R-UI-12")
def test_an_ended_session_is_renewed_in_a_dialog_and_the_sending_goes_on(
    stack: Stack, page: Page, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    bodies = opened(page)
    choose(page, subject)
    go_to_send(page, scan("session").paths)

    def end_session(route: Route) -> None:
        page.context.clear_cookies()
        route.continue_(headers={})

    answer_once(page, PIECES, end_session)
    send(page)
    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog).to_be_visible(timeout=30_000)
    with page.context.expect_page() as opening:
        dialog.get_by_role("link", name="Sign in again").click()
    other = opening.value
    other.get_by_label("Name").fill("saul")
    other.get_by_label("Password").fill(stack.password)
    other.get_by_role("button", name="Sign in", exact=True).click()
    other.wait_for_url(f"{stack.address}/")
    expect(dialog).to_be_hidden()
    assert len(receipt_of(page)["filed"]) == 5
    assert len(bodies) == 1

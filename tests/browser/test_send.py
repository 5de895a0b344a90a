"""The sending page where things go wrong: a refusal, a change of mind, a cut line, an answer that is lost."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.imaging.scans import ct_series
from tests.stack import Stack

DELIVERY = re.compile(r"/deliveries/([0-9a-f-]{36})/$")
PIECES = re.compile(r"/api/deliveries/[0-9a-f-]{36}/pieces/$")
COMPLETE = re.compile(r"/api/deliveries/[0-9a-f-]{36}/complete/$")
START = re.compile(r"/api/deliveries/$")


@pytest.fixture
def scan(tmp_path: Path) -> Callable[[str], list[str]]:
    def write(seed: str) -> list[str]:
        folder = tmp_path / seed
        folder.mkdir()
        for number, data in enumerate(ct_series(5, seed=seed)):
            (folder / f"IM{number}").write_bytes(data)
        return [str(path) for path in sorted(folder.iterdir())]

    return write


@pytest.fixture
def page(someone: Any) -> Page:
    """The sending page of a site."""
    page: Page = someone("saul").go("/trials/THORAX/send/")
    return page


def choose(page: Page, *, visit: int, files: list[str]) -> str:
    """Choose the visit at this place of the list and the files; returns the visit as the receipt calls it."""
    field = page.locator("[name='time_point']")
    field.select_option(index=visit)
    page.locator("[data-files]").set_input_files(files)
    return str(field.input_value())


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()


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


def arrived(page: Page) -> str:
    page.wait_for_url(DELIVERY)
    found = DELIVERY.search(page.url)
    assert found
    expect(page.get_by_text("filed and checked").first).to_be_visible(timeout=60_000)
    return found[1]


def refuse(route: Route) -> None:
    problem = {"title": "Bad Request", "status": 400, "detail": "A file changed while it was sent."}
    route.fulfill(status=400, content_type="application/problem+json", json=problem)


@pytest.mark.req("R-UI-12")
def test_after_a_refusal_another_visit_gets_a_delivery_of_its_own(
    stack: Stack, page: Page, scan: Callable[[str], list[str]]
) -> None:
    bodies = opened(page)
    answer_once(page, PIECES, refuse)
    first = choose(page, visit=1, files=scan("first"))
    send(page)
    expect(page.get_by_role("alert").filter(has_text="A file changed")).to_be_visible()
    second = choose(page, visit=2, files=scan("second"))
    send(page)
    delivery = arrived(page)
    assert [body["time_point"] for body in bodies] == [int(first), int(second)]
    told = page.request.get(f"{stack.address}/api/deliveries/{delivery}/").json()
    assert told["counts"]["filed"] == 5


@pytest.mark.req("R-UI-12")
def test_a_cut_line_opens_no_second_delivery_and_other_files_do(page: Page, scan: Callable[[str], list[str]]) -> None:
    bodies = opened(page)
    page.clock.install()
    page.route(PIECES, lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    visit = choose(page, visit=1, files=scan("cut"))
    send(page)
    for _wait in range(6):
        page.wait_for_timeout(200)
        page.clock.run_for(20_000)
    expect(page.get_by_role("alert").filter(has_text="The line is broken. What was sent is kept")).to_be_visible()
    page.unroute(PIECES)
    page.locator("[data-files]").set_input_files(scan("other"))
    send(page)
    arrived(page)
    assert [body["time_point"] for body in bodies] == [int(visit)] * 2


def cut(route: Route) -> None:
    route.abort()


def lose_answer(route: Route) -> None:
    """The server does it; only what it says gets lost."""
    route.fetch()
    route.abort()


@pytest.mark.req("R-UI-12")
@pytest.mark.parametrize("break_line", [cut, lose_answer])
@pytest.mark.parametrize("address", [PIECES, COMPLETE], ids=["pieces", "complete"])
def test_a_line_that_breaks_once_is_taken_up_again(
    page: Page, scan: Callable[[str], list[str]], address: re.Pattern[str], break_line: Callable[[Route], None]
) -> None:
    bodies = opened(page)
    seen = answer_once(page, address, break_line)
    choose(page, visit=1, files=scan("once"))
    send(page)
    arrived(page)
    assert (len(bodies), len(seen)) == (1, 2)


@pytest.mark.req("R-UI-12")
def test_a_proxy_that_answers_in_html_is_told_in_a_sentence(page: Page, scan: Callable[[str], list[str]]) -> None:
    answer_once(page, PIECES, lambda route: route.fulfill(status=413, body="<html>nginx</html>"))
    choose(page, visit=1, files=scan("proxy"))
    send(page)
    expect(page.get_by_role("alert").filter(has_text="refuses pieces of this size")).to_be_visible()


@pytest.mark.req("R-UI-12")
def test_who_signs_in_again_in_another_tab_goes_on_with_the_same_delivery(
    stack: Stack, someone: Any, scan: Callable[[str], list[str]]
) -> None:
    saul = someone("saul")
    page = saul.go("/trials/THORAX/send/")
    bodies = opened(page)
    page.route(PIECES, lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    choose(page, visit=1, files=scan("tabs"))
    with page.expect_request_finished(lambda asked: bool(START.search(asked.url))):
        send(page)
    page.context.clear_cookies()
    page.unroute(PIECES)
    expect(page.get_by_role("alert").filter(has_text="Your session has ended")).to_be_visible(timeout=20_000)
    other = page.context.new_page()
    other.goto(f"{stack.address}/sign-in/")
    other.get_by_label("Name").fill("saul")
    other.get_by_label("Password").fill(stack.password)
    other.get_by_role("button", name="Sign in", exact=True).click()
    other.wait_for_url(f"{stack.address}/")
    send(page)
    arrived(page)
    assert len(bodies) == 1

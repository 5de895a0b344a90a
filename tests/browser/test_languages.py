"""Another language in a real browser: chosen by keyboard, spoken by page and script."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.inside import Inside, enter
from tests.cast import Cast
from trials.models import User

# What a language change writes is asked of both databases by tests/test_languages.py.
pytestmark = [pytest.mark.django_db, pytest.mark.any_engine]


@pytest.fixture
def somebody(browser: Browser) -> Iterator[Any]:
    people: list[Inside] = []

    def come(user: User, *, width: int = 1280) -> Inside:
        people.append(enter(browser, user, width=width))
        return people[-1]

    yield come
    for person in people:
        person.page.context.close()


@pytest.mark.req("R-WORDS-01", "R-WORDS-02")
def test_a_language_is_chosen_by_keyboard_and_spoken_by_page_and_scripts(cast: Cast, somebody: Any) -> None:
    clara = somebody(cast.coordinator)
    page = clara.go("/account/")
    page.locator(".languages summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Español")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_role("heading", level=2, name="Sus roles")).to_be_visible()
    expect(page.locator(".languages summary")).to_contain_text("Español")
    page.locator("[data-theme-button]").click()
    assert page.evaluate("() => interpolate(gettext('%(a)s'), {a: 1}, true) + typeof ngettext") == "1function"
    clara.check()
    page.locator(".languages summary").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")

"""The review of pictures in a real browser: boxes by pointing and by keyboard, light and dark, wide and narrow."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import tab_to
from tests.browser.test_privacy import see

# The demo's real objects: an ultrasound and a capture on which the machine was not sure.
LIST = "/trials/MIXED/pictures/"


def open_first(person: Any) -> Any:
    page = person.go(LIST)
    page.get_by_role("link", name="picture").first.click()
    expect(page.get_by_role("heading", name="As it came")).to_be_visible()
    page.wait_for_function("() => [...document.querySelectorAll('.picture img')].every((each) => each.naturalWidth)")
    return page


@pytest.mark.req("R-PIX-16")
def test_list_and_review_satisfy_axe_light_and_dark_and_fit(someone: Any) -> None:
    quim = someone("quim", width=390)
    quim.go(LIST)
    see(quim, "list")
    open_first(quim)
    see(quim, "review")


@pytest.mark.req("R-PIX-16")
def test_a_box_is_drawn_by_pointing_and_saved(someone: Any) -> None:
    quim = someone("quim")
    page = open_first(quim)
    before = page.get_by_label("Boxes, one a line").input_value()
    frame = page.locator(".picture svg").bounding_box()
    page.mouse.move(frame["x"] + 10, frame["y"] + 12)
    page.mouse.down()
    page.mouse.move(frame["x"] + 60, frame["y"] + 40, steps=4)
    page.mouse.up()
    after = page.get_by_label("Boxes, one a line").input_value()
    assert len(after.split("\n")) == len(before.split("\n")) + 1
    expect(page.get_by_text("Save the boxes first")).to_be_visible()
    quim.press("Save the boxes")
    expect(page.get_by_text("The boxes were saved.")).to_be_visible()
    assert page.get_by_label("Boxes, one a line").input_value() == after
    page.get_by_label("Boxes, one a line").fill(before)
    quim.press("Save the boxes")
    expect(page.get_by_text("The boxes were saved.")).to_be_visible()


@pytest.mark.req("R-PIX-16")
def test_a_picture_is_boxed_and_led_to_the_signature_by_keyboard_alone(someone: Any) -> None:
    quim = someone("quim")
    page = open_first(quim)
    before = page.get_by_label("Boxes, one a line").input_value()
    field = "Boxes, one a line: left, top, right, bottom (optional)"
    tab_to(page, field)
    page.keyboard.press("Control+End")
    page.keyboard.type("\n3, 4, 20, 30")
    tab_to(page, "Save the boxes")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The boxes were saved.")).to_be_visible()
    tab_to(page, "release it: nothing identifying is left outside the boxes")
    page.keyboard.press("Space")
    tab_to(page, "Go on to sign")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign the decision on this picture")
    expect(page.get_by_text("3 4 20 30 person")).to_be_visible()
    see(quim, "sign")
    page = open_first(quim)
    page.get_by_label(field).fill(before)
    quim.press("Save the boxes")

"""A de-identification profile in a real browser: written, found fault with, tried by keyboard; and a certificate read."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import press, write
from tests.browser.test_privacy import see
from tests.stack import Stack

TRIAL = "LUMEN"


@pytest.fixture(scope="module")
def address(stack: Stack) -> str:
    """The profile of a trial of its own, founded for these tests."""
    carmen = stack.session("carmen")
    fields = {"code": TRIAL, "title": "The lumen trial", "protocol_number": "LUMEN-1", "sponsor_name": "Northlight"}
    assert carmen.post("/trials/new/", **fields).ok
    return f"/trials/{TRIAL}/charter/1/profile/"


@pytest.mark.req("R-PROF-14")
def test_the_profile_is_written_and_tried(someone: Any, address: str) -> None:
    carmen = someone("carmen", width=390)
    page = carmen.go(address)
    see(carmen, "profile")
    page.get_by_label("Clean descriptors").check()
    page.get_by_label("Words that may stay in descriptions").fill("plutonia")
    page.get_by_label("Single attributes").fill("(0010,0010) keep I want it")
    page.get_by_label("Reason").fill("the tracer's name must stay")
    carmen.press("Check and save the profile")
    expect(page.get_by_text("is ruled by the Basic Profile").first).to_be_visible()
    see(carmen, "refused")
    page.get_by_label("Single attributes").fill("(0018,1151) remove not measured")
    carmen.press("Check and save the profile")
    expect(page.get_by_text("The profile is saved.")).to_be_visible()
    expect(page.get_by_text("Is none a name?")).to_be_visible()
    see(carmen, "saved")
    page.get_by_label("A made-up object").select_option("PT")
    carmen.press("Show before and after")
    expect(page.get_by_role("heading", level=1)).to_have_text("Before and after: PT")
    expect(page.get_by_role("row", name=re.compile("Patient's Name"))).to_contain_text("Example^Eva Maria")
    see(carmen, "look")
    carmen.page.get_by_role("link", name="Back to the profile").click()
    expect(page.get_by_text("Somebody has looked at what these rules do.")).to_be_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download as JSON").click()
    assert b'"plutonia"' in taken.value.path().read_bytes()


@pytest.mark.req("R-PROF-14")
def test_rules_are_chosen_saved_and_tried_by_keyboard_alone(someone: Any, address: str) -> None:
    carmen = someone("carmen")
    page = carmen.go(address)
    factors = "Retain safe private attributes: known physics of the makers, factors of SUV too"
    write(page, {factors: " ", "Reason": "private factors"})
    press(page, "Check and save the profile")
    press(page, "Show before and after")
    expect(page.get_by_role("heading", level=1)).to_have_text("Before and after: CT")


@pytest.mark.req("R-PROF-14")
def test_the_certificate_of_a_delivery_is_read(someone: Any) -> None:
    carmen = someone("carmen", width=390)
    page = carmen.go("/trials/THORAX/deliveries/")
    page.locator("a[href^='/deliveries/']").first.click()
    page.get_by_role("link", name="De-identification certificate").click()
    expect(page.get_by_role("heading", name="What was in force")).to_be_visible()
    expect(page.get_by_text("not what the audit trail recorded")).to_have_count(0)
    see(carmen, "certificate")

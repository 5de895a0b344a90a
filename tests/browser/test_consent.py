"""Consent in a real browser: history, restriction and withdrawal with its preview, by keyboard, wide and narrow."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

PICTURES = os.environ.get("CORELAB_PICTURES", "")


def subject_of(person: Any) -> str:
    """The address of the first subject of the person's list."""
    page = person.go("/trials/THORAX/subjects/")
    address = page.locator("main tbody a").first.get_attribute("href")
    assert address
    return str(address)


def read_subject_of(person: Any) -> str:
    """The address of a subject of whom every visit is accepted: no other test sends for it."""
    page = person.go("/trials/THORAX/subjects/")
    addresses = [str(link.get_attribute("href")) for link in page.locator("main tbody a[href^='/subjects/']").all()]
    return next(address for address in addresses if is_read(person.go(address)))


def is_read(page: Any) -> bool:
    return bool(page.locator("td .badge--ok").count() == page.locator("main a[href^='/time-points/']").count())


def look(person: Any, name: str) -> None:
    """Let axe look in both schemes, and see that the page fits; keep pictures where somebody asks for them."""
    person.look()
    width = person.page.viewport_size["width"]
    assert person.page.evaluate("() => document.documentElement.scrollWidth") <= width
    for scheme in ("light", "dark") if PICTURES else ():
        person.page.emulate_media(color_scheme=scheme)
        person.page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}-{scheme}.png"), full_page=True)


@pytest.mark.req("R-CONS-15")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_of_consent_fit_and_satisfy_axe(someone: Any, width: int) -> None:
    carmen = someone("carmen", width=width)
    subject = subject_of(carmen)
    look(carmen, "subjects")
    version = carmen.page.locator("a[href*='/consent-forms/']").last.get_attribute("href")
    pages = {
        "subject": subject,
        "history": f"{subject}consent/history/",
        "give": f"{subject}consent/",
        "answer": f"{subject}consent/answer/",
        "restrict": f"{subject}restriction/",
        "withdraw": f"{subject}withdrawal/",
        "version": version,
        "new-version": "/trials/THORAX/consent-forms/new/",
    }
    for name, address in pages.items():
        carmen.go(address)
        look(carmen, name)
    silvia = someone("silvia", width=width)
    silvia.go("/trials/THORAX/out-of-analysis/")
    look(silvia, "out-of-analysis")


@pytest.mark.req("R-CONS-15", "R-CONS-08")
def test_a_withdrawal_is_seen_before_it_is_made_and_needs_the_keyboard_alone(someone: Any) -> None:
    nora = someone("nora", width=390)
    subject = read_subject_of(nora)
    code = subject.strip("/").split("/")[-1]
    page = nora.go(f"{subject}withdrawal/")
    page.get_by_label("W4: as W3").focus()
    page.keyboard.press("Space")
    page.get_by_label("Reason").focus()
    page.keyboard.type("asked by letter")
    page.get_by_role("button", name="Show what will happen").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What will happen to this subject")).to_be_visible()
    expect(page.get_by_text("goes on, marked with date and level")).to_be_visible()
    look(nora, "preview")
    page.get_by_label("Type the subject").fill("AAAA-AAAA")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is not the code of this subject").first).to_be_visible()
    look(nora, "preview-refused")
    page.get_by_label("Type the subject").fill(code.lower())
    page.keyboard.press("Enter")
    expect(page.get_by_text("The withdrawal is recorded and in force.")).to_be_visible()
    expect(page.get_by_text("W4: as W3").first).to_be_visible()
    look(nora, "withdrawn")
    nora.go(f"{subject}withdrawal/notice/")
    look(nora, "notice")
    nora.go(subject)
    time_point = page.locator("main a[href^='/time-points/']").first.get_attribute("href")
    nora.go(f"{time_point}collection/")
    look(nora, "late-scan")

"""The sending page as its person goes through it: from the subject to the receipt, shared by tests that send."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.services import lacking
from tests.stack import Enrolled, Stack

PIECES = re.compile(r"/api/deliveries/[0-9a-f-]{36}/pieces/$")
SEND = "/trials/THORAX/send/"
SIDE = 512


@dataclass(frozen=True, slots=True)
class Scan:
    """A folder of slices; `marks` are bytes of the picture of each, which no cleaning changes, `uids` the scanner's."""

    paths: list[str]
    marks: list[bytes]
    uids: set[bytes]


def need_engine(page: Page) -> None:
    if not page.locator("[data-worker]").count():
        lacking("The product was set up without npm, so no browser cleans: apt-get install npm")


def press(page: Page, name: str) -> None:
    """Wait as long as an engine takes to start on a busy machine."""
    page.get_by_role("button", name=name, exact=True).click(timeout=180_000)


def choose(page: Page, subject: Enrolled) -> None:
    page.get_by_label("Code of the subject").fill(subject.code)
    press(page, "Find")
    expect(page.get_by_text(f"Visits of subject {subject.code}")).to_be_visible()
    page.locator("[name=time_point]").select_option(value=subject.visit)
    press(page, "Next: files")
    expect(page.get_by_role("heading", name="2. Which files?")).to_be_focused()


def go_to_send(page: Page, files: list[str], look: Callable[[], None] = lambda: None) -> None:
    """From the second step to the last before sending."""
    expect(page.get_by_role("heading", name="2. Which files?")).to_be_visible()
    page.locator("[data-files]").set_input_files(files)
    look()
    press(page, "Next: look at them")
    expect(page.get_by_role("heading", name="3. What was found")).to_be_focused()
    look()
    press(page, "Next: what is removed")
    expect(page.get_by_role("heading", name="4. What will be removed")).to_be_focused(timeout=60_000)
    look()


def send(page: Page) -> None:
    press(page, "Send")


def receipt_of(page: Page) -> dict[str, Any]:
    """The receipt once all is filed, as the page leads to it."""
    link = page.get_by_role("link", name="Open the receipt to print or download it")
    expect(link).to_be_visible(timeout=120_000)
    expect(page.locator("[data-outcome]")).to_contain_text("The images are filed and checked.", timeout=120_000)
    address = link.get_attribute("href") or ""
    told: dict[str, Any] = page.request.get(page.url.replace(SEND, f"/api{address}")).json()
    return told


def stored_at(stack: Stack, sha256: str) -> Path:
    return stack.home / "archive" / sha256[:2] / sha256[2:4] / sha256

"""The page of a site's browser for `benchmarks.road`: a CT is chosen, cleaned there, sent, filed and checked."""

import shutil
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.stack import Enrolled, Stack

CHROMIUM = shutil.which("chromium") or ""
PATIENCE_MS = 600_000.0


def sent_from_page(running: Stack, subject: Enrolled, files: list[Path]) -> tuple[float, float]:
    """Send `files` as the nurse does; seconds until the last byte was sent, and until all is filed and checked."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        _sign_in(page, running)
        _choose(page, subject)
        begin = time.monotonic()
        _send(page, files)
        sent = time.monotonic() - begin
        expect(page.get_by_text("The delivery is filed and checked.")).to_be_visible(timeout=PATIENCE_MS)
        whole = time.monotonic() - begin
        browser.close()
    return sent, whole


def _sign_in(page: Page, running: Stack) -> None:
    page.goto(f"{running.address}/sign-in/")
    page.get_by_label("Name").fill("nora")
    page.get_by_label("Password").fill(running.password)
    _press(page, "Sign in")
    page.wait_for_url(f"{running.address}/")
    page.goto(f"{running.address}/trials/THORAX/send/")


def _choose(page: Page, subject: Enrolled) -> None:
    page.get_by_label("Code of the subject").fill(subject.code)
    _press(page, "Find")
    page.locator("[name=time_point]").select_option(value=subject.visit)
    _press(page, "Next: files")


def _send(page: Page, files: list[Path]) -> None:
    page.locator("[data-files]").set_input_files([str(file) for file in files])
    _press(page, "Next: look at them")
    expect(page.get_by_role("heading", name="3. What was found")).to_be_focused(timeout=PATIENCE_MS)
    _press(page, "Next: what is removed")
    expect(page.get_by_role("heading", name="4. What will be removed")).to_be_focused(timeout=PATIENCE_MS)
    _press(page, "Send")
    page.get_by_text("You may close this page").first.wait_for()


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()

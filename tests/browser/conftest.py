"""Debian's Chromium, driven by Playwright against the running product; axe looks at every page it is shown."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from config.demo.people import PASSWORD
from tests.browser.looking import axe_in_both_themes
from tests.browser.sending import SIDE, Scan
from tests.imaging.scans import PLANTED, ct_slice, to_bytes
from tests.services import lacking
from tests.stack import Enrolled, Stack

# As patient as Playwright is with everything else: two cores may be busy.
expect.set_options(timeout=30_000)

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        lacking("Chromium is not installed: apt-get install chromium")
    return {"executable_path": chromium, "args": QUIET}


class Person:
    """Somebody at a browser: signs in, looks, and lets axe look too."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))

    def _hear(self, kind: str, text: str) -> None:
        # Chromium tells each answer of 400 and above; a refused form is one.
        if kind == "error" and "400 (Bad Request)" not in text:
            self.complaints.append(text)

    def _note(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.strangers.append(url)

    def sign_in(self, username: str) -> "Person":
        self.page.goto(f"{self.address}/sign-in/")
        self.page.get_by_label("Name").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")
        self.page.get_by_role("heading", level=1).wait_for()
        self.page.wait_for_url(f"{self.address}/")
        return self

    def sign_out(self) -> None:
        """Leave, and wait for it: whoever types the next address at once takes the way out back."""
        self.press("Sign out")
        self.page.wait_for_url("**/sign-in/**")

    def go(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def sign(self, button: str, *, password: str = PASSWORD) -> None:
        """Fill in the signing page, with the code that it shows a demo account, and press its button."""
        shown = self.page.get_by_text("Demo: your authenticator shows").locator("strong")
        code = shown.inner_text()
        self.page.get_by_label("Your password").fill(password)
        self.page.get_by_label("Code of your second factor").fill(code)
        self.press(button)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"[name$='{name}']:visible").first.fill(value)

    def look(self) -> None:
        """No finding of axe in either theme, nothing in the console, no request to any other host."""
        found = axe_in_both_themes(self.page)
        assert not found, "\n".join([self.page.url, *found])
        assert not self.complaints, self.complaints
        assert not self.strangers, self.strangers


@pytest.fixture
def someone(stack: Stack, browser: Browser) -> Iterator[Any]:
    """A factory of signed-in people, each with a browser context of their own."""
    contexts: list[BrowserContext] = []

    def sign_in(username: str, *, width: int = 1280) -> Person:
        # Without motion: a colour half-way between two themes is no colour of ours.
        context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
        contexts.append(context)
        return Person(context, stack.address).sign_in(username)

    yield sign_in
    for context in contexts:
        context.close()


@pytest.fixture
def scan(tmp_path: Path) -> Callable[..., Scan]:
    def write(seed: str, count: int = 5, *, is_large: bool = False, name: str = "ZWEISTEIN^ALBA") -> Scan:
        folder, marks, uids = tmp_path / seed, [], set()
        folder.mkdir()
        for number in range(count):
            dataset, mark = ct_slice(number, seed=seed, name=name), secrets.token_bytes(64)
            if is_large:
                dataset.Rows = dataset.Columns = SIDE
                dataset.PixelData = mark + b"\1" * (SIDE * SIDE * 2 - len(mark))
            marks.append(mark)
            uids |= {uid.encode() for uid in (dataset.SOPInstanceUID, dataset.StudyInstanceUID)}
            (folder / f"{PLANTED[0]}{number}.dcm").write_bytes(to_bytes(dataset))
        return Scan([str(path) for path in sorted(folder.iterdir())], marks, uids)

    return write


@pytest.fixture
def subject(stack: Stack) -> Enrolled:
    return stack.enrol(site="sur", staff="saul")

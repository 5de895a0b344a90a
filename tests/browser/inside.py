"""A real browser before the test's own transaction: Playwright hands each request to Django's test client.

For pages whose state is hard to bring about in the shared running product; scripts, styles and policy are the real ones.
"""

from contextvars import copy_context
from typing import Any
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route

from tests.browser.conftest import Person
from tests.people import PASSWORD
from trials.models import User

ADDRESS = "http://localhost"
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "woff2": "font/woff2"}


class Inside(Person):
    """Somebody signed in at a browser whose answers come from the test's own database."""

    def __init__(self, context: BrowserContext, user: User | None) -> None:
        self.client = Client(SERVER_NAME="localhost")
        if user is not None:
            self.client.force_login(user)
        # Playwright answers in a context of its own, in which Django would open another connection to the database.
        self._here = copy_context()
        context.route("**/*", self._answer)
        super().__init__(context, ADDRESS)

    def _answer(self, route: Route) -> None:
        asked, parts = route.request, urlsplit(route.request.url)
        if parts.path.startswith("/static/"):
            self._give_static(route, parts.path.removeprefix("/static/"))
            return
        answer = self._here.run(self._ask, asked.method, f"{parts.path}?{parts.query}", asked)
        # Playwright does not hand over what a redirect asks for.
        while "Location" in answer.headers:
            answer = self._here.run(self.client.get, answer.headers["Location"])
        route.fulfill(status=answer.status_code, headers=dict(answer.items()), body=answer.content)

    def _ask(self, method: str, path: str, asked: Request) -> Any:
        kind = asked.headers.get("content-type", "application/octet-stream")
        kept = {name: value for name, value in asked.headers.items() if name in {"accept", "hx-request", "referer"}}
        return self.client.generic(method, path, asked.post_data_buffer or b"", content_type=kind, headers=kept)

    @staticmethod
    def _give_static(route: Route, name: str) -> None:
        path = finders.find(name)
        if path is None:
            route.fulfill(status=404)
            return
        route.fulfill(path=path, content_type=_KINDS.get(name.rpartition(".")[2], "application/octet-stream"))

    def sign(self, button: str, *, password: str = PASSWORD) -> None:
        """Sign, or prove oneself on an account page, as the cast does: with the code that the page shows."""
        code = self.page.get_by_text("Demo: your authenticator shows").locator("strong").inner_text()
        self.fill(password=password, code=code)
        self.press(button)

    def see(self, path: str) -> Page:
        """Open a page; let axe look in both themes, and let nothing be wider than the window."""
        page = self.go(path)
        self.check()
        return page

    def check(self) -> None:
        self.look()
        page = self.page
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{page.url}: {wide} px too wide"


def enter(browser: Browser, user: User | None, *, width: int) -> Inside:
    """A browser of this width in the hands of somebody signed in, or of nobody; whoever calls closes its context."""
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    return Inside(context, user)

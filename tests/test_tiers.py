"""The tier of every address's content security policy, read from the header itself; and no page asks another host."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from imaging.models import Submission
from tests.cast import Cast
from tests.openings import Opening, openings

STATIC = Path(__file__).parent.parent / "config" / "static"
# Tier (a), for every page that no other tier names: own host alone, scripts by nonce, no inline style, no eval.
STRICT = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# What a page has beside that, each with the reason. A page that widens its policy must be named here.
WIDER: dict[str, dict[str, str]] = {"send": {"script-src": "'self' 'wasm-unsafe-eval'"}}
# Attributes that make a browser ask for something, at once or when pressed.
ASKING = frozenset(
    {"src", "href", "action", "formaction", "data", "poster", "srcset", "ping", "background", "manifest"}
)
OTHER = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
HOST = re.compile(r"(?:https?|wss?):\\?/\\?/|url\(\s*[\"']?//|import\(\s*[\"']//", re.IGNORECASE)


class Asked(HTMLParser):
    """Everything in a page that names another host, or an inline style or handler that the policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        for name, value in attrs:
            is_asking = name in ASKING or name.startswith("hx-")
            if (is_asking and OTHER.match(value or "")) or name == "style" or name.startswith("on"):
                self.faults.append(f"<{tag} {name}={value!r}>")
        if tag == "style" or (tag == "script" and "src" not in told and not _is_allowed(told)):
            self.faults.append(f"<{tag}> inline")


def _is_allowed(script: dict[str, str | None]) -> bool:
    return "nonce" in script or "json" in (script.get("type") or "")


def policy(answer: Any) -> dict[str, str]:
    """The directives of an answer, without the nonce, which is another one each time."""
    told = re.sub(r" 'nonce-[^']+'", "", answer.headers.get("Content-Security-Policy", ""))
    pairs = (part.strip().partition(" ") for part in told.split(";") if part.strip())
    return {name: value for name, _space, value in pairs}


def answer(opening: Opening) -> Any:
    client = Client()
    if opening.user is not None:
        client.force_login(opening.user)
    return client.get(opening.path)


@pytest.mark.req("R-UI-13")
@pytest.mark.django_db
def test_each_address_has_the_strict_policy_or_the_one_it_is_named_with_and_asks_no_other_host(
    cast: Cast, filed: Submission
) -> None:
    tiers, faults, seen = {}, {}, 0
    for opening in openings(cast, filed):
        name, given = opening.name, answer(opening)
        if (told := policy(given)) != STRICT:
            tiers[name] = {key: value for key, value in told.items() if STRICT.get(key) != value}
        if given.status_code == 200 and given.headers["Content-Type"].startswith("text/html"):
            seen += 1
            page = Asked()
            page.feed(given.content.decode())
            if page.faults:
                faults[name] = page.faults
    assert tiers == WIDER
    assert faults == {}
    assert seen > 100


@pytest.mark.req("R-UI-13")
def test_no_script_or_stylesheet_of_ours_names_another_host() -> None:
    files = [path for path in STATIC.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg", ".json"}]
    told = {path.name: HOST.findall(path.read_text().replace("http://www.w3.org/", "")) for path in files}
    assert {name: found for name, found in told.items() if found} == {}
    assert files

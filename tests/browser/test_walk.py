"""Every page of the product in a real browser: axe in both themes and three languages, and windows of 320 and 640 px.

The pages are those of the access table, with its objects, so that none can be forgotten. CORELAB_WALK=full asks every
rule in every theme and language; without it, each rule is asked where its answer can differ.
"""

import os
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import translation
from playwright.sync_api import Browser
from pytest_django.fixtures import Settings

from config.languages import languages
from imaging.models import Submission
from tests.browser.inside import ADDRESS, Inside, enter
from tests.browser.looking import NARROW, WORDS, axe, axe_in_both_themes, cut
from tests.cast import PASSWORD, Cast
from tests.identity.conftest import ask, key_file, recorded, vault  # noqa: F401  fixtures
from tests.newcomer import bare, give_passkey
from tests.openings import Opening, of_the_vault, openings
from tests.provider import CLIENT, SECRET
from tests.softkey import SoftKey
from tests.test_access_matrix import BY_BODY, OF_THE_VAULT, TABLE, names
from trials.models import Subject, User
from trials.oidc import Provider
from trials.services import passkeys

FULL = os.environ.get("CORELAB_WALK") == "full"
LANGUAGES = ("en", "es", "nl")
# 320 px are 400 % of 1280, 640 are 200 %.
WIDTHS = (640, 320)
HTML = "text/html; charset=utf-8"
# Another page's words, without its scripts, in the frame of styles that stands.
SWAP = """(html) => {
  const next = new DOMParser().parseFromString(html, "text/html");
  document.documentElement.lang = next.documentElement.lang;
  document.title = next.title;
  document.body.replaceWith(document.adoptNode(next.body));
}"""
# Opened for a form alone, or answered without a page of their own.
PAGELESS = {
    "language",
    "words",
    "healthz",
    "session-end",
    "session-extend",
    "session-state",
    "sign-in-passkey",
    "sign-in-passkey-begin",
    "sign-in-provider",
    "sign-in-provider-back",
    "sign-out",
    "operator-door",
    "operator-leave",
    "stow",
    "stow-study",
    "stow-status",
    "stow-expected",
}
# The pages of what went wrong, which no address leads to.
FAULTS = ("400.html", "403_csrf.html", "413.html", "500.html")
REFUSED = ("403", "404")


@pytest.fixture
def provider(settings: Settings) -> None:
    settings.OIDC_PROVIDER = Provider(issuer="https://idp.example", client_id=CLIENT, client_secret=SECRET)
    settings.OIDC_NAME = "Northlight sign-in"


def of_accounts(cast: Cast) -> Iterator[Opening]:
    """What an account has that the cast's have not: a passkey, no app, and a colleague to vouch for."""
    bea, client = bare("bea"), Client()
    client.force_login(bea)
    give_passkey(client, SoftKey())
    (key,) = passkeys.held_by(bea)
    for name in ("account", "second-factor", "second-factor-enrol", "account-link"):
        yield Opening(name, reverse(name), bea)
    yield Opening("passkey-remove", reverse("passkey-remove", kwargs={"pk": key.number}), bea)
    User.objects.filter(pk=cast.reader.pk).update(awaits_vouching=True)
    yield Opening("account-vouch", reverse("account-vouch", kwargs={"pk": cast.reader.pk}), cast.monitor)


def of_the_operator(cast: Cast) -> Iterator[Opening]:
    """The pages of accounts and letters, which Django makes."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield from (Opening(name, reverse(f"{name}_{kind}"), cast.operator) for kind in ("changelist", "add"))
    yield Opening("admin:trials_user", reverse("admin:trials_user_change", args=[cast.alba.pk]), cast.operator)


def refused(cast: Cast) -> Iterator[Opening]:
    yield Opening(REFUSED[0], reverse("trial-create"), cast.reader)
    yield Opening(REFUSED[1], "/nowhere/", cast.coordinator)
    yield from (Opening(name, f"/faults/{name}", cast.coordinator) for name in FAULTS)


@pytest.fixture
def ways(cast: Cast, filed: Submission, recorded: Subject, provider: None) -> list[Opening]:  # noqa: F811  the fixture
    """Every address of the product that opens."""
    window = {"pk": ask(cast.alba, recorded).pk}
    told: dict[str, dict[str, Any]] = {"trial": {"code": cast.trial.code}, "subject": {"code": recorded.code}}
    return [
        *openings(cast, filed),
        *of_the_vault(cast, window=window, **told),
        *of_accounts(cast),
        *of_the_operator(cast),
        *refused(cast),
        Opening("sign-in-second", reverse("sign-in-second"), None),
    ]


class Walker:
    """Somebody who opens their pages one after the other, and notes what is wrong with them."""

    def __init__(self, browser: Browser, user: User | None) -> None:
        self.user = user
        self.language = LANGUAGES[0]
        self.person: Inside = enter(browser, user, width=1280)
        self.person.page.route(
            "**/faults/*", lambda route: route.fulfill(body=self._fail(route.request.url), content_type=HTML)
        )

    def _fail(self, address: str) -> str:
        told = languages(HttpRequest()) | {"request_id": "4f1c", "cap": 2**20}
        with translation.override(self.language):
            return render_to_string(Path(address).name, told)

    def _answer(self, opening: Opening) -> str:
        """What is shown there; "" where that is no page, but a picture, a file, data, a part or another address."""
        if opening.name in FAULTS:
            return self._fail(opening.path)
        if opening.name == "sign-in-second":
            self.person.client.post(reverse("sign-in"), {"username": "alba", "password": PASSWORD})
        answer = self.person.client.get(opening.path)
        assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, opening
        is_page = "Location" not in answer.headers and b"<!DOCTYPE html>" in answer.getvalue()[:100]
        return answer.content.decode() if is_page else ""

    def is_page(self, opening: Opening) -> bool:
        return bool(self._answer(opening))

    def is_silent(self, opening: Opening) -> bool:
        """Whether the page, sent empty, is refused without a word that is read aloud at once."""
        with transaction.atomic():
            answer = self.person.client.post(opening.path)
            transaction.set_rollback(True)
        return answer.status_code == HTTPStatus.BAD_REQUEST and b'role="alert"' not in answer.content

    def speak(self, language: str) -> None:
        self.language = language
        self.person.client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        if self.user is not None:
            User.objects.filter(pk=self.user.pk).update(language=language)

    def look(self, opening: Opening, language: str) -> Iterator[str]:
        """Yield what is wrong with a page in this language, each with where it is."""
        self.speak(language)
        faults = self._whole(opening) if FULL or language == LANGUAGES[0] else self._words(opening)
        where = f"{opening.name} {opening.path} {self.user} {language}"
        return (f"{where}: {fault}" for fault in [*faults, *self._heard(opening)])

    def _whole(self, opening: Opening) -> Iterator[str]:
        """Open the page and look at it in every width and theme."""
        page = self.person.page
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(ADDRESS + opening.path)
        yield from axe_in_both_themes(page, again=FULL)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            yield from (f"{width} px {each}" for each in cut(page))
        yield from axe(page, NARROW)

    def _words(self, opening: Opening) -> Iterator[str]:
        """Put the same page in other words into the narrow window that is open, and look at what words can break."""
        page = self.person.page
        page.evaluate(SWAP, self._answer(opening))
        yield from (f"{WIDTHS[-1]} px {each}" for each in cut(page))
        yield from axe(page, WORDS)

    def _heard(self, opening: Opening) -> Iterator[str]:
        person = self.person
        if person.page.locator("html").get_attribute("lang") != self.language:
            yield "another language"
        # Chromium tells of each page that is refused.
        yield from person.strangers if opening.name in REFUSED else [*person.strangers, *person.complaints]
        person.complaints.clear()
        person.strangers.clear()


@pytest.mark.without_fences
@pytest.mark.django_db(databases=["default", "identity"])
@pytest.mark.req("R-UI-14", "R-WORDS-08")
def test_every_page_satisfies_axe_in_both_themes_and_three_languages_and_fits_a_narrow_window(
    ways: list[Opening], browser: Browser
) -> None:
    opened = {each.name.partition(":")[0] for each in ways}
    forms = {name for name, row in {**TABLE, **OF_THE_VAULT}.items() if not row.get}
    assert set(names(get_resolver().url_patterns)) - opened - forms == PAGELESS | BY_BODY
    wrong, seen = [], 0
    for user in dict.fromkeys(each.user for each in ways):
        walker = Walker(browser, user)
        for opening in (each for each in ways if each.user == user):
            if walker.is_page(opening):
                seen += 1
                wrong += [f"{opening.path} is refused in silence"] if walker.is_silent(opening) else []
                wrong += [fault for language in LANGUAGES for fault in walker.look(opening, language)]
        walker.person.page.context.close()
    assert not wrong, "\n".join(wrong)
    assert seen > 100

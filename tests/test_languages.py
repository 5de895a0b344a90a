"""English, Spanish and Dutch: chosen by the person, on every page and in every stored sentence; records stay English."""

import datetime as dt
import re
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from django.conf import settings
from django.template import Context, Template
from django.test import Client
from django.utils import timezone, translation
from django.utils.safestring import mark_safe
from pytest_django.fixtures import Settings

from audit.english import in_english
from config import told, words
from config.languages import version_of_words
from tests.cast import Cast
from trials.models import User

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def lang_of(page: Any) -> str:
    found = re.search(r'<html lang="([a-z-]+)"', page.content.decode())
    assert found
    return found[1]


def choose(client: Client, language: str, back: str = "/sign-in/") -> Any:
    return client.post("/language/", {"language": language, "next": back})


@pytest.mark.django_db
@pytest.mark.req("R-WORDS-01")
def test_before_sign_in_the_browser_asks_and_a_choice_is_kept_by_a_cookie() -> None:
    client = Client()
    assert lang_of(client.get("/sign-in/")) == "en"
    assert lang_of(client.get("/sign-in/", headers={"accept-language": "nl-BE,nl;q=0.8"})) == "nl"
    assert lang_of(client.get("/sign-in/", headers={"accept-language": "fi"})) == "en"
    assert choose(client, "es").headers["Location"] == "/sign-in/"
    assert lang_of(client.get("/sign-in/", headers={"accept-language": "nl"})) == "es"


@pytest.mark.django_db
@pytest.mark.req("R-WORDS-01")
def test_the_language_of_an_account_is_kept_wherever_its_holder_signs_in(cast: Cast) -> None:
    at_work, at_home = Client(), Client()
    for client in (at_work, at_home):
        client.force_login(cast.coordinator)
    assert choose(at_work, "nl", "/account/").headers["Location"] == "/account/"
    assert lang_of(at_home.get("/account/", headers={"accept-language": "es"})) == "nl"
    assert User.objects.get(pk=cast.coordinator.pk).language == "nl"


@pytest.mark.django_db
@pytest.mark.req("R-WORDS-01")
def test_what_is_no_language_of_ours_and_no_address_of_ours_changes_nothing(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.coordinator)
    assert choose(client, "tlh").status_code == 302
    assert User.objects.get(pk=cast.coordinator.pk).language == ""
    assert choose(client, "es", "https://elsewhere.example/").headers["Location"] == "/"
    assert client.get("/language/").status_code == 405


@pytest.mark.django_db
@pytest.mark.req("R-WORDS-02")
def test_a_browser_keeps_the_words_of_scripts_until_they_change() -> None:
    client = Client()
    page = client.get("/sign-in/", headers={"accept-language": "es"}).content.decode()
    address = f"/words/es-{version_of_words()}.js"
    assert f'src="{address}"' in page
    answer = client.get(address)
    assert "immutable" in answer.headers["Cache-Control"]
    assert "django.gettext = function" in answer.content.decode()
    assert "immutable" not in client.get("/words/es-0123.js").headers.get("Cache-Control", "")
    assert client.get("/words/fi-0123.js").status_code == 404


@pytest.mark.req("R-WORDS-03")
@pytest.mark.parametrize(
    ("language", "day", "hour", "decimal"),
    [
        ("en", "03 Mar 2025", "03 Mar 2025 14:05", "1.5"),
        ("es", "03 mar 2025", "03 mar 2025 14:05", "1,5"),
        ("nl", "03 mrt 2025", "03 mrt 2025 14:05", "1,5"),
    ],
)
def test_dates_have_their_month_in_words_and_numbers_their_sign(
    language: str, day: str, hour: str, decimal: str
) -> None:
    page = Template('{{ at|date:"DATE_FORMAT" }}|{{ at|date:"DATETIME_FORMAT" }}|{{ at }}|{{ size }}')
    with translation.override(language):
        shown = page.render(Context({"at": dt.datetime(2025, 3, 3, 14, 5, 6, tzinfo=dt.UTC), "size": 1.5}))
    assert shown.split("|") == [day, hour, hour, decimal]


@pytest.mark.req("R-WORDS-03")
def test_a_moment_is_told_in_the_zone_of_its_site_which_stands_beside_it() -> None:
    page = Template('{% load moments %}{{ at|moment:"America/Sao_Paulo" }}|{{ never|moment:"UTC" }}')
    with translation.override("es"):
        shown = page.render(Context({"at": dt.datetime(2025, 3, 3, 1, 5, tzinfo=dt.UTC), "never": None}))
    assert shown == "02 mar 2025 22:05 America/Sao Paulo|"


@pytest.mark.req("R-WORDS-03")
def test_no_template_writes_a_date_in_a_form_of_its_own() -> None:
    # What a machine reads, and a time of a day that stands beside it.
    allowed = {"c", "H:i:s", "DATE_FORMAT", "SHORT_DATE_FORMAT", "DATETIME_FORMAT", "SECOND_FORMAT"}
    forms = {form for path in TEMPLATES for form in re.findall(r'\|date:"([^"]*)"', path.read_text())}
    assert forms <= allowed


@cache
def stored_sentences() -> tuple[str, ...]:
    return tuple(str(message.id) for message in words.extracted(ROOT, words.DOMAINS[2]) if message.id)


@pytest.fixture
def spanish(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """A catalog of every stored sentence in which each is the English one in guillemets."""
    path = words.path_of(tmp_path, "es", words.DOMAINS[2], "mo")
    path.parent.mkdir(parents=True)
    catalog = Catalog(locale="es", fuzzy=False)
    for sentence in stored_sentences():
        catalog.add(sentence, f"«{sentence}»")
    with path.open("wb") as target:
        write_mo(target, catalog)
    settings.LOCALE_PATHS = [tmp_path]
    _forget()
    with translation.override("es"):
        yield
    _forget()


def _forget() -> None:
    told._known.cache_clear()
    told._translated.cache_clear()


@pytest.mark.req("R-WORDS-05")
@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("The series holds no image.", "«The series holds no image.»"),
        (
            "Series 3 (CT) has a gap of 12.5 mm between slices 4 and 5, where 2.5 mm was expected.",
            "«Series 3 (CT) has a gap of 12,5 mm between slices 4 and 5, where 2,5 mm was expected.»",
        ),
        (
            "The scan was taken on day 40, 3 days after the window of day 20 to day 37.",
            "«The scan was taken on day 40, ««3 days» after» the window of day 20 to day 37.»",
        ),
        (
            "File 7 of the archive is empty. It was left out; please export it again.",
            "«File 7 of the archive «is empty.» It was left out; please «export it again».»",
        ),
        (
            (
                "Target row 2: target disease is seen again after a complete response: PD. "
                "Overall row 2: target lesions progressed: PD."
            ),
            (
                "«Target row 2: target disease is seen again after a complete response: PD.» "
                "«Overall row 2: «target lesions progressed»: PD.»"
            ),
        ),
        ("Ein Satz von anderswo. The series holds no image.", "Ein Satz von anderswo. «The series holds no image.»"),
        ("Words of a person, with 1.2.840.10008 in them", "Words of a person, with 1.2.840.10008 in them"),
        ("", ""),
    ],
)
def test_a_stored_sentence_is_told_in_the_language_of_the_page(spanish: None, stored: str, shown: str) -> None:
    assert told.translate(stored) == shown
    with translation.override("en"):
        assert told.translate(stored) == stored


@pytest.mark.req("R-WORDS-05")
def test_what_is_told_on_a_page_is_escaped_once(spanish: None) -> None:
    page = Template("{% load told %}{{ one|told }}|{{ two|told }}")
    shown = page.render(Context({"one": "<b>1.5</b>", "two": mark_safe("<b>firm</b>")}))
    assert shown == "&lt;b&gt;1,5&lt;/b&gt;|<b>firm</b>"


@pytest.mark.req("R-WORDS-06")
def test_records_are_made_in_english_whoever_acts_and_beside_whom() -> None:
    both = threading.Barrier(2)
    seen: list[tuple[str | None, str | None]] = []

    @in_english
    def made() -> str | None:
        both.wait()
        return translation.get_language()

    def act(language: str) -> None:
        translation.activate(language)
        inside = made()
        seen.append((inside, translation.get_language()))

    acting = [threading.Thread(target=act, args=[language]) for language in words.TRANSLATED]
    for each in acting:
        each.start()
    for each in acting:
        each.join()
    assert sorted(seen, key=str) == [("en", "es"), ("en", "nl")]


@pytest.mark.req("R-WORDS-06")
def test_nothing_but_pages_is_spoken_to_in_another_language() -> None:
    assert settings.LANGUAGE_CODE == "en"
    assert [code for code, _name in settings.LANGUAGES] == ["en", *words.TRANSLATED]
    assert timezone.get_default_timezone_name() == "UTC"

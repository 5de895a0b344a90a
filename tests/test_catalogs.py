"""The catalogs of Spanish and Dutch: each translation keeps what its original carries."""

import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from django.conf import settings

from config import words

ROOT = Path(__file__).parent.parent
CATALOGS = [(language, domain) for language in words.TRANSLATED for domain in words.DOMAINS]
TONGUES = pytest.mark.parametrize(("language", "domain"), CATALOGS, ids=[f"{one}-{two.name}" for one, two in CATALOGS])


def messages_of(language: str, domain: words.Domain) -> list[Message]:
    return [message for message in words.read(words.path_of(ROOT / "locale", language, domain), language) if message.id]


def pairs(message: Message) -> Iterator[tuple[str, str]]:
    """Yield each original with its translation; a plural with every form, one that is not translated not at all."""
    originals = forms(message.id)
    for number, other in enumerate(forms(message.string or ())):
        if other:
            yield originals[min(number, len(originals) - 1)], other


def forms(told: "str | list[str] | tuple[str, ...]") -> tuple[str, ...]:
    return (told,) if isinstance(told, str) else tuple(told)


_PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%")
_TAG = re.compile(r"</?\w+[^>]*>")


@TONGUES
@pytest.mark.req("R-WORDS-07")
def test_a_translation_has_the_values_and_tags_of_its_original(language: str, domain: words.Domain) -> None:
    wrong = []
    for message in messages_of(language, domain):
        every = set(_PLACE.findall(" ".join(forms(message.id))))
        for original, other in pairs(message):
            # Of a number that the word itself tells, such as “un archivo”, the figure may be left out.
            needed = set(_PLACE.findall(original)) if isinstance(message.id, str) else set()
            places = set(_PLACE.findall(other))
            if not needed <= places <= every or sorted(_TAG.findall(original)) != sorted(_TAG.findall(other)):
                wrong.append((original, other))
    assert wrong == []


@TONGUES
@pytest.mark.req("R-WORDS-07")
def test_a_translation_begins_and_ends_as_its_original_does(language: str, domain: words.Domain) -> None:
    spaced = [
        (original, other)
        for message in messages_of(language, domain)
        for original, other in pairs(message)
        if (original[0].isspace(), original[-1].isspace()) != (other[0].isspace(), other[-1].isspace())
    ]
    assert spaced == []


@TONGUES
@pytest.mark.req("R-WORDS-09")
def test_every_sentence_of_ours_has_its_words(language: str, domain: words.Domain) -> None:
    messages = messages_of(language, domain)
    empty = [forms(message.id)[0] for message in messages if message.fuzzy or not all(forms(message.string or ""))]
    assert empty == []


@pytest.mark.req("R-WORDS-09")
@pytest.mark.parametrize("domain", words.DOMAINS, ids=[domain.name for domain in words.DOMAINS])
def test_the_catalogs_are_those_of_the_sources(domain: words.Domain) -> None:
    fresh = {(forms(message.id), message.context) for message in words.extracted(ROOT, domain) if message.id}
    for language in words.TRANSLATED:
        held = {(forms(message.id), message.context) for message in messages_of(language, domain)}
        assert fresh == held, "run `make words`, then translate what is new"


@pytest.mark.req("R-WORDS-09")
@pytest.mark.parametrize("language", words.TRANSLATED)
def test_a_word_with_a_plural_is_also_found_alone_by_any_python(language: str, tmp_path: Path) -> None:
    words.compile_catalogs(settings.WORDS_ROOT, tmp_path)
    with words.path_of(tmp_path, language, words.DOMAINS[0], "mo").open("rb") as compiled:
        catalog: dict[Any, str] = vars(GNUTranslations(compiled))["_catalog"]
    numbered = {key[0]: told for key, told in catalog.items() if isinstance(key, tuple) and key[1] == 0}
    assert numbered
    assert {word: catalog.get(word) for word in numbered} == numbered

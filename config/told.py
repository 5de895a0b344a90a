"""Translates what is stored in English: the sentences of pure parts, and of workers, which speak to nobody in person.

A stored sentence has its values in it. It is found again among the sentences of the catalogs by what stands around
the values, and each value is looked up the same way, since many a sentence is put together of smaller ones.
"""

import gettext as catalogs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from django.conf import settings
from django.utils.formats import get_format
from django.utils.translation import get_language

from config import words
from config.speaking import PLACE

# So many letters of its own tell a sentence from another; one with fewer holds short values alone.
_FEW, _MANY = 3, 12
_SHORT, _WITHIN, _ACROSS = r"[^;]{0,60}?", r"(?:(?![.!?;] ).)*?", ".*?"
# Ours are shorter, and made of fewer; anything else is not looked into.
_LONGEST, _DEEPEST = 4_000, 5
_VALUE = re.compile(r"\{(\w+)\}|%\((\w+)\)[sd]")
_DECIMAL = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?![\d.])")
_END = re.compile(r"(?<=[.!?]) (?=\S)|(?<=;) ")


@dataclass(frozen=True, slots=True)
class Known:
    """A sentence of ours with values: how to know it, its own letters, and what it is in another language.

    `within` knows it where no value holds the end of a sentence, `across` also where one is a sentence itself.
    """

    within: "re.Pattern[str]"
    across: "re.Pattern[str]"
    weight: int
    other: str


def translate(text: str) -> str:
    """Return a stored sentence in the language of the page; what we have no words for stays as it is."""
    language = get_language() or settings.LANGUAGE_CODE
    return text if language not in words.TRANSLATED else _translated(language, text, 0)


@lru_cache(maxsize=4096)
def _translated(language: str, text: str, depth: int) -> str:
    if depth > _DEEPEST or len(text) > _LONGEST:
        return text
    return (
        _whole(language, text, depth, is_one=True)
        or _by_parts(language, text, depth)
        or _whole(language, text, depth, is_one=False)
        or _begun(language, text, depth)
    )


def _whole(language: str, text: str, depth: int, *, is_one: bool) -> str | None:
    exact, patterns = _known(language)
    if text in exact:
        return exact[text]
    for known in patterns:
        match = (known.within if is_one else known.across).fullmatch(text)
        if match:
            return _filled(known.other, match.groupdict(), language, depth)
    return None


def _filled(other: str, values: dict[str, str], language: str, depth: int) -> str:
    told = {name: _translated(language, value, depth + 1) for name, value in values.items()}
    return _VALUE.sub(lambda place: told.get(place[1] or place[2], place[0]), other)


def _by_parts(language: str, text: str, depth: int) -> str | None:
    """Translate several sentences, each known; None where one is not."""
    for end in _END.finditer(text):
        beginning = _whole(language, text[: end.start()], depth, is_one=True)
        rest = text[end.end() :]
        others = beginning and (_whole(language, rest, depth, is_one=True) or _by_parts(language, rest, depth))
        if others:
            return f"{beginning} {others}"
    return None


def _begun(language: str, text: str, depth: int) -> str:
    """Translate what is known of several sentences; of one that is not, only how numbers are written."""
    if end := _END.search(text):
        first, rest = text[: end.start()], text[end.end() :]
        return f"{_translated(language, first, depth)} {_translated(language, rest, depth)}"
    return _DECIMAL.sub(rf"\1{get_format('DECIMAL_SEPARATOR', language)}\2", text)


@cache
def _known(language: str) -> tuple[dict[str, str], tuple[Known, ...]]:
    """Return the sentences without values, and those with, the most telling first."""
    exact: dict[str, str] = {}
    patterns: list[Known] = []
    for sentence, other in _catalog(language):
        if not _VALUE.search(sentence):
            exact.setdefault(sentence, other)
        elif known := _known_of(sentence, other):
            patterns.append(known)
    return exact, tuple(sorted(patterns, key=lambda known: -known.weight))


def _catalog(language: str) -> Iterator[tuple[str, str]]:
    """Yield what is translated: first of the pure parts, then of all others."""
    for domain in ("told", "django"):
        found = catalogs.translation(domain, settings.LOCALE_PATHS[0], [language], fallback=True)
        for sentence, other in getattr(found, "_catalog", {}).items():
            if isinstance(sentence, str) and sentence and other:
                # Of the two ways to write a value only one doubles the sign.
                yield (sentence, other) if domain == "told" else (sentence.replace("%%", "%"), other.replace("%%", "%"))


def _known_of(sentence: str, other: str) -> Known | None:
    pieces = _VALUE.split(sentence)
    weight = sum(character.isalpha() for piece in pieces[::3] for character in piece)
    if weight < (_FEW if PLACE.search(sentence) else _MANY):
        return None
    within, across = (_SHORT, _SHORT) if weight < _MANY else (_WITHIN, _ACROSS)
    return Known(within=_pattern(pieces, within), across=_pattern(pieces, across), weight=weight, other=other)


def _pattern(pieces: list[str], value: str) -> "re.Pattern[str]":
    """Return what knows a sentence, told as its own letters and, behind each, the two ways to name a value."""
    names = [one or two for one, two in zip(pieces[1::3], pieces[2::3], strict=True)]
    told = re.escape(pieces[0])
    for number, (name, piece) in enumerate(zip(names, pieces[3::3], strict=True)):
        told += (f"(?P={name})" if name in names[:number] else f"(?P<{name}>{value})") + re.escape(piece)
    return re.compile(told, re.DOTALL)

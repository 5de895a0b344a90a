"""The second net: no value that was taken out may turn up anywhere in what is written."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from deid.codes import TRIPLET
from deid.elements import Element, Item
from deid.model import Rejected, Rejection
from deid.vocabulary import vocabulary

SHORTEST_WORD = 4
SHORTEST_NUMBER = 5
SHORTEST_PHRASE = 6
LONGEST_VALUE = 1024
MOST_VALUES = 2_000
SEARCHED_BYTES = 1 << 20
_WORD = re.compile(r"[a-z]{4,}")
_NUMBER = re.compile(r"\d{5,}")
_SEARCHED = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "PN", "UR", "AE", "CS", "IS", "DS", "AS", "UN"})
_IDENTIFYING = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "PN", "UR", "AE", "UN", "CS"})
_OWN_WORDS = frozenset({"removed", "segment", "other", "unknown", "urn"})


@dataclass(slots=True)
class Suspects:
    """What was taken out of one object: words, numbers and whole values. Lives only while it is cleaned."""

    words: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    phrases: set[bytes] = field(default_factory=set)

    def add(self, element: Element, *, vr: str) -> None:
        """Remember a removed or replaced element, with everything inside it."""
        if element.items is not None:
            for item in element.items:
                for inner in item.values():
                    self.add(inner, vr=inner.vr)
        elif vr in _IDENTIFYING and element.fragments is None and len(element.value) <= LONGEST_VALUE:
            self._add_value(bytes(element.value), is_private=element.is_private)

    def add_text(self, text: str) -> None:
        """Remember words that were taken out of a text of which the rest stayed."""
        self._add_value(text.encode(), is_private=False)

    def forget(self, texts: Iterable[str]) -> None:
        """Leave out what stands in texts that were kept on purpose, none of which names the person."""
        for text in texts:
            folded = fold(text.encode())
            self.words.difference_update(_WORD.findall(folded))
            self.numbers.difference_update(_NUMBER.findall(folded))
            self.phrases = {phrase for phrase in self.phrases if fold(phrase) not in folded}

    def _add_value(self, raw: bytes, *, is_private: bool) -> None:
        if len(self.phrases) >= MOST_VALUES:
            return
        text = fold(raw)
        self.words.update(_WORD.findall(text))
        if not is_private:
            self.numbers.update(_NUMBER.findall(text))
        for part in raw.split(b"\\"):
            bare = part.strip(b"\0 ^").lower()
            if len(bare) >= SHORTEST_PHRASE:
                self.phrases.add(bare)


def fold(raw: bytes) -> str:
    """Return a value in small letters without accents, read as UTF-8 or else as Latin-1."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    flat = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in flat if not unicodedata.combining(letter)).casefold()


def require_no_residue(item: Item, *, header: bytes, suspects: Suspects, own: str) -> None:
    """Raise Rejected when a removed value is found; `own` is the trial's text, which may repeat a word."""
    ours = fold(own.encode())
    words = {word for word in suspects.words if _is_telling(word) and word not in ours}
    if _has_word(item, words, suspects.numbers) or _has_phrase(header, suspects.phrases, ours):
        raise Rejected(
            Rejection.RESIDUE,
            "After cleaning, something that may identify the person was still found in this file, "
            "so it was not let through. Please tell the core laboratory; "
            "the scanner may write a name where none belongs.",
        )


def _is_telling(word: str) -> bool:
    return word not in vocabulary().harmless and word not in _OWN_WORDS


def _has_word(item: Item, words: set[str], numbers: set[str]) -> bool:
    for vr, raw in _values(item):
        text = fold(raw)
        if vr not in {"IS", "DS"} and not words.isdisjoint(_WORD.findall(text)):
            return True
        if vr != "DS" and not numbers.isdisjoint(_NUMBER.findall(text)):
            return True
    return False


def _values(item: Item) -> Iterator[tuple[str, bytes]]:
    for element in item.values():
        if element.items is not None:
            for inner in element.items:
                yield from _values(inner)
        elif element.vr in _SEARCHED and element.tag not in TRIPLET:
            yield element.vr, bytes(element.value)


def _has_phrase(header: bytes, phrases: set[bytes], ours: str) -> bool:
    """Whether a whole removed value stands in the header, in one-byte text or in UTF-16."""
    small = header.lower()[:SEARCHED_BYTES]
    return any(
        _stands_in(phrase, small) or b"\0".join(phrase[i : i + 1] for i in range(len(phrase))) in small
        for phrase in phrases
        if _is_telling_phrase(phrase, ours)
    )


def _is_telling_phrase(phrase: bytes, ours: str) -> bool:
    text = fold(phrase)
    if text in ours:
        return False
    words = _WORD.findall(text)
    return any(map(_is_telling, words)) if words else not phrase.isascii()


def _stands_in(phrase: bytes, text: bytes) -> bool:
    start = text.find(phrase)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(phrase) : start + len(phrase) + 1]
        if not before.isalpha() and not after.isalpha():
            return True
        start = text.find(phrase, start + 1)
    return False

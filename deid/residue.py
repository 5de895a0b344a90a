"""The second look: no value that was taken out may turn up anywhere in what is written."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from deid.codes import TRIPLET
from deid.elements import Element, Item, text_of
from deid.model import Rejected, Rejection
from deid.pixel_text import spells
from deid.private import is_reservation
from deid.vocabulary import vocabulary

SHORTEST_VALUE = 4
LONGEST_VALUE = 1024
SEARCHED_BYTES = 1 << 20
_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBER = re.compile(r"\d{4,}")
_RUNS = re.compile(r"[^\W\d_]+|\d+")
_TOKEN = re.compile(rb"[a-z\x80-\xff]{4,}|\d{4,}")
_WIDE = re.compile(rb"[^\0]\0[^\0]\0[^\0]\0[^\0]")
_PARTS = re.compile(rb"[\\^=]")
_SEARCHED = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "PN", "UR", "AE", "CS", "IS", "DS", "AS", "UN"})
_IDENTIFYING = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "PN", "UR", "AE", "UN", "CS"})
# Four digits are no more than a number where numbers stand; five are looked for there too, but in decimals.
_MEASURING, _SHORTEST_IN_MEASURES = frozenset({"IS", "AS"}), 5
_OWN_WORDS = frozenset({"removed", "segment", "other", "unknown", "urn"})
_SHORT_WORD, _LONGEST_NUMBER, _MIXED = 2, 3, 6
_LONG_TEXT = 64 << 10


@dataclass(slots=True)
class Suspects:
    """What was taken out of an element: words, numbers and whole values. Lives only while its series is cleaned."""

    words: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    phrases: set[bytes] = field(default_factory=set)
    _values: frozenset[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def is_any(self) -> bool:
        return bool(self.words or self.numbers or self.phrases)

    @property
    def values(self) -> frozenset[bytes]:
        """Everything as bytes in small letters, words without accents, too; asked for once all is added."""
        if self._values is None:
            texts = (text.encode() for text in (*self.words, *self.numbers))
            self._values = frozenset(value for value in (*self.phrases, *texts) if len(value) >= SHORTEST_VALUE)
        return self._values

    def add(self, element: Element, *, vr: str, text: str | None = None) -> None:
        """Remember a removed or replaced element, with everything inside it; `text` is a value that is not ASCII."""
        if element.items is not None:
            for item in element.items:
                for inner in item.values():
                    self.add(inner, vr=inner.vr)
        elif vr in _IDENTIFYING and element.fragments is None and len(element.value) <= LONGEST_VALUE:
            self._add_value(bytes(element.value), is_private=element.is_private, text=text)

    def add_text(self, text: str) -> None:
        """Remember words that were taken out of a text of which the rest stayed."""
        self._add_value(text.encode(), is_private=False, text=text)

    def _add_value(self, raw: bytes, *, is_private: bool, text: str | None) -> None:
        folded = fold(text if text is not None else _guessed(raw))
        self.words.update(filter(_is_telling, _WORD.findall(folded)))
        if not is_private:
            self.numbers.update(run for run in _NUMBER.findall(folded) if len(run) > SHORTEST_VALUE)
            # Four digits alone are a value; as a part of one they may as well name a model.
            self.numbers.update(part for part in folded.split("\\") if len(part) == SHORTEST_VALUE and part.isdigit())
        spelt = {raw} if raw.isascii() or text is None else {raw, *(each.encode() for each in _cases(text))}
        for value in spelt:
            bare = (part.strip(b"\0 ^").lower() for part in (*value.split(b"\\"), *_PARTS.split(value)))
            self.phrases.update(part for part in bare if len(part) >= SHORTEST_VALUE and _is_telling_phrase(part))


@dataclass(frozen=True, slots=True)
class Traces:
    """What of an element that stays could be a removed value: its telling words and numbers, and its own meanings."""

    words: frozenset[str]
    numbers: frozenset[str]
    # Standard code meanings and safe private creators, which may repeat a word.
    meanings: frozenset[str]


def traces_of(element: Element) -> Traces:
    """Gather the traces of an element with everything inside it."""
    item = {element.tag: element}
    words: set[str] = set()
    numbers: set[str] = set()
    for vr, raw in _values(item):
        text = fold(_guessed(raw))
        if vr not in {"IS", "DS"}:
            words.update(filter(_is_telling, _WORD.findall(text)))
        if vr != "DS":
            shortest = _SHORTEST_IN_MEASURES if vr in _MEASURING else SHORTEST_VALUE
            numbers.update(number for number in _NUMBER.findall(text) if len(number) >= shortest)
    return Traces(words=frozenset(words), numbers=frozenset(numbers), meanings=frozenset(_meanings(item)))


def _values(item: Item) -> Iterator[tuple[str, bytes]]:
    for element in item.values():
        if element.items is not None:
            for inner in element.items:
                yield from _values(inner)
        elif element.vr in _SEARCHED and element.tag not in TRIPLET and not is_reservation(element.tag):
            yield element.vr, bytes(element.value)


def _meanings(item: Item) -> Iterator[str]:
    for tag, element in item.items():
        if tag in TRIPLET or is_reservation(tag):
            yield text_of(element)
        for inner in element.items or ():
            yield from _meanings(inner)


def _cases(text: str) -> set[str]:
    """Return the spellings of a text whose letters small and large differ in bytes that are not ASCII."""
    return {text, text.lower(), text.upper()}


def _guessed(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def fold(text: str) -> str:
    """Return a text in small letters without accents."""
    if text.isascii():
        return text.lower()
    flat = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in flat if not unicodedata.combining(letter)).casefold()


def require_no_residue(
    suspects: Iterable[Suspects], *, traces: Iterable[Traces], header: bytes, own: Iterable[str]
) -> None:
    """Raise Rejected when a removed value is found; `own` are texts that may repeat a word: the trial's, those kept."""
    traces = list(traces)
    words = frozenset[str]().union(*(trace.words for trace in traces))
    numbers = frozenset[str]().union(*(trace.numbers for trace in traces))
    haystack = Haystack(header)
    found = [hit for each in suspects for hit in _hits(each, words=words, numbers=numbers, haystack=haystack)]
    if found:
        ours = fold("\n".join([*own, *(meaning for trace in traces for meaning in trace.meanings)]))
        if not all(hit in ours for hit in found):
            raise _found()


def _found() -> Rejected:
    return Rejected(
        Rejection.RESIDUE,
        "After cleaning, something that may identify the person was still found in this file, "
        "so it was not let through. Please tell the core laboratory; "
        "the scanner may write a name where none belongs.",
    )


def _hits(suspects: Suspects, *, words: frozenset[str], numbers: frozenset[str], haystack: "Haystack") -> Iterator[str]:
    yield from suspects.words & words
    yield from suspects.numbers & numbers
    yield from (fold(_guessed(phrase)) for phrase in suspects.phrases if haystack.holds(phrase))


class Haystack:
    """Written bytes in small letters, in which whole values are looked for as one-byte text and as UTF-16."""

    def __init__(self, written: bytes) -> None:
        self._text = written.lower()
        self._is_wide = _WIDE.search(self._text) is not None
        self._tokens = _tokens_of(self._text) if len(self._text) > _LONG_TEXT else None

    def holds(self, phrase: bytes) -> bool:
        """Whether a value in small letters stands here, not as a part of a longer word."""
        if self._tokens is not None and not self._tokens.issuperset(_TOKEN.findall(phrase)):
            return False
        if self._is_wide and b"\0".join(phrase[i : i + 1] for i in range(len(phrase))) in self._text:
            return True
        return phrase in self._text and _stands_in(phrase, self._text)


def _tokens_of(text: bytes) -> frozenset[bytes]:
    """Return the words and numbers of a long text, so that thousands of values need not be looked for one by one."""
    return frozenset(_TOKEN.findall(text)) | frozenset(_TOKEN.findall(text.replace(b"\0", b"")))


def require_no_text_in_pixels(pixels: bytes | memoryview, *, suspects: Iterable[Suspects]) -> None:
    """Raise Rejected where pixel bytes spell a removed value, word or number of four or more characters."""
    if spells(bytes(pixels), values=frozenset[bytes]().union(*(each.values for each in suspects))):
        raise _found()


def _is_telling(word: str) -> bool:
    return word not in vocabulary().harmless and word not in _OWN_WORDS


def _is_telling_phrase(phrase: bytes) -> bool:
    """Whether a value is more than recognised words and short numbers, so that it cannot stand there by chance."""
    if not phrase.isascii():
        return True
    runs = _RUNS.findall(phrase.decode("ascii"))
    strange = [run for run in runs if not _is_recognised(run)]
    if not any(map(str.isalpha, runs)):
        return False  # numbers are looked for as numbers
    return any(len(run) > _SHORT_WORD for run in strange) or (bool(strange) and sum(map(len, runs)) >= _MIXED)


def _is_recognised(run: str) -> bool:
    if run.isdigit():
        return len(run) <= _LONGEST_NUMBER
    return run in vocabulary().short if len(run) <= _SHORT_WORD else not _is_telling(run)


def _stands_in(phrase: bytes, text: bytes) -> bool:
    start = text.find(phrase)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(phrase) : start + len(phrase) + 1]
        if not before.isalpha() and not after.isalpha():
            return True
        start = text.find(phrase, start + 1)
    return False

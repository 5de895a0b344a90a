"""Who the object is about: the words and numbers of the person, which no text that is kept may repeat."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes

from deid.dictionary import allowed_vrs
from deid.elements import Element, Item, values_of
from deid.quiet import silence

CHARACTER_SET, NAME, PATIENT_ID, BIRTH_DATE = 0x00080005, 0x00100010, 0x00100020, 0x00100030
# Numbers, addresses and phones of a person, beside every name (PN) at any depth.
_TELLING = frozenset(
    {0x00100020, 0x00100050, 0x00101000, 0x00101040, 0x00101050, 0x00101060, 0x00101090, 0x00102154, 0x00102155}
)
_PATIENT_NAMES = frozenset({NAME, 0x00101001, 0x00101005})
_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER = re.compile(r"\d{3,}")
_DATE_SIZE = 8
_ESCAPE = b"\x1b"  # begins another character set (PS3.5 6.1.2.5)
# From here on a number is looked for inside others, however they are cut up.
_LONG_NUMBER = 5
_SHORTEST_IN_NUMBER = 4
# More digits than that tell apart whoever shares the first ones; and no name of a device has four times as many.
_TELLING_DIGITS = 16
_MOST_DIGITS = 64
_MOST_KNOWN = 1_024


@dataclass(frozen=True, slots=True)
class Person:
    """Folded words (two letters and more, initials too) and digit runs that point to somebody of this object."""

    words: frozenset[str]
    numbers: frozenset[str]

    def is_told_by(self, text: str) -> bool:
        """Whether a text names the person, by a word or by a number of theirs."""
        folded = fold_text(text)
        if not self.words.isdisjoint(_WORD.findall(folded)):
            return True
        if not self.numbers.isdisjoint(_NUMBER.findall(folded)):
            return True
        digits = "".join(filter(str.isdecimal, folded))
        starts = range(len(digits))
        pieces = (digits[start : start + length] for length in _lengths(self.numbers) for start in starts)
        return len(digits) > _MOST_DIGITS or any(piece in self.numbers for piece in pieces)


@functools.lru_cache(maxsize=64)
def _lengths(numbers: frozenset[str]) -> tuple[int, ...]:
    """Return the lengths in which a number is looked for inside others."""
    return tuple({len(number) for number in numbers if len(number) >= _LONG_NUMBER})


def person_of(item: Item) -> Person:
    """Gather the person, and everybody else whom the object names, before anything is cleaned."""
    return People().person_of(item)


class People:
    """Finds out whom objects name; what the same element says of somebody is read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], Person] = {}

    def person_of(self, item: Item) -> Person:
        """As the function of this name."""
        charset = item.get(CHARACTER_SET)
        told = [self._told_by(element, charset) for element in item.values() if _may_tell(element)]
        words = frozenset[str]().union(*(each.words for each in told))
        numbers = frozenset[str]().union(*(each.numbers for each in told))
        return Person(words=words, numbers=numbers)

    def _told_by(self, element: Element, charset: Element | None) -> Person:
        if not element.raw:
            return _told_by(element, charset)
        place = element.raw, bytes(charset.value) if charset else b""
        told = self._known.get(place)
        if told is None:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            told = self._known[place] = _told_by(element, charset)
        return told


def _may_tell(element: Element) -> bool:
    return element.items is not None or element.tag in _TELLING or element.tag == BIRTH_DATE or is_name(element)


def _told_by(element: Element, charset: Element | None) -> Person:
    """Return the words and numbers of one element with everything inside it."""
    told = list(_told({element.tag: element}, charset=charset))
    words = {word for inner, text in told for word in _words(inner, text)}
    initials = {each for inner, text in told if inner.tag in _PATIENT_NAMES for each in _initials(text)}
    numbers = {run[:_TELLING_DIGITS] for _, text in told for run in _NUMBER.findall(text)}
    if element.tag == BIRTH_DATE:
        numbers.update(_birth_dates(element))
    return Person(words=frozenset(words | initials), numbers=frozenset(numbers))


def patient_id(item: Item) -> str:
    """Return the patient identifier as it is written, without padding; "" where there is none."""
    element = item.get(PATIENT_ID)
    return decoded(element, charset=item.get(CHARACTER_SET)).strip("\0 ") if element else ""


def decoded(element: Element, *, charset: Element | None) -> str:
    """Return a text as its character set writes it; bytes that do not fit are read as Latin-1."""
    if element.items is not None or element.fragments is not None:
        return ""
    raw = bytes(element.value)
    if raw.isascii() and _ESCAPE not in raw:
        return raw.decode("ascii")
    try:
        with silence():
            encodings = convert_encodings(list(values_of(charset)) or [""])
            return str(decode_bytes(raw, encodings, {0x5C, 0x5E, 0x3D}))
    except (LookupError, UnicodeError, ValueError):
        return raw.decode("latin-1")


def plain_text(text: str) -> str:
    """Return a text without accents."""
    flat = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in flat if not unicodedata.combining(letter))


def fold_text(text: str) -> str:
    """Return a text in small letters without accents."""
    return plain_text(text).casefold()


def _told(item: Item, *, charset: Element | None) -> Iterator[tuple[Element, str]]:
    charset = item.get(CHARACTER_SET, charset)
    for element in item.values():
        for inner in element.items or ():
            yield from _told(inner, charset=charset)
        if is_name(element) or element.tag in _TELLING:
            yield element, decoded(element, charset=charset)


def is_name(element: Element) -> bool:
    """Whether an attribute is a person's name, whatever type the sender gave it."""
    return element.vr == "PN" or allowed_vrs(element.tag) == ("PN",)


def _words(element: Element, text: str) -> Iterator[str]:
    """Yield the words of a name; of an identifier only long ones: its short ones name scanners and departments."""
    shortest = 2 if is_name(element) else _SHORTEST_IN_NUMBER
    yield from (word for word in _WORD.findall(fold_text(text)) if len(word) >= shortest)


def _initials(name: str) -> Iterator[str]:
    """Yield the initials of a name as people write them: family or given name first."""
    for group in fold_text(name).split("="):
        letters = [part[0] for part in re.split(r"[\^\s\\-]+", group.strip()) if part]
        if len(letters) > 1:
            yield "".join(letters)
            yield "".join(letters[1:] + letters[:1])


def _birth_dates(element: Element) -> Iterator[str]:
    for text in values_of(element):
        if len(text) == _DATE_SIZE and text.isdigit():
            year, month, day = text[:4], text[4:6], text[6:]
            yield from (text, f"{day}{month}{year}", f"{month}{day}{year}", f"{day}{month}{year[2:]}")

"""Who the object is about: the words and numbers of the person, which no text that is kept may repeat."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes

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
# From here on a number is looked for inside others, however they are cut up.
_LONG_NUMBER = 5
_SHORTEST_IN_NUMBER = 4


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
        runs = _NUMBER.findall(folded)
        digits = "".join(letter for letter in folded if letter.isdigit())
        return any(number in (digits if len(number) >= _LONG_NUMBER else runs) for number in self.numbers)


def person_of(item: Item) -> Person:
    """Gather the person, and everybody else whom the object names, before anything is cleaned."""
    with silence():
        told = list(_told(item, charset=None))
        names = [text for element, text in told if element.tag in _PATIENT_NAMES]
    words = {word for element, text in told for word in _words(element, text)}
    numbers = {run for _, text in told for run in _NUMBER.findall(text)}
    return Person(
        words=frozenset(words | {initials for name in names for initials in _initials(name)}),
        numbers=frozenset(numbers | set(_birth_dates(item))),
    )


def patient_id(item: Item) -> str:
    """Return the patient identifier as it is written, without padding; "" where there is none."""
    element = item.get(PATIENT_ID)
    return decoded(element, charset=item.get(CHARACTER_SET)).strip("\0 ") if element else ""


def decoded(element: Element, *, charset: Element | None) -> str:
    """Return a text as its character set writes it; bytes that do not fit are read as Latin-1."""
    if element.items is not None or element.fragments is not None:
        return ""
    try:
        encodings = convert_encodings(list(values_of(charset)) or [""])
        return str(decode_bytes(bytes(element.value), encodings, {0x5C, 0x5E, 0x3D}))
    except (LookupError, UnicodeError, ValueError):
        return bytes(element.value).decode("latin-1")


def fold_text(text: str) -> str:
    """Return a text in small letters without accents."""
    flat = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in flat if not unicodedata.combining(letter)).casefold()


def _told(item: Item, *, charset: Element | None) -> Iterator[tuple[Element, str]]:
    charset = item.get(CHARACTER_SET, charset)
    for element in item.values():
        for inner in element.items or ():
            yield from _told(inner, charset=charset)
        if element.vr == "PN" or element.tag in _TELLING or element.tag == NAME:
            yield element, decoded(element, charset=charset)


def _words(element: Element, text: str) -> Iterator[str]:
    """Yield the words of a name; of an identifier only long ones: its short ones name scanners and departments."""
    shortest = 2 if element.vr == "PN" or element.tag in _PATIENT_NAMES else _SHORTEST_IN_NUMBER
    yield from (word for word in _WORD.findall(fold_text(text)) if len(word) >= shortest)


def _initials(name: str) -> Iterator[str]:
    """Yield the initials of a name as people write them: family or given name first."""
    for group in fold_text(name).split("="):
        letters = [part[0] for part in re.split(r"[\^\s\\-]+", group.strip()) if part]
        if len(letters) > 1:
            yield "".join(letters)
            yield "".join(letters[1:] + letters[:1])


def _birth_dates(item: Item) -> Iterator[str]:
    for text in values_of(item.get(BIRTH_DATE)):
        if len(text) == _DATE_SIZE and text.isdigit():
            year, month, day = text[:4], text[4:6], text[6:]
            yield from (text, f"{day}{month}{year}", f"{month}{day}{year}", f"{day}{month}{year[2:]}")

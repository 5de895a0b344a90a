"""Keyed tokens that tell whether two files are of one person, without keeping who that is."""

import unicodedata
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes

from deid.elements import Element, Item, text_of, values_of
from deid.keyed import keyed_digest
from deid.parser import parse
from deid.quiet import silence

_CHARACTER_SET, _NAME, _ID, _BIRTH_DATE, _SEX = 0x00080005, 0x00100010, 0x00100020, 0x00100030, 0x00100040


@dataclass(frozen=True, slots=True)
class IdentityTokens:
    """HMACs (hex) of the patient identifier and of name, birth date and sex; empty when the file has none."""

    patient_id: str
    person: str


def identify(data: bytes, *, key: bytes) -> IdentityTokens:
    """Return the tokens of one file under the trial key. Raises Rejected when it cannot be read."""
    item = parse(data).item
    with silence():
        number = _normal(_decoded(item, _ID))
        name = _normal(_decoded(item, _NAME).split("=")[0])
    parts = (name, text_of(item.get(_BIRTH_DATE)), text_of(item.get(_SEX)).upper())
    return IdentityTokens(
        patient_id=_token(key, "pid", number) if number else "",
        person=_token(key, "person", "|".join(parts)) if name else "",
    )


def _token(key: bytes, domain: str, text: str) -> str:
    return keyed_digest(key=key, domain=domain, text=text).hex()


def _decoded(item: Item, tag: int) -> str:
    element = item.get(tag)
    if element is None or element.items is not None:
        return ""
    declared = list(values_of(item.get(_CHARACTER_SET))) or [""]
    try:
        encodings = convert_encodings(declared)
        return str(decode_bytes(bytes(element.value), encodings, {0x5C, 0x5E, 0x3D}))
    except (LookupError, UnicodeError, ValueError):
        return _latin(element)


def _latin(element: Element) -> str:
    return bytes(element.value).decode("latin-1")


def _normal(text: str) -> str:
    """Return letters and digits only, without accents and case, so that spelling habits do not matter."""
    flat = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in flat.replace("^", " ") if letter.isalnum())

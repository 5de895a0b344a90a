"""Keyed tokens that tell whether two files are of one person, without keeping who that is."""

from dataclasses import dataclass

from deid.elements import Item, text_of
from deid.keyed import keyed_digest
from deid.parser import parse
from deid.person import CHARACTER_SET, decoded, fold_text
from deid.quiet import silence

_NAME, _ID, _BIRTH_DATE, _SEX = 0x00100010, 0x00100020, 0x00100030, 0x00100040


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
    return decoded(element, charset=item.get(CHARACTER_SET)) if element else ""


def _normal(text: str) -> str:
    """Return letters and digits only, without accents and case, so that spelling habits do not matter."""
    return "".join(letter for letter in fold_text(text) if letter.isalnum())

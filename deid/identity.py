"""Keyed tokens that tell whether two files are of one person, without keeping who that is."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from deid.elements import Item, text_of
from deid.keyed import keyed_digest
from deid.parser import parse
from deid.person import CHARACTER_SET, decoded

_NAME, _ID, _BIRTH_DATE, _SEX = 0x00100010, 0x00100020, 0x00100030, 0x00100040
# Family, given and middle name.
_NAME_COMPONENTS = 3
# What is written of a person whom no token tells.
UNTOLD = "."
_WRITTEN = re.compile(r"((?:[0-9a-f]{64})?)\.((?:[0-9a-f]{64})?)")
# Letters with a stroke and ligatures, which Unicode does not take apart.
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)


@dataclass(frozen=True, slots=True)
class IdentityTokens:
    """HMACs (hex) of the patient identifier and of name, birth date and sex; empty when the file has none."""

    patient_id: str
    person: str

    @property
    def written(self) -> str:
        """Both in one line, as a gateway tells them and `read_tokens` reads them."""
        return f"{self.patient_id}.{self.person}"


def read_tokens(text: str) -> IdentityTokens:
    """Return what `IdentityTokens.written` gave. Raises ValueError for anything else."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError("these are no tokens of a person")
    return IdentityTokens(patient_id=match[1], person=match[2])


def agreed(named: Collection[IdentityTokens]) -> IdentityTokens:
    """Return the tokens that all files agree in; one that they spell in several ways is left out."""
    return IdentityTokens(
        patient_id=_only({tokens.patient_id for tokens in named}), person=_only({tokens.person for tokens in named})
    )


def _only(tokens: set[str]) -> str:
    """The one token told; empty where there is none, or where a second spelling leaves it open."""
    told = tokens - {""}
    return next(iter(told)) if len(told) == 1 else ""


def identify(data: bytes, *, key: bytes) -> IdentityTokens:
    """Return the tokens of one file under the trial key. Raises Rejected when it cannot be read."""
    return tokens_of(parse(data).item, key=key)


def identify_by(data: bytes, *, keys: Iterable[bytes]) -> tuple[IdentityTokens, ...]:
    """As `identify`, under each of several keys."""
    item = parse(data).item
    return tuple(tokens_of(item, key=key) for key in keys)


def tokens_of(item: Item, *, key: bytes) -> IdentityTokens:
    """As `identify`, of a data set that was read already."""
    number = _normal(_decoded(item, _ID))
    name = _decoded(item, _NAME)
    person = person_of(name=name, birth_date=text_of(item.get(_BIRTH_DATE)), sex=text_of(item.get(_SEX)))
    return IdentityTokens(
        patient_id=_token(key, "pid", number) if number else "", person=_token(key, "person", person) if person else ""
    )


def group_persons(named: Collection[IdentityTokens]) -> list[set[str]]:
    """Return groups of tokens that meet in some file: one person may carry a second number, or a name spelt twice."""
    return group_tokens({tokens.patient_id, tokens.person} for tokens in named)


def group_tokens(told: Iterable[set[str]]) -> list[set[str]]:
    """As `group_persons`, of all tokens that a file tells, under whichever keys."""
    groups: list[set[str]] = []
    for tokens in told:
        joined = tokens - {""}
        apart = [group for group in groups if not group & joined]
        for group in groups:
            joined |= group if group & joined else set()
        groups = [*apart, joined] if joined else groups
    return groups


def person_of(*, name: str, birth_date: str, sex: str) -> str:
    """Return name, birth date and sex in the one spelling that habits of writing do not change; empty without a name.

    `name` as a person writes it or as DICOM does (PS3.5 6.2.1: groups by =, components by ^; prefix and suffix do not
    count), `birth_date` as year, month, day with or without separators. The letters of the name are sorted, so that
    neither order nor gaps matter; who shares them together with birth date and sex is told apart by the number alone.
    """
    letters = sorted(_normal(" ".join(_written(name).split("^")[:_NAME_COMPONENTS])))
    if not letters:
        return ""
    digits = "".join(filter(str.isdecimal, birth_date))
    return "|".join(("".join(letters), digits, "".join(filter(str.isalnum, sex.upper()))[:1]))


def _written(name: str) -> str:
    """Return the first group that is there: alphabetic, ideographic or phonetic."""
    if "=" not in name:
        return name
    return next((group for group in name.split("=") if _normal(group)), "")


def _token(key: bytes, domain: str, text: str) -> str:
    return keyed_digest(key=key, domain=domain, text=text).hex()


def _decoded(item: Item, tag: int) -> str:
    element = item.get(tag)
    return decoded(element, charset=item.get(CHARACTER_SET)) if element else ""


def _normal(text: str) -> str:
    """Return letters and digits only, without accents and case, so that spelling habits do not matter."""
    if text.isascii():
        return "".join(filter(str.isalnum, text.lower()))
    flat = unicodedata.normalize("NFKD", text).casefold().translate(_UNDECOMPOSED)
    # Once more: folding case may put letters together again.
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", flat)))

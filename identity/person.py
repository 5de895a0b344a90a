"""What a site needs to know who a subject is, and nothing more. No representation shows it."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from deid import person_of

_LONGEST = {"name": 200, "local_number": 64, "contact": 500}
FIRST_BIRTH = dt.date(1880, 1, 1)
# A shorter word stands in too many reasons by chance.
_WORD = 3


class Sex(StrEnum):
    """As DICOM codes it (PS3.3 C.7.1.1), so that vault and scans speak of one thing."""

    FEMALE = "F"
    MALE = "M"
    OTHER = "O"


class Implausible(ValueError):
    """A value that cannot be; `field` names it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Person:
    """Name, birth date, sex, the hospital's own number and how to reach the person."""

    name: str
    birth_date: dt.date
    sex: Sex
    local_number: str = ""
    contact: str = ""
    # Name, birth date and sex together in one spelling: what the blind index is made of.
    spelt: str = field(init=False)

    def __post_init__(self) -> None:
        spelt = person_of(name=self.name, birth_date=self.birth_date.isoformat(), sex=self.sex)
        object.__setattr__(self, "spelt", spelt)
        if not spelt:
            raise Implausible("name")
        if self.birth_date < FIRST_BIRTH:
            raise Implausible("birth_date")
        for name, longest in _LONGEST.items():
            if len(getattr(self, name)) > longest:
                raise Implausible(name)

    def as_bytes(self) -> dict[str, bytes]:
        """Return every field as the bytes that are sealed."""
        return {name: str(getattr(self, name)).encode() for name in FIELDS}

    def corrected(self, change: "Correction") -> "Person":
        return replace(self, **change.told())

    def stands_in(self, text: str) -> bool:
        """Whether a text tells a word of the name, the number or the birth date."""
        words = {part for part in _words(f"{self.name} {self.local_number}") if len(part) >= _WORD}
        day = self.birth_date
        dates = (day.isoformat(), f"{day:%Y%m%d}", f"{day:%d.%m.%Y}", f"{day:%d/%m/%Y}", f"{day:%m/%d/%Y}")
        return bool(words & set(_words(text))) or any(date in text for date in dates)


def _words(text: str) -> Iterator[str]:
    return ("".join(filter(str.isalnum, word)).casefold() for word in text.replace("^", " ").split())


def from_bytes(values: dict[str, bytes]) -> Person:
    """Return the person again."""
    told = {name: value.decode() for name, value in values.items()}
    return Person(
        name=told["name"],
        birth_date=dt.date.fromisoformat(told["birth_date"]),
        sex=Sex(told["sex"]),
        local_number=told["local_number"],
        contact=told["contact"],
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Correction:
    """New values; None leaves one as it is."""

    name: str | None = None
    birth_date: dt.date | None = None
    sex: Sex | None = None
    local_number: str | None = None
    contact: str | None = None

    def told(self) -> dict[str, Any]:
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}


# What is sealed, each for its own column.
FIELDS = tuple(each.name for each in fields(Person) if each.init)

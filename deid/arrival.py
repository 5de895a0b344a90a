"""What a file tells of whose scan it is before anybody named a subject: keyed tokens, and a date that was moved."""

from dataclasses import dataclass
from datetime import date, timedelta

from deid.elements import text_of
from deid.facts import day_of
from deid.identity import IdentityTokens, tokens_of
from deid.keyed import map_uid, shift_days
from deid.parser import parse
from deid.vocabulary import standard_meaning

_STUDY, _SERIES, _STUDY_DATE, _MODALITY = 0x0020000D, 0x0020000E, 0x00080020, 0x00080060


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Safe to store: UIDs as filing would give them, the study date moved by the days of `moved_by`, no name."""

    tokens: IdentityTokens
    study: str
    series: str
    modality: str
    moved_date: date | None


def announce(data: bytes, *, key: bytes, delivery: str) -> Arrival:
    """Return what one file tells under the trial key. Raises Rejected when it cannot be read."""
    item = parse(data).item
    taken_on = day_of(item.get(_STUDY_DATE))
    modality = text_of(item.get(_MODALITY))
    return Arrival(
        tokens=tokens_of(item, key=key),
        study=map_uid(key, text_of(item.get(_STUDY))),
        series=map_uid(key, text_of(item.get(_SERIES))),
        # A defined term (PS3.16 CID 29); whatever else stands there may be a name.
        modality=modality if standard_meaning("DCM", modality) else "",
        moved_date=taken_on and taken_on + timedelta(days=moved_by(key, delivery)),
    )


def moved_by(key: bytes, delivery: str) -> int:
    """Return the days by which dates of one delivery are moved while its subject is not known."""
    return shift_days(key, f"delivery {delivery}")

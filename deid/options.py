"""The options of PS3.15 Annex E that this engine executes, each with its column in Table E.1-1 and its code."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Option(StrEnum):
    """One option beside the Basic Profile (PS3.15 E.3), under the name the command line and a profile file use."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_RECOGNIZABLE_VISUAL_FEATURES = "clean-recognizable-visual-features"
    CLEAN_GRAPHICS = "clean-graphics"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    RETAIN_FULL_DATES = "retain-full-dates"
    RETAIN_MODIFIED_DATES = "retain-modified-dates"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_UIDS = "retain-uids"
    RETAIN_SAFE_PRIVATE = "retain-safe-private"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"


@dataclass(frozen=True, slots=True)
class Column:
    """An option's column: its name in the table as JSON, our letters for K (keep) and C (clean), and its CID 7050 code.

    A letter is "" where the column holds no such cell.
    """

    name: str
    keep: str
    clean: str
    code: str
    meaning: str


COLUMNS = {
    # No column: an obligation on pixels, which deid.burned carries out.
    Option.CLEAN_PIXEL_DATA: Column("", "", "", "113101", "Clean Pixel Data Option"),
    # Nor here: done by a program that the operator names (deid.defacing), and by nobody where none is named.
    Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: Column(
        "", "", "", "113102", "Clean Recognizable Visual Features Option"
    ),
    Option.CLEAN_GRAPHICS: Column("cleanGraphOpt", "", "g", "113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: Column("cleanStructContOpt", "", "s", "113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: Column("cleanDescOpt", "", "t", "113105", "Clean Descriptors Option"),
    Option.RETAIN_FULL_DATES: Column(
        "rtnLongFullDatesOpt", "f", "", "113106", "Retain Longitudinal Temporal Information Full Dates Option"
    ),
    Option.RETAIN_MODIFIED_DATES: Column(
        "rtnLongModifDatesOpt", "", "m", "113107", "Retain Longitudinal Temporal Information Modified Dates Option"
    ),
    Option.RETAIN_PATIENT_CHARACTERISTICS: Column(
        "rtnPatCharsOpt", "p", "q", "113108", "Retain Patient Characteristics Option"
    ),
    Option.RETAIN_DEVICE_IDENTITY: Column("rtnDevIdOpt", "d", "e", "113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: Column("rtnUIDsOpt", "u", "", "113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: Column("rtnSafePrivOpt", "", "v", "113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION_IDENTITY: Column("rtnInstIdOpt", "i", "", "113112", "Retain Institution Identity Option"),
}
BASIC = ("113100", "Basic Application Confidentiality Profile")
DEFAULT = frozenset({Option.CLEAN_STRUCTURED_CONTENT, Option.RETAIN_MODIFIED_DATES})
# Of these at most one: dates are kept, or moved, or removed.
DATES = frozenset({Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES})


def require_consistent(options: Iterable[Option]) -> None:
    """Raise ValueError where options exclude each other: dates are either kept or moved."""
    if set(options) >= DATES:
        raise ValueError("dates are either kept in full or moved: name one of the two options")

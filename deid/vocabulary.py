"""The only words that may pass: coded terms, listed text attributes, standard codes and standard UIDs."""

import functools
import re
from dataclasses import dataclass

from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import tag_for_keyword

from deid.tables import objects, read_json

LONGEST_CODED = 16
LONGEST_TEXT = 64
_LETTERS = re.compile(r"[A-Za-z]+")
_DIGITS = re.compile(r"\d+")
# Digits that only signs divide: a telephone, a date or a number of a person, however it is written.
_DIVIDED = re.compile(r"\d[\d\W_]*")
_MOST_DIVIDED, _LONG_GROUP = 6, 3
# Initials, as M.G.L.; two letters may as well name a maker.
_INITIALS = re.compile(r"(?:[A-Za-z]\W+){2,}[A-Za-z]\W*")
_AGE = re.compile(r"(?<![A-Z0-9])(?:0\d{2}[DWMY]|\d{2,3}Y)(?![A-Z0-9])", re.IGNORECASE)
_WHOLE_AGE = re.compile(r"\d{2,3}[DWMY]")
_CODED = re.compile(r"[A-Z0-9_ ]{0,16}")
_CHARACTER_SETS = re.compile(r"(ISO_IR|ISO 2022 IR) \d{1,3}")
_DICOM_CONTEXT = re.compile(r"1\.2\.840\.10008\.(6\.1|9|8\.1)\.\d{1,4}")
# Longer than a word, or as GE writes it against PS3.5.
_ODD_TERMS = frozenset(
    {"SMART mA", "ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_13818_2", "ISO_14496_10", "ISO_23008_2"}
)
# roots of coding schemes outside DICOM's own arc (PS3.16 table 8-1)
_SCHEME_UIDS = frozenset(
    {
        "2.16.840.1.113883.6.96",
        "2.16.840.1.113883.6.1",
        "2.16.840.1.113883.6.8",
        "2.16.840.1.113883.6.24",
        "2.16.840.1.113883.6.119",
        "2.16.840.1.113883.6.256",
        "2.16.840.1.113883.6.3",
    }
)
_UNITS = {
    "1": "no units",
    "mm2/s": "square millimeter per second",
    "um2/s": "square micrometer per second",
    "10-6.mm2/s": "10-6 square millimeter per second",
    "[hnsf'U]": "Hounsfield unit",
    "g/ml{SUVbw}": "Standardized Uptake Value body weight",
    "{SUVbw}g/ml": "Standardized Uptake Value body weight",
    "g/ml": "gram per milliliter",
    "Bq/ml": "Becquerels/milliliter",
    "ms": "millisecond",
    "uV": "microvolt",
    "mV": "millivolt",
    "s": "second",
    "{counts}": "Counts",
    "ml/min/100ml": "milliliter per minute per 100 milliliter",
    "/min": "per minute",
    "deg": "degree",
}
UNKNOWN_CODE = ("SCT", "261665006", "Unknown")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The reviewed lists, ready for look-up by tag."""

    coded: frozenset[str]
    families: dict[int, frozenset[str]]
    large_numbers: frozenset[int]
    # Measures whose whole part may have this many digits: a half-life in seconds, a volume in cubic millimetres.
    long_numbers: dict[int, int]
    extras: frozenset[int]
    binaries: frozenset[int]
    harmless: frozenset[str]
    # Words of one and two letters that may stay in a description; any other may be somebody's initials.
    short: frozenset[str]


@functools.cache
def vocabulary() -> Vocabulary:
    """Return the reviewed vocabulary of data/vocabulary.json."""
    raw = read_json("vocabulary.json")
    words = {name: frozenset(text.split()) for name, text in raw["families"].items()}
    coded = frozenset(raw["coded"].split())
    return Vocabulary(
        coded=coded,
        families={_tag(keyword): words[name] for keyword, name in raw["texts"].items()},
        large_numbers=frozenset(map(_tag, raw["large_numbers"])),
        long_numbers={_tag(keyword): digits for keyword, digits in raw["long_numbers"].items()},
        extras=frozenset(map(_tag, raw["extras"])),
        binaries=frozenset(map(_tag, raw["binaries"])),
        harmless=frozenset(word.casefold() for word in coded).union(raw["descriptors"].split(), *words.values()),
        short=frozenset(raw["short"].split()),
    )


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


def admits_coded(term: str) -> bool:
    """Whether one CS value (PS3.5 6.2) consists of words the standard uses and of short numbers only."""
    if term in _ODD_TERMS or _CHARACTER_SETS.fullmatch(term):
        return True
    if not _CODED.fullmatch(term) or _has_long_number(term, limit=4):
        return False
    known = vocabulary().coded
    return all(len(word) <= 2 or word in known for word in _LETTERS.findall(term))  # noqa: PLR2004  AP, LL, M


def admits_text(tag: int, text: str) -> bool:
    """Whether a value of a listed text attribute consists of reviewed words and short numbers only."""
    words = vocabulary().families.get(tag)
    if words is None or len(text) > LONGEST_TEXT or not text.isascii() or _has_long_number(text, limit=4):
        return False
    if _INITIALS.fullmatch(text):
        return False
    return all(len(word) <= 2 or word.casefold() in words for word in _LETTERS.findall(text))  # noqa: PLR2004  GE, VA, T1


def _has_long_number(text: str, *, limit: int) -> bool:
    if any(len(run) > limit for run in _DIGITS.findall(text)) or _AGE.search(text) or _WHOLE_AGE.fullmatch(text):
        return True
    return any(_is_number_of_somebody(run) for run in _DIVIDED.findall(text))


def _is_number_of_somebody(run: str) -> bool:
    """Whether digits that signs divide are too many for a version, which counts by ones and tens."""
    groups = sorted(map(len, _DIGITS.findall(run)))
    is_many = sum(groups) > _MOST_DIVIDED and groups[-1] >= _LONG_GROUP
    return is_many or len([size for size in groups if size >= _LONG_GROUP]) > 1


@functools.cache
def _codes() -> dict[str, dict[str, str]]:
    codes: dict[str, dict[str, str]] = read_json("codes.json.xz")
    codes["UCUM"] = _UNITS | codes.get("UCUM", {})
    return codes


def standard_meaning(scheme: str, code: str) -> str | None:
    """Return the meaning the standard gives a code, or None for a local, private or unknown one."""
    return _codes().get(scheme, {}).get(code)


@functools.cache
def _standard_uids() -> frozenset[str]:
    return frozenset(UID_dictionary) | frozenset(objects().iods) | _SCHEME_UIDS


def is_well_known_uid(uid: str) -> bool:
    """Whether the standard itself (or a registered coding scheme) defines the UID, so it names no object."""
    return uid in _standard_uids() or _DICOM_CONTEXT.fullmatch(uid) is not None

"""Pure checks and changes of single values; each gives the new bytes, or None when the value may not stay."""

import re
from datetime import date, timedelta

from deid.dictionary import most_values
from deid.elements import WORD_SIZES
from deid.keyed import UidMap
from deid.vocabulary import admits_coded, admits_text, vocabulary

OLDEST_YEARS = 89
_UID = re.compile(r"(?=.{1,64}$)\d+(?:\.\d+)*")
_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})|(\d{4})\.(\d{2})\.(\d{2})")
_MOMENT = re.compile(r"(\d{8})((?:\d{2}){0,3}|\d{6}\.\d{1,6})([+-]\d{4})?")
_TIME = re.compile(r"([01]\d|2[0-3])(([0-5]\d)(([0-5]\d|60)(\.\d{1,6})?)?)?")
_ZONE = re.compile(r"[+-](?:0\d|1[0-4])[0-5]\d")
_AGE = re.compile(r"(\d{3})([DWMY])")
_ONE = rb" *+(?:[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,3})?)? *+"  # possessive: a hostile value is read once
_NUMERIC = re.compile(_ONE + rb"(?:\\" + _ONE + rb")*\0*")
_NUMERIC_LETTERS = re.compile(rb"[0-9+\-.eE \\\0]*")  # enough, and fast, for long contours
_LONG_LIST = 4096
_READABLE = re.compile(rb"[A-Za-z0-9 ^_.,=\\-]{8,}")
_LONG_READABLE = re.compile(rb"[A-Za-z0-9 ^_.,=\\-]{10,}")
_BULK = re.compile(rb"[A-Za-z0-9 ^_.,=\\-]{16,}")
_SMALL_BLOB = 1 << 16
_WHOLE_PART = re.compile(rb"(?<![\d.eE])[+-]?(\d{6,})")
_MOST_DIGITS = 5
_HUGE = re.compile(rb"\d{20,}")


def split_values(value: bytes | memoryview) -> list[str] | None:
    """Return the single values of a multi-valued string, or None when it is not plain ASCII."""
    raw = bytes(value)
    if not raw.isascii():
        return None
    return [part.strip("\0 ") for part in raw.decode("ascii").split("\\")]


def shift_dates(value: bytes | memoryview, *, days: int) -> bytes | None:
    """Return every DA or DT value moved by whole days; partial or malformed values become empty."""
    parts = split_values(value)
    if parts is None:
        return b""
    return "\\".join(_shift(part, days) for part in parts).encode()


def _shift(text: str, days: int) -> str:
    match = _DAY.fullmatch(text)
    if match:
        return _move("".join(group for group in match.groups() if group), days)
    match = _MOMENT.fullmatch(text)
    if not match:
        return ""
    day = _move(match[1], days)
    return f"{day}{match[2]}{match[3] or ''}" if day and _is_clock(match[2]) else ""


def _move(digits: str, days: int) -> str:
    try:
        moved = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{moved.year:04}{moved.month:02}{moved.day:02}"


def _is_clock(text: str) -> bool:
    return not text or (_TIME.fullmatch(text) or _ZONE.fullmatch(text)) is not None


def check_times(value: bytes | memoryview) -> bytes | None:
    """Return TM values that are times; others become empty."""
    parts = split_values(value) or []
    return "\\".join(part if _is_clock(part) else "" for part in parts).encode()


def map_uids(value: bytes | memoryview, *, uids: UidMap) -> bytes:
    """Return every UID replaced by the trial's own."""
    parts = bytes(value).decode("latin-1").split("\\")
    return "\\".join(map(uids, parts)).encode()


def check_uids(value: bytes | memoryview, *, uids: UidMap) -> bytes:
    """Return UIDs as they stand (PS3.5 section 9.1); what is none, and may be a name or a path, is replaced."""
    parts = (part.strip("\0 ") for part in bytes(value).decode("latin-1").split("\\"))
    return "\\".join(part if _UID.fullmatch(part) else uids(part) for part in parts).encode()


def check_terms(value: bytes | memoryview) -> bytes | None:
    """Return CS values that are made of the standard's words, or None."""
    parts = split_values(value)
    if parts is None or not all(admits_coded(part) for part in parts):
        return None
    return "\\".join(parts).encode()


def check_texts(value: bytes | memoryview, *, tag: int) -> bytes | None:
    """Return values of a listed text attribute that are made of reviewed words, or None."""
    parts = split_values(value)
    if parts is None or not all(admits_text(tag, part) for part in parts):
        return None
    return "\\".join(parts).encode()


def check_numbers(value: bytes | memoryview, *, tag: int) -> bytes | None:
    """Return IS or DS values that are numbers and do not look like an identifier, or None.

    Whole parts of six digits and more pass only where physics needs them (a dose in becquerel), and as far as it does.
    """
    raw = bytes(value)
    pattern = _NUMERIC if len(raw) <= _LONG_LIST else _NUMERIC_LETTERS
    if not pattern.fullmatch(raw) or _HUGE.search(raw):
        return None
    if tag not in vocabulary().large_numbers and _has_longer(
        raw, most=vocabulary().long_numbers.get(tag, _MOST_DIGITS)
    ):
        return None
    return raw.rstrip(b"\0 ")


def _has_longer(raw: bytes, *, most: int) -> bool:
    return any(len(whole) > most for whole in _WHOLE_PART.findall(raw))


def cap_age(value: bytes | memoryview) -> bytes | None:
    """Return the age (AS) with everything above 89 years written as 089Y, or None when malformed."""
    match = _AGE.fullmatch(bytes(value).decode("latin-1").strip("\0 "))
    if not match:
        return None
    years = int(match[1]) / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[match[2]]
    return b"089Y" if years > OLDEST_YEARS else match[0].encode()


def check_binary(value: bytes | memoryview, *, tag: int, vr: str) -> bytes | memoryview | None:
    """Return binary numbers of the right length and multiplicity that do not spell a text, or None."""
    size = 4 if vr == "AT" else WORD_SIZES[vr]  # a tag is two words
    if len(value) % size or len(value) // size > most_values(tag):
        return None
    return None if _READABLE.fullmatch(value) else value


def check_blob(value: bytes | memoryview) -> bytes | memoryview | None:
    """Return bulk data (look-up tables, waveforms, meshes) that holds no run of readable text, or None."""
    pattern = _LONG_READABLE if len(value) <= _SMALL_BLOB else _BULK
    return None if any(not _is_ramp(run[0]) for run in pattern.finditer(value)) else value


def _is_ramp(run: bytes) -> bool:
    """Whether bytes only rise or fall, as a look-up table does and no name can for long."""
    return list(run) in (sorted(run), sorted(run, reverse=True))

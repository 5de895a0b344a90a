"""Search parameters of QIDO-RS (PS3.18 8.3.4, 10.6.1) as a question; names come from a list, none becomes a column."""

import datetime as dt
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from imaging.dicomweb.resources import Kind

DEFAULT_LIMIT, MOST = 100, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of an answer: where it belongs, and whether it may be matched."""

    tag: str
    vr: str
    level: Kind
    is_matched: bool = False
    is_extra: bool = False


ATTRIBUTES: dict[str, Attribute] = {
    "StudyDate": Attribute(tag="00080020", vr="DA", level=Kind.STUDIES, is_matched=True),
    "StudyTime": Attribute(tag="00080030", vr="TM", level=Kind.STUDIES),
    "AccessionNumber": Attribute(tag="00080050", vr="SH", level=Kind.STUDIES, is_matched=True),
    "ModalitiesInStudy": Attribute(tag="00080061", vr="CS", level=Kind.STUDIES, is_matched=True),
    "ReferringPhysicianName": Attribute(tag="00080090", vr="PN", level=Kind.STUDIES),
    "PatientName": Attribute(tag="00100010", vr="PN", level=Kind.STUDIES, is_matched=True),
    "PatientID": Attribute(tag="00100020", vr="LO", level=Kind.STUDIES, is_matched=True),
    "PatientBirthDate": Attribute(tag="00100030", vr="DA", level=Kind.STUDIES),
    "PatientSex": Attribute(tag="00100040", vr="CS", level=Kind.STUDIES),
    "StudyInstanceUID": Attribute(tag="0020000D", vr="UI", level=Kind.STUDIES, is_matched=True),
    "StudyID": Attribute(tag="00200010", vr="SH", level=Kind.STUDIES),
    "NumberOfStudyRelatedSeries": Attribute(tag="00201206", vr="IS", level=Kind.STUDIES),
    "NumberOfStudyRelatedInstances": Attribute(tag="00201208", vr="IS", level=Kind.STUDIES),
    "ClinicalTrialProtocolID": Attribute(tag="00120020", vr="LO", level=Kind.STUDIES, is_extra=True),
    "ClinicalTrialTimePointID": Attribute(tag="00120050", vr="LO", level=Kind.STUDIES, is_extra=True),
    "Modality": Attribute(tag="00080060", vr="CS", level=Kind.SERIES, is_matched=True),
    "SeriesInstanceUID": Attribute(tag="0020000E", vr="UI", level=Kind.SERIES, is_matched=True),
    "SeriesNumber": Attribute(tag="00200011", vr="IS", level=Kind.SERIES, is_matched=True),
    "BodyPartExamined": Attribute(tag="00180015", vr="CS", level=Kind.SERIES, is_extra=True),
    "NumberOfSeriesRelatedInstances": Attribute(tag="00201209", vr="IS", level=Kind.SERIES),
    "SOPClassUID": Attribute(tag="00080016", vr="UI", level=Kind.INSTANCES, is_matched=True),
    "SOPInstanceUID": Attribute(tag="00080018", vr="UI", level=Kind.INSTANCES, is_matched=True),
    "InstanceNumber": Attribute(tag="00200013", vr="IS", level=Kind.INSTANCES, is_matched=True),
    "Rows": Attribute(tag="00280010", vr="US", level=Kind.INSTANCES),
    "Columns": Attribute(tag="00280011", vr="US", level=Kind.INSTANCES),
    "NumberOfFrames": Attribute(tag="00280008", vr="IS", level=Kind.INSTANCES),
}
_BY_TAG = {attribute.tag: name for name, attribute in ATTRIBUTES.items()}
_DEPTH = {Kind.STUDIES: 0, Kind.SERIES: 1, Kind.INSTANCES: 2}
_NUMBER = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"([0-9]{8})?(-)?([0-9]{8})?")
_LONGEST = 2000
_MOST_WILDCARDS = 8


class BadQuestion(Exception):
    """A search that cannot be answered as it was asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`matches` by name of attribute, each a text as it was asked; `extras` are attributes besides the usual ones."""

    level: Kind
    matches: Mapping[str, str]
    extras: frozenset[str]
    limit: int
    offset: int

    def with_matches(self, matches: Mapping[str, str]) -> "Question":
        return replace(self, matches=matches)


def read_question(parameters: Mapping[str, Sequence[str]], *, level: Kind) -> Question:
    """Read the parameters of a search. Raises BadQuestion for what cannot be matched; fuzzymatching is not done."""
    matches: dict[str, str] = {}
    extras: set[str] = set()
    limit, offset = DEFAULT_LIMIT, 0
    for name, texts in parameters.items():
        match name.lower():
            case "limit":
                limit = min(_whole(texts), MOST)
            case "offset":
                offset = _whole(texts)
            case "includefield":
                extras |= _extras(texts)
            case "fuzzymatching":
                continue
            case _:
                matches[_matched(name, level)] = _text(texts)
    matches = {name: text for name, text in matches.items() if text not in {"", "*"}}
    return Question(level=level, matches=matches, extras=frozenset(extras), limit=limit, offset=offset)


def _whole(texts: Sequence[str]) -> int:
    if not _NUMBER.fullmatch(texts[-1]):
        raise BadQuestion("limit and offset are whole numbers.")
    return int(texts[-1])


def _text(texts: Sequence[str]) -> str:
    text = re.sub(r"\*+", "*", texts[-1].strip().strip('"'))
    if "\0" in text or len(text) > _LONGEST:
        raise BadQuestion("A value to match is too long, or holds what no value holds.")
    # Each doubles what a pattern may cost.
    if sum(map(text.count, "*?")) > _MOST_WILDCARDS:
        raise BadQuestion("A value to match holds too many wildcards.")
    return text


def _extras(texts: Iterable[str]) -> set[str]:
    names = {name.strip() for text in texts for name in text.split(",")}
    if "all" in names:
        return {name for name, attribute in ATTRIBUTES.items() if attribute.is_extra}
    return {_BY_TAG.get(name.upper(), name) for name in names}


def _matched(name: str, level: Kind) -> str:
    known = _BY_TAG.get(name.upper(), name)
    attribute = ATTRIBUTES.get(known)
    if attribute is None or not attribute.is_matched or _DEPTH[attribute.level] > _DEPTH[level]:
        raise BadQuestion(
            "Nothing can be matched by one of the attributes that were named here. See the conformance page."
        )
    return known


def uids(text: str) -> list[str]:
    """The UIDs of a list, by comma or backslash."""
    return [uid.strip() for uid in re.split(r"[,\\]", text) if uid.strip()]


def days(text: str) -> tuple[dt.date, dt.date]:
    """First and last day of a date or range (PS3.4 C.2.2.2.5). Raises BadQuestion."""
    found = _RANGE.fullmatch(text)
    if found is None or not (found[1] or found[3]) or (found[1] and found[3] and not found[2]):
        raise BadQuestion("A date is matched as YYYYMMDD, YYYYMMDD-, -YYYYMMDD or YYYYMMDD-YYYYMMDD.")
    try:
        first = dt.datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=dt.UTC).date() if found[1] else dt.date.min
        last = dt.datetime.strptime(found[3], "%Y%m%d").replace(tzinfo=dt.UTC).date() if found[3] else dt.date.max
    except ValueError:
        raise BadQuestion("One of the dates is no day of the calendar.") from None
    return first, last if found[2] else first


def has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def pattern(text: str) -> str:
    """A regular expression for * and ?, all else as it stands."""
    return "^" + re.escape(text).replace(r"\*", ".*").replace(r"\?", ".") + "$"


def answer(values: Mapping[str, Any], *, level: Kind, extras: frozenset[str]) -> dict[str, Any]:
    """Return one row of a search as DICOM JSON (annex F); what is empty has a VR alone."""
    told = {}
    for name, attribute in ATTRIBUTES.items():
        if _DEPTH[attribute.level] <= _DEPTH[level] and name in values and (not attribute.is_extra or name in extras):
            told[attribute.tag] = element(attribute.vr, values[name])
    return told


def element(vr: str, value: Any) -> dict[str, Any]:
    """Return one element of DICOM JSON from a value, a list of values, or None and "" for no value."""
    listed = [one for one in (value if isinstance(value, list) else [value]) if one not in {None, ""}]
    if not listed:
        return {"vr": vr}
    return {"vr": vr, "Value": [{"Alphabetic": one} if vr == "PN" else one for one in listed]}


def fits(values: Mapping[str, Any], question: Question) -> bool:
    """Whether a row that is held in memory fits the question."""
    return all(_fits(name, values.get(name), text) for name, text in question.matches.items())


def _fits(name: str, value: Any, text: str) -> bool:
    tests: dict[str, Callable[[str], bool]] = {
        "UI": lambda one: one in uids(text),
        "DA": lambda one: bool(one) and days(text)[0] <= dt.date.fromisoformat(one) <= days(text)[1],
    }
    otherwise: Callable[[str], bool] = lambda one: fnmatch.fnmatchcase(one, text.replace("[", "[[]"))  # noqa: E731
    test = tests.get(ATTRIBUTES[name].vr, otherwise)
    listed = value if isinstance(value, list) else [value]
    return any(test("" if one is None else str(one)) for one in listed)

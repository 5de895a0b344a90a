"""What a C-FIND, C-GET or C-MOVE asks (PS3.4 annex C), read into the questions of DICOMweb, and its answers back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from pydicom import DataElement, Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made while the module is loaded
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from imaging.dicomweb.questions import ATTRIBUTES, BadQuestion, Question, read_question, uids
from imaging.dicomweb.resources import Kind, Resource


class Level(StrEnum):
    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


FIND = (str(StudyRootQueryRetrieveInformationModelFind), str(PatientRootQueryRetrieveInformationModelFind))
GET = (str(StudyRootQueryRetrieveInformationModelGet), str(PatientRootQueryRetrieveInformationModelGet))
MOVE = (str(StudyRootQueryRetrieveInformationModelMove), str(PatientRootQueryRetrieveInformationModelMove))
_PATIENT_ROOT = (FIND[1], GET[1], MOVE[1])
UNIQUE = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}
KINDS = {Level.STUDY: Kind.STUDIES, Level.SERIES: Kind.SERIES, Level.IMAGE: Kind.INSTANCES}
OF_PATIENT = ("PatientID", "PatientName", "NumberOfPatientRelatedStudies")
# They say how the identifier is written or what it is; nothing is matched by them.
_ABOUT = frozenset({"SpecificCharacterSet", "TimezoneOffsetFromUTC", "QueryRetrieveLevel", "RetrieveAETitle"})
PAGE = 500
# Combinations of UIDs that one request may name.
MOST_NAMED = 5000


class BadIdentifier(Exception):
    """An identifier that cannot be answered as it was asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A search: what is matched by keyword, and every keyword that is to be told."""

    level: Level
    matches: Mapping[str, str]
    asked: tuple[str, ...]
    is_partly_unknown: bool

    def question(self, *, offset: int) -> Question:
        """Return one page of it as DICOMweb asks. Raises BadIdentifier."""
        kind = KINDS.get(self.level, Kind.STUDIES)
        told = {name: [text] for name, text in self.matches.items()}
        try:
            return read_question(told | {"limit": [str(PAGE)], "offset": [str(offset)]}, level=kind)
        except BadQuestion as bad:
            raise BadIdentifier(bad.sentence) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a retrieval names: `patient` where the model begins with one, and what of it; all of it where nothing is."""

    patient: str
    resources: tuple[Resource, ...]


def levels_of(model: str) -> tuple[Level, ...]:
    """The levels of an information model, topmost first (PS3.4 C.6.1, C.6.2)."""
    return tuple(Level) if model in _PATIENT_ROOT else tuple(Level)[1:]


def read_query(identifier: Dataset, *, model: str) -> Query:
    """Read the identifier of a C-FIND; keys above its level must be named by one UID each. Raises BadIdentifier."""
    level = _level(identifier, model)
    matches = _matches(identifier)
    _refuse_unnamed(matches, level, model)
    if level is Level.PATIENT and not set(matches) <= set(OF_PATIENT[:2]):
        raise BadIdentifier("At this level only PatientID and PatientName match.")
    known = set(OF_PATIENT) if level is Level.PATIENT else set(ATTRIBUTES)
    asked = [element.keyword for element in identifier if element.keyword not in _ABOUT]
    told = tuple(name for name in asked if name in known)
    query = Query(level=level, matches=matches, asked=told, is_partly_unknown=len(told) < len(asked))
    query.question(offset=0)
    return query


def read_named(identifier: Dataset, *, model: str) -> Named:
    """Read the identifier of a C-GET or C-MOVE. Raises BadIdentifier, also for anything but unique keys."""
    level = _level(identifier, model)
    matches = _matches(identifier)
    levels = levels_of(model)
    keys = [UNIQUE[each] for each in levels[: levels.index(level) + 1]]
    _refuse_unnamed(matches, level, model)
    if set(matches) - set(keys) or not matches.get(UNIQUE[level]):
        raise BadIdentifier("Images are named by unique keys alone.")
    patient = matches.get("PatientID", "")
    if not _names_one(patient) and levels[0] is Level.PATIENT:
        raise BadIdentifier("PatientID must name one.")
    if level is Level.PATIENT:
        return Named(patient=patient, resources=())
    named = [uids(matches.get(UNIQUE[each], "")) or [""] for each in (Level.STUDY, Level.SERIES, Level.IMAGE)]
    if len(named[0]) * len(named[1]) * len(named[2]) > MOST_NAMED:
        raise BadIdentifier("More is named than one request may.")
    resources = (Resource(kind=Kind.OBJECTS, study=a, series=b, instance=c) for a, b, c in product(*named))
    return Named(patient=patient, resources=tuple(resources))


def _level(identifier: Dataset, model: str) -> Level:
    told = str(identifier.get("QueryRetrieveLevel", "")).strip()
    if told not in levels_of(model):
        raise BadIdentifier("QueryRetrieveLevel is none of this model.")
    return Level(told)


def _matches(identifier: Dataset) -> dict[str, str]:
    """What is matched, by keyword. Raises BadIdentifier: what would be ignored would show more than was asked for."""
    told = {}
    for element in identifier:
        if element.keyword in _ABOUT or not (text := _text(element)):
            continue
        attribute = ATTRIBUTES.get(element.keyword)
        if attribute is None or not attribute.is_matched:
            raise BadIdentifier(f"{element.tag} is not matched here.")
        told[element.keyword] = text
    return told


def _text(element: DataElement) -> str:
    value: Any = element.value
    if element.VR == "SQ":
        return "items" if any(len(item) for item in value) else ""
    if isinstance(value, bytes):
        return "bytes" if value else ""
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    text = "\\".join("" if one is None else str(one) for one in listed).strip()
    return "" if text == "*" else text


def _refuse_unnamed(matches: Mapping[str, str], level: Level, model: str) -> None:
    levels = levels_of(model)
    for above in levels[: levels.index(level)]:
        if not _names_one(matches.get(UNIQUE[above], "")):
            raise BadIdentifier(f"{UNIQUE[above]} must name one.")


def _names_one(text: str) -> bool:
    return bool(text) and not set(text) & set("\\*?")


def answer(row: Mapping[str, Any], query: Query, *, ae_title: str) -> Dataset:
    """Return one match as an identifier: what was asked for, its unique key, and where it can be retrieved from."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.QueryRetrieveLevel, dataset.RetrieveAETitle = str(query.level), ae_title
    for name in {*query.asked, UNIQUE[query.level]}:
        if name in row:
            value = row[name]
            setattr(dataset, name, "" if value is None else value)
    return dataset

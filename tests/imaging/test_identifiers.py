"""Identifiers of C-FIND, C-GET and C-MOVE: read strictly, and never answered with more than was asked for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from imaging.dicom_node import identifiers
from imaging.dicom_node.identifiers import FIND, GET, MOVE, BadIdentifier, Level
from imaging.dicomweb.questions import ATTRIBUTES, BadQuestion
from imaging.dicomweb.resources import Resource

STUDY_ROOT, PATIENT_ROOT = 0, 1
TEXTS = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\t\0"), max_size=20)


# It is the reader that is looked at here, with values that no data set should hold.
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")


def told(**named: Any) -> Dataset:
    dataset = Dataset()
    for name, value in named.items():
        setattr(dataset, name, value)
    return dataset


@pytest.mark.req("R-QR-02")
@pytest.mark.parametrize(
    ("model", "identifier"),
    [
        (GET[STUDY_ROOT], told(QueryRetrieveLevel="PATIENT", PatientID="one")),
        (GET[STUDY_ROOT], told(QueryRetrieveLevel="STUDY")),
        (GET[STUDY_ROOT], told(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2", PatientID="one")),
        (MOVE[STUDY_ROOT], told(QueryRetrieveLevel="SERIES", StudyInstanceUID="1.2")),
        (MOVE[STUDY_ROOT], told(QueryRetrieveLevel="SERIES", StudyInstanceUID=["1.2", "1.3"], SeriesInstanceUID="1.4")),
        (GET[PATIENT_ROOT], told(QueryRetrieveLevel="PATIENT", PatientID="0*")),
        (GET[PATIENT_ROOT], told(QueryRetrieveLevel="PATIENT", PatientID=["one", "two"])),
        (GET[PATIENT_ROOT], told(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2")),
        (FIND[STUDY_ROOT], told(QueryRetrieveLevel="STUDY", ReferencedStudySequence=[told(StudyID="1")])),
        (FIND[PATIENT_ROOT], told(QueryRetrieveLevel="PATIENT", StudyInstanceUID="1.2")),
        (FIND[PATIENT_ROOT], told(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2")),
    ],
)
def test_what_does_not_name_what_it_must_is_refused(model: str, identifier: Dataset) -> None:
    read = identifiers.read_query if model in FIND else identifiers.read_named
    with pytest.raises(BadIdentifier):
        read(identifier, model=model)


@pytest.mark.req("R-QR-04")
def test_a_list_names_each_of_its_objects_under_the_one_series(monkeypatch: pytest.MonkeyPatch) -> None:
    many = told(
        QueryRetrieveLevel="IMAGE", StudyInstanceUID="1.2", SeriesInstanceUID="1.3", SOPInstanceUID=["1.4", "1.5"]
    )
    named = identifiers.read_named(many, model=GET[STUDY_ROOT])
    assert [(one.study, one.series, one.instance) for one in named.resources] == [
        ("1.2", "1.3", "1.4"),
        ("1.2", "1.3", "1.5"),
    ]
    assert all(isinstance(one, Resource) for one in named.resources)
    monkeypatch.setattr(identifiers, "MOST_NAMED", 1)
    with pytest.raises(BadIdentifier):
        identifiers.read_named(many, model=GET[STUDY_ROOT])


@pytest.mark.req("R-QR-02")
@given(level=st.sampled_from([*Level, "", "X"]), values=st.dictionaries(st.sampled_from(sorted(ATTRIBUTES)), TEXTS))
def test_any_texts_are_read_or_refused_and_all_that_was_told_to_match_is_matched(
    level: str, values: dict[str, str]
) -> None:
    identifier = told(QueryRetrieveLevel=str(level))
    for name, value in values.items():
        if ATTRIBUTES[name].vr not in {"IS", "US", "DA", "TM"}:
            setattr(identifier, name, value)
    try:
        query = identifiers.read_query(identifier, model=FIND[PATIENT_ROOT])
        question = query.question(offset=0)
    except (BadIdentifier, BadQuestion):
        return
    asked = {element.keyword for element in identifier if str(element.value).strip(" \\") not in {"", "*"}}
    # Only what stands for anything at all is dropped on the way.
    dropped = asked - set(question.matches) - {"QueryRetrieveLevel"}
    assert not [name for name in dropped if str(identifier[name].value).strip(' *"\\')]

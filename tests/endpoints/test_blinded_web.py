"""DICOMweb of a blinded case: its pictures are those of the archive, and nothing in it tells when, where or whose."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from audit.selectors import history
from endpoints.models import Assignment
from endpoints.services import assignments, reads
from imaging.archive import load
from imaging.dicomweb.blinding import Guise, blind
from imaging.models import Instance, QCDecision, Submission
from imaging.views import dicomweb
from tests.cast import Cast, actor_for, withdraw
from tests.imaging.scans import baseline_of
from tests.imaging.test_dicomweb import parts_of
from tests.signing import decide
from trials.agreement import Level

TAKE = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class Reader:
    """A reader's viewer at one case."""

    def __init__(self, case: Assignment) -> None:
        self.http, self.root = Client(), f"/reads/{case.pk}/dicomweb"
        self.http.force_login(case.reader)

    def get(self, path: str, *, accept: str = TAKE, **parameters: str) -> Any:
        return self.http.get(f"{self.root}/{path}", parameters, headers={"accept": accept})

    def search(self, path: str, **parameters: str) -> Any:
        return self.get(path, accept="application/dicom+json", **parameters).json()


def case_of(cast: Cast, who: str) -> Assignment:
    reader = getattr(cast, who)
    case = assignments.assign(by=actor_for(cast.coordinator), time_point=baseline_of(cast), reader=reader)
    reads.open_read(by=actor_for(reader), assignment=case)
    return case


@pytest.fixture
def case(cast: Cast, filed: Submission) -> Assignment:
    decide(cast.analyst, baseline_of(cast), QCDecision.Verdict.ACCEPTED)
    return case_of(cast, "reader")


@pytest.mark.req("R-WEB-11")
@pytest.mark.django_db
def test_a_case_is_found_under_its_read_code_and_names_of_its_own(case: Assignment) -> None:
    reader = Reader(case)
    (study,) = reader.search("studies")
    assert study["00100020"]["Value"] == [case.case_code]
    assert (study["00080020"], study["00201208"]["Value"]) == ({"vr": "DA"}, [5])
    (series,) = reader.search(f"studies/{study['0020000D']['Value'][0]}/series", Modality="CT")
    assert series["00200011"]["Value"] == [1]
    instances = reader.search("instances")
    assert [row["00200013"]["Value"] for row in instances] == [[1], [2], [3], [4], [5]]
    assert not reader.search("studies", PatientID=case.time_point.subject.code)
    told = {row[tag]["Value"][0] for row in instances for tag in ("0020000D", "0020000E", "00080018")}
    archived = {uid for one in Instance.objects.all() for uid in (one.uid, one.series.uid, one.series.study.uid)}
    assert not told & archived


@pytest.mark.req("R-WEB-11")
@pytest.mark.django_db
def test_a_retrieved_case_shows_the_same_pixels_in_the_same_place_and_nothing_else(
    cast: Cast, case: Assignment
) -> None:
    reader = Reader(case)
    (study,) = reader.search("studies")
    got = [
        dcmread(io.BytesIO(data)) for _head, data in parts_of(reader.get(f"studies/{study['0020000D']['Value'][0]}"))
    ]
    archived = [dcmread(io.BytesIO(load(one.sha256))) for one in Instance.objects.order_by("number")]
    for mine, theirs in zip(got, archived, strict=True):
        assert np.array_equal(mine.pixel_array, theirs.pixel_array)
        assert (mine.ImagePositionPatient, mine.PixelSpacing) == (theirs.ImagePositionPatient, theirs.PixelSpacing)
        assert mine.PatientName == mine.PatientID == case.case_code
        assert not _words_of(mine) & {cast.subject_a.code, cast.site_a.number, theirs.StudyDate, cast.trial.code}
        assert not _uids(mine) & _uids(theirs)
        assert not [element for element in mine if element.VR in {"DA", "DT", "TM"} and element.value]
    assert len({one.FrameOfReferenceUID for one in got}) == 1


def _words_of(dataset: Dataset) -> set[str]:
    return {str(element.value) for element in dataset.iterall() if element.VR != "OW"}


def _uids(dataset: Dataset) -> set[str]:
    own = {str(element.value) for element in dataset.iterall() if element.VR == "UI"}
    return {uid for uid in own if not uid.startswith("1.2.840.10008.")}


@pytest.mark.req("R-WEB-11")
@pytest.mark.django_db
def test_two_readers_of_a_case_cannot_join_their_names(cast: Cast, case: Assignment) -> None:
    mine, theirs = Reader(case), Reader(case_of(cast, "second_reader"))
    uids = [{row["00080018"]["Value"][0] for row in one.search("instances")} for one in (mine, theirs)]
    assert not uids[0] & uids[1]
    mine.root = theirs.root
    assert mine.get("studies").status_code == 404


@pytest.mark.req("R-WEB-11")
@pytest.mark.django_db
def test_metadata_frames_and_pictures_are_those_of_the_guise(case: Assignment) -> None:
    reader = Reader(case)
    row = reader.search("instances")[0]
    path = row["00081190"]["Value"][0].removeprefix(f"http://testserver{reader.root}/")
    (told,) = reader.get(path + "/metadata", accept="application/dicom+json").json()
    assert told["00100020"]["Value"] == [case.case_code]
    assert told["7FE00010"]["BulkDataURI"].startswith(f"http://testserver{reader.root}/")
    assert reader.get(path + "/rendered", accept="image/png").content.startswith(b"\x89PNG")
    first = Instance.objects.order_by("number").first()
    assert first is not None
    assert reader.get(f"studies/{first.series.study.uid}").status_code == 404
    read = case.read
    told_of = [event.after for event in history(read).filter(act="images.retrieved")]
    assert sorted(told_of) == ['{"objects":1,"what":"metadata"}', '{"what":"rendered"}']


@pytest.mark.req("R-WEB-11", "R-CONS-09")
@pytest.mark.django_db
def test_a_readers_download_that_is_under_way_ends_with_the_consent(
    cast: Cast, case: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicomweb, "ASKED_AGAIN_SECONDS", 0.0)
    reader = Reader(case)
    study = reader.search("studies")[0]["0020000D"]["Value"][0]
    assert len(parts_of(reader.get(f"studies/{study}"))) == 5, "asked at every object, and open"
    parts = iter(reader.get(f"studies/{study}").streaming_content)
    assert b"DICM" in next(parts) + next(parts) + next(parts)
    withdraw(cast.alba, cast.subject_a, Level.W6)
    with pytest.raises(PermissionDenied, match="may not be read any more"):
        list(parts)


@pytest.mark.req("R-WEB-11")
def test_only_listed_attributes_survive_in_a_multi_frame_object_too() -> None:
    data = Path(str(get_testdata_file("liver_1frame.dcm", download=False))).read_bytes()
    source = dcmread(io.BytesIO(data))
    guise = Guise(
        code="CASE-1",
        study_uid="2.25.1",
        series_uid="2.25.2",
        series_number=1,
        instance_uid="2.25.3",
        instance_number=1,
        map_uid=lambda uid: generate_uid(entropy_srcs=[uid]),
    )
    got = dcmread(io.BytesIO(blind(data, guise)))
    assert np.array_equal(got.pixel_array, source.pixel_array)
    assert len(got.PerFrameFunctionalGroupsSequence) == len(source.PerFrameFunctionalGroupsSequence)
    assert not [
        element
        for element in got.iterall()
        if element.VR in {"DA", "DT", "TM", "PN"} and element.value != "" and element.keyword != "PatientName"
    ]
    assert not _uids(got) & _uids(source)
    assert not [element for element in got.iterall() if element.tag.is_private]

"""QIDO-RS and WADO-RS over a trial's archive: what is found, in which form it goes out, and what is kept of it."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pytest_django import DjangoAssertNumQueries

from audit.selectors import history
from imaging.archive import load, path_of
from imaging.dicomweb import documents, media
from imaging.dicomweb.multipart import Parts, media_type, require_boundary
from imaging.dicomweb.questions import BadQuestion, days, read_question
from imaging.dicomweb.resources import Kind, Resource, read_resource
from imaging.models import Instance, Series, Study, Submission
from imaging.services import retrieval
from imaging.services.stow import Reason
from imaging.views import dicomweb
from tests.cast import TODAY, Cast, actor_for, withdraw
from tests.imaging import conformance
from tests.imaging.scans import ct_series, drive, send
from trials.agreement import Level
from trials.models import Disclosure, Membership
from trials.services import members

EXPLICIT, LOSSLESS = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"
STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class Viewer:
    """A DICOMweb client that is signed in as somebody."""

    def __init__(self, cast: Cast, who: str) -> None:
        self.http, self.root = Client(), f"/trials/{cast.trial.code}/dicomweb"
        self.http.force_login(getattr(cast, who))

    def get(self, path: str, *, accept: str = "*/*", **parameters: str) -> Any:
        return self.http.get(f"{self.root}/{path}", parameters, headers={"accept": accept})


def parts_of(response: Any) -> list[tuple[dict[str, str], bytes]]:
    source = io.BytesIO(b"".join(response.streaming_content))
    boundary = require_boundary(media_type(response["Content-Type"]))
    return [(dict(part.head), b"".join(part.body)) for part in Parts(source.read, boundary=boundary)]


def opened(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


@pytest.fixture
def viewer(cast: Cast, filed: Submission) -> Viewer:
    return Viewer(cast, "analyst")


def values(rows: list[dict[str, Any]], tag: str) -> list[Any]:
    return [row[tag].get("Value") for row in rows]


@pytest.mark.req("R-WEB-08")
@pytest.mark.django_db
def test_studies_series_and_objects_are_found_with_what_the_standard_asks(cast: Cast, viewer: Viewer) -> None:
    (study,) = viewer.get("studies").json()
    assert study["00100020"]["Value"] == [cast.subject_a.code]
    assert study["00100010"]["Value"] == [{"Alphabetic": cast.subject_a.code}]
    assert (study["00080061"]["Value"], study["00201206"]["Value"], study["00201208"]["Value"]) == (["CT"], [1], [5])
    archived = dcmread(io.BytesIO(load(Instance.objects.earliest("pk").sha256)))
    assert study["00080020"]["Value"] == [archived.StudyDate]
    assert study["00080050"] == {"vr": "SH"}
    uid = study["0020000D"]["Value"][0]
    (series,) = viewer.get(f"studies/{uid}/series").json()
    assert (series["00080060"]["Value"], series["00201209"]["Value"]) == (["CT"], [5])
    instances = viewer.get(f"studies/{uid}/instances").json()
    assert values(instances, "00280010") == [[128]] * 5
    assert instances[0]["00081190"]["Value"][0].startswith(f"http://testserver{viewer.root}/studies/{uid}/series/")


@pytest.mark.req("R-WEB-08")
@pytest.mark.django_db
def test_a_search_is_narrowed_by_names_tags_lists_wildcards_and_dates(cast: Cast, viewer: Viewer) -> None:
    study = Study.objects.get()
    day = dcmread(io.BytesIO(load(Instance.objects.earliest("pk").sha256))).StudyDate
    found = {
        "PatientID": cast.subject_a.code,
        "00100020": f"{cast.subject_a.code[:3]}*",
        "PatientName": "*",
        "StudyInstanceUID": f"1.2.3,{study.uid}",
        "ModalitiesInStudy": "CT",
        "StudyDate": f"{day}-{day}",
        "00080020": f"-{day}",
        "fuzzymatching": "true",
    }
    missed = {"PatientID": "ZZ", "StudyInstanceUID": "1.2", "ModalitiesInStudy": "MR", "StudyDate": "19000101"}
    missed |= {"AccessionNumber": "7"}
    assert {name: len(viewer.get("studies", **{name: text}).json()) for name, text in found.items()} == dict.fromkeys(
        found, 1
    )
    assert not [name for name, text in missed.items() if viewer.get("studies", **{name: text}).json()]
    uid = Instance.objects.earliest("pk").uid
    assert values(viewer.get("instances", SOPInstanceUID=uid).json(), "00080018") == [[uid]]
    assert len(viewer.get("series", Modality="C?").json()) == 1
    assert viewer.get("studies", PatientID="*" * 1000 + "!").json() == []
    assert not viewer.get("series", SeriesNumber="99999999999").json()


@pytest.mark.req("R-WEB-08")
@pytest.mark.django_db
def test_a_search_is_paged_and_says_that_there_is_more(viewer: Viewer) -> None:
    first, rest = viewer.get("instances", limit="2"), viewer.get("instances", limit="10", offset="2")
    assert first["Warning"].startswith("299")
    assert "Warning" not in rest
    uids = [uid for page in (first, rest) for (uid,) in values(page.json(), "00080018")]
    assert sorted(uids) == sorted(Instance.objects.values_list("uid", flat=True))


@pytest.mark.req("R-WEB-08")
@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow_with_what_is_found(
    cast: Cast, viewer: Viewer, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    drive(send(cast.alba, cast.subject_a.time_points.get(scheduled__code="FU1"), ct_series(5, seed="later")))
    viewer.get("studies")
    for level, rows in (("studies", 2), ("series", 2), ("instances", 10)):
        with django_assert_max_num_queries(12):
            assert len(viewer.get(level).json()) == rows


@pytest.mark.req("R-WEB-08")
@pytest.mark.django_db
@pytest.mark.parametrize(
    "parameters",
    [
        {"PatientBirthDate": "1950"},
        {"_connector": "OR"},
        {"pk__in": "1"},
        {"PatientID": "?*" * 9},
        {"PatientID": "\0"},
        {"StudyDate": "tomorrow"},
        {"StudyDate": "20251340"},
        {"limit": "-1"},
        {"offset": "many"},
        {"SOPInstanceUID": "1.2"},
    ],
)
def test_what_cannot_be_matched_is_refused_and_not_ignored(viewer: Viewer, parameters: dict[str, str]) -> None:
    answer = viewer.get("studies", **parameters)
    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.req("R-WEB-08")
@given(name=st.text(max_size=20), text=st.text(max_size=40))
def test_any_parameter_is_a_question_or_a_sentence(name: str, text: str) -> None:
    try:
        question = read_question({name: [text]}, level=Kind.INSTANCES)
        days(question.matches.get("StudyDate", "20250101"))
    except BadQuestion as bad:
        told = bad.sentence
        assert told.endswith(".")


@pytest.mark.req("R-WEB-09")
@given(path=st.text(alphabet="studies/serinfab.,0123456789", max_size=60))
def test_an_address_is_one_of_ours_or_none(path: str) -> None:
    resource = read_resource(path)
    assert resource is None or all("/" not in uid for uid in (resource.study, resource.series, resource.instance))


def whole(level: str = "instance") -> str:
    instance = Instance.objects.earliest("pk")
    series = instance.series
    steps = {"study": f"studies/{series.study.uid}"}
    steps["series"] = f"{steps['study']}/series/{series.uid}"
    steps["instance"] = f"{steps['series']}/instances/{instance.uid}"
    return steps[level]


@pytest.mark.req("R-WEB-09")
@pytest.mark.django_db
@pytest.mark.parametrize(("level", "count"), [("study", 5), ("series", 5), ("instance", 1)])
def test_objects_come_as_they_are_archived(viewer: Viewer, level: str, count: int) -> None:
    answer = viewer.get(whole(level), accept='multipart/related; type="application/dicom"; transfer-syntax=*')
    got = parts_of(answer)
    archived = [load(sha256) for sha256 in Instance.objects.order_by("number").values_list("sha256", flat=True)]
    assert [data for _head, data in got] == archived[:count]
    assert {head["content-type"] for head, _data in got} == {"application/dicom"}


@pytest.mark.req("R-WEB-09")
@pytest.mark.django_db
def test_one_object_may_come_alone_and_what_is_not_offered_is_406(viewer: Viewer) -> None:
    alone = viewer.get(whole(), accept="application/dicom")
    assert alone.content == load(Instance.objects.earliest("pk").sha256)
    for path, accept in (
        (whole("study"), "application/dicom"),
        (whole(), "text/html"),
        (whole(), 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90'),
        (whole() + "/metadata", "application/dicom+xml"),
        (whole() + "/rendered", "video/mp4"),
        (whole() + "/frames/1", 'multipart/related; type="image/jp2"'),
        ("studies", 'multipart/related; type="application/dicom+xml"'),
    ):
        assert viewer.get(path, accept=accept).status_code == 406, path


@pytest.mark.req("R-WEB-09")
@pytest.mark.django_db
def test_metadata_is_the_data_set_with_links_to_what_is_bulky(viewer: Viewer) -> None:
    told = viewer.get(whole("series") + "/metadata", accept="application/dicom+json").json()
    assert len(told) == 5
    archived = dcmread(io.BytesIO(load(Instance.objects.earliest("pk").sha256)))
    read_back = Dataset.from_json(told[0], bulk_data_uri_handler=lambda _tag, _vr, _uri: b"")
    kept = {element.tag for element in archived if not element.tag.is_private and element.tag != 0x7FE00010}
    assert {tag for tag in kept if read_back[tag].value != archived[tag].value} == set()
    link = told[0]["7FE00010"]["BulkDataURI"].removeprefix(f"http://testserver{viewer.root}/")
    (pixels,) = parts_of(viewer.get(link))
    assert pixels[1] == archived.PixelData


@pytest.mark.req("R-WEB-09")
@pytest.mark.django_db
def test_a_frame_comes_as_octets_and_as_a_picture_in_the_window_asked_for(viewer: Viewer) -> None:
    archived = dcmread(io.BytesIO(load(Instance.objects.earliest("pk").sha256)))
    ((head, frame),) = parts_of(viewer.get(whole() + "/frames/1"))
    assert (head["content-type"], frame) == (
        f"application/octet-stream; transfer-syntax={EXPLICIT}",
        archived.PixelData,
    )
    assert viewer.get(whole() + "/frames/2").status_code == 422
    png = viewer.get(whole() + "/rendered", accept="image/png", window="40,400,linear")
    assert png.content.startswith(b"\x89PNG")
    assert viewer.get(whole() + "/frames/1/rendered", accept="image/jpeg").content.startswith(b"\xff\xd8")
    other = viewer.get(whole() + "/rendered", accept="image/png", window="0,100")
    assert other.content != png.content
    assert viewer.get(whole() + "/rendered", window="wide").status_code == 422


@pytest.mark.req("R-WEB-09")
@pytest.mark.parametrize("name", ["JPEG2000.dcm", "SC_rgb_rle_2frame.dcm", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_RLE.dcm"])
def test_compressed_frames_go_out_as_stored_or_decoded(name: str) -> None:
    data = Path(str(get_testdata_file(name, download=False))).read_bytes()
    stored = str(dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID)
    (plain,) = documents.frames(data, [1], is_stored=False)
    decoded = dcmread(io.BytesIO(documents.decoded(data)))
    assert decoded.file_meta.TransferSyntaxUID == EXPLICIT
    assert decoded.PixelData[: len(plain)] == plain
    assert [plain] != list(documents.frames(data, [1], is_stored=True))
    by_type = media.choose_frame(media.wishes(f'multipart/related; type="{media.OF_SYNTAX[stored]}"'), stored=stored)
    assert by_type.is_stored
    octets = media.choose_frame(media.wishes('multipart/related; type="application/octet-stream"'), stored=stored)
    assert not octets.is_stored


@pytest.mark.req("R-WEB-09")
def test_an_object_without_a_word_on_its_syntax_is_asked_for_uncompressed() -> None:
    wanted = media.wishes('multipart/related; type="application/dicom"')
    assert not media.choose_object(wanted, stored=LOSSLESS).is_stored
    assert media.choose_object(wanted, stored=EXPLICIT).is_stored
    assert media.choose_object(media.wishes("*/*"), stored=LOSSLESS).is_stored


@pytest.mark.req("R-WEB-10")
@pytest.mark.django_db
def test_every_retrieval_is_told_and_frames_once_in_a_while(viewer: Viewer, cast: Cast) -> None:
    series, study = Series.objects.get(), Study.objects.get()
    for path in (whole("study"), whole("series") + "/metadata", *[whole() + "/frames/1"] * 3, whole() + "/rendered"):
        assert viewer.get(path).status_code == 200
    told = [event for obj in (study, series) for event in history(obj).filter(act="images.retrieved")]
    assert sorted(event.after for event in told) == [
        '{"objects":5,"what":"metadata"}',
        '{"objects":5,"what":"objects"}',
        '{"what":"frames"}',
        '{"what":"rendered"}',
    ]
    assert {(event.actor_id, event.role) for event in told} == {("quinn", "qc_analyst")}


@pytest.mark.req("R-CONS-19", "R-WEB-10")
@pytest.mark.django_db
@pytest.mark.parametrize("level", [Level.W3, Level.W4, Level.W5])
def test_what_leaves_under_a_limited_consent_bears_level_and_day(viewer: Viewer, cast: Cast, level: Level) -> None:
    asked = whole("study")
    before = [data for _head, data in parts_of(viewer.get(asked, accept=STORED))]
    assert {hashlib.sha256(data).hexdigest() for data in before} == set(
        Instance.objects.values_list("sha256", flat=True)
    )
    withdraw(cast.alba, cast.subject_a, level)
    mark = f"consent withdrawn at level {level} on {TODAY}"
    after = [data for _head, data in parts_of(viewer.get(asked, accept=STORED))]
    for old, new in zip(map(opened, before), map(opened, after), strict=True):
        assert "PatientComments" not in old
        assert new.PatientComments == mark
        assert new.file_meta == old.file_meta
        del new.PatientComments
        assert new == old
    metadata = viewer.get(f"{asked}/metadata").json()
    assert values(metadata, "00104000") == [[mark]] * len(after)
    lines = Disclosure.objects.order_by("pk").values_list("what", flat=True)
    assert [mark in line for line in lines] == [False, True]


@pytest.mark.req("R-CONS-19")
@pytest.mark.django_db
@pytest.mark.parametrize("level", [Level.W1, Level.W2])
def test_a_withdrawal_that_leaves_exports_as_they_are_marks_nothing(cast: Cast, viewer: Viewer, level: Level) -> None:
    withdraw(cast.alba, cast.subject_a, level)
    copies = parts_of(viewer.get(whole("study"), accept=STORED))
    assert {hashlib.sha256(data).hexdigest() for _head, data in copies} == set(
        Instance.objects.values_list("sha256", flat=True)
    )


@pytest.mark.req("R-CONS-19", "R-CONS-09")
@pytest.mark.django_db
def test_a_withdrawal_in_the_middle_of_a_transfer_marks_the_objects_that_follow(
    cast: Cast, filed: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "_ASKED_AGAIN_SECONDS", 0.0)
    study = Study.objects.get()
    shelf = retrieval.TrialShelf(by=actor_for(cast.analyst), trial=cast.trial)
    first, second, *_rest = shelf.objects(Resource(kind=Kind.OBJECTS, study=study.uid))
    assert "PatientComments" not in opened(first.read())
    withdraw(cast.alba, cast.subject_a, Level.W3)
    assert "W3" in opened(second.read()).PatientComments


@pytest.mark.req("R-CONS-19")
def test_a_mark_stands_behind_what_a_comment_said_and_leaves_compressed_pixels_as_they_are() -> None:
    data = Path(str(get_testdata_file("MR_small_RLE.dcm", download=False))).read_bytes()
    source = opened(data)
    source.PatientComments = "seen twice"
    kept = io.BytesIO()
    dcmwrite(kept, source)
    copy = opened(documents.marked(kept.getvalue(), "a mark"))
    assert copy.PatientComments == "seen twice; a mark"
    assert copy.PixelData == source.PixelData
    assert copy.file_meta.TransferSyntaxUID == source.file_meta.TransferSyntaxUID


@pytest.mark.req("R-WEB-10")
@pytest.mark.django_db
def test_other_sites_see_and_search_nothing_of_it(cast: Cast, viewer: Viewer) -> None:
    brisa = Viewer(cast, "brisa")
    assert brisa.get("studies").json() == []
    assert brisa.get(whole()).status_code == 404
    assert Viewer(cast, "sponsor").get("studies").status_code == 403
    assert Viewer(cast, "stranger").get("studies").status_code == 404
    assert Client().get(f"{viewer.root}/studies").status_code == 302


@pytest.mark.req("R-WEB-10")
@pytest.mark.django_db
def test_without_consent_nothing_is_taken_and_what_is_gone_is_told(cast: Cast, viewer: Viewer) -> None:
    path = path_of(Instance.objects.earliest("pk").sha256)
    data = path.read_bytes()
    path.unlink()
    try:
        assert viewer.get(whole()).status_code == 410
    finally:
        path.write_bytes(data)
    withdraw(cast.alba, cast.subject_a, Level.W6)
    assert viewer.get(whole()).status_code == 403


@pytest.mark.req("R-WEB-10", "R-CONS-09")
@pytest.mark.django_db
@pytest.mark.parametrize("ends", ["consent", "role"])
def test_a_download_that_is_under_way_ends_with_the_consent_or_the_role_it_rests_on(
    cast: Cast, viewer: Viewer, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr(dicomweb, "ASKED_AGAIN_SECONDS", 0.0)
    whole_again = parts_of(viewer.get(whole("study")))
    assert len(whole_again) == 5, "asked at every object, and open"
    answer = viewer.get(whole("study"))
    parts = iter(answer.streaming_content)
    assert b"DICM" in next(parts) + next(parts) + next(parts)
    if ends == "consent":
        withdraw(cast.alba, cast.subject_a, Level.W6)
    else:
        seat = Membership.objects.get(user=cast.analyst)
        members.end(by=actor_for(cast.administrator), membership=seat, reason="left")
    with pytest.raises((PermissionDenied, Http404)):
        list(parts)


@pytest.mark.req("R-WEB-13")
def test_the_conformance_page_says_what_the_program_does() -> None:
    assert conformance.PAGE.read_text(encoding="utf-8") == conformance.page()
    assert set(conformance._REASONS) == set(Reason)

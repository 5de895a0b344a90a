"""C-FIND, C-GET and C-MOVE against the running product: dcmtk, pynetdicom and Debian's Orthanc as tools."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made while the module is loaded
    CTImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from tests.imaging.scans import PLANTED, ct_slice
from tests.services import need_program
from tests.stack import Stack, free_port, wait_until
from tests.wire import vega as stage
from tests.wire.orthanc import speaking
from tests.wire.vega import SLICES, Vega

FIND, GET = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove
TOOL = "VEGA_TOOL"
SUCCESS, CANCELLED, NOT_AUTHORISED, BAD, NO_DESTINATION = 0x0000, 0xFE00, 0x0124, 0xA900, 0xA801


@pytest.fixture(scope="module")
def vega(stack: Stack) -> Vega:
    made = stage.found(stack)
    made.tell(f"tool({TOOL!r})")
    return made


def dcmtk(program: str, vega: Vega, *words: str, calling: str = TOOL) -> "subprocess.CompletedProcess[str]":
    line = ["-aet", calling, "-aec", "CORELAB", "127.0.0.1", str(vega.stack.dicom_port)]
    command = [need_program(program, "dcmtk"), "-v", *line, *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def keys(**named: str) -> list[str]:
    return [word for name, value in named.items() for word in ("-k", f"{name}={value}")]


@contextmanager
def calling(vega: Vega, *contexts: str, name: str = TOOL, handlers: Any = (), takes: bool = False) -> Iterator[Any]:
    """An association of pynetdicom's, which takes CT on the same line where it `takes`."""
    ae = AE(ae_title=name)
    for context in contexts:
        ae.add_requested_context(context)
    if takes:
        ae.add_requested_context(CTImageStorage)
    roles: list[Any] = [build_role(CTImageStorage, scp_role=True)] if takes else []
    association = ae.associate(
        "127.0.0.1", vega.stack.dicom_port, ae_title="CORELAB", ext_neg=roles, evt_handlers=list(handlers)
    )
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def asked(**named: str) -> Dataset:
    dataset = Dataset()
    for name, value in named.items():
        setattr(dataset, name, value)
    return dataset


def ends(answers: Any) -> Dataset:
    """The last status of an operation."""
    status = Dataset()
    for status, _identifier in answers:  # noqa: B007  the last one is wanted
        pass
    return status


@pytest.mark.req("R-QR-01")
def test_findscu_finds_study_series_and_images_under_their_clean_names(vega: Vega) -> None:
    named = keys(
        QueryRetrieveLevel="STUDY", PatientID=vega.subject, StudyInstanceUID="", NumberOfStudyRelatedInstances=""
    )
    found = dcmtk("findscu", vega, "-S", *named)
    study = re.search(r"StudyInstanceUID|0020,000d\) UI \[(2\.25\.[0-9]+)", found.stderr + found.stdout)
    assert found.returncode == 0
    assert study is not None
    (uid,) = vega.tell(f"studies({vega.subject!r})")
    assert uid in found.stderr + found.stdout
    with calling(vega, FIND, PatientRootQueryRetrieveInformationModelFind) as line:
        series = [
            row
            for _status, row in line.send_c_find(
                asked(
                    QueryRetrieveLevel="SERIES", StudyInstanceUID=uid, Modality="CT", NumberOfSeriesRelatedInstances=""
                ),
                FIND,
            )
            if row
        ]
        assert [int(row.NumberOfSeriesRelatedInstances) for row in series] == [SLICES]
        told = asked(
            QueryRetrieveLevel="IMAGE",
            StudyInstanceUID=uid,
            SeriesInstanceUID=series[0].SeriesInstanceUID,
            InstanceNumber="",
            PatientName="",
        )
        images = [row for _status, row in line.send_c_find(told, FIND) if row]
        assert sorted(int(row.InstanceNumber) for row in images) == list(range(SLICES))
        assert {str(row.PatientName) for row in images} == {vega.subject}
        assert {row.RetrieveAETitle for row in images} == {"CORELAB"}
        patient = asked(
            QueryRetrieveLevel="PATIENT", PatientID=f"{vega.subject[:-1]}*", NumberOfPatientRelatedStudies=""
        )
        answers = line.send_c_find(patient, PatientRootQueryRetrieveInformationModelFind)
        patients = {row.PatientID: int(row.NumberOfPatientRelatedStudies) for _status, row in answers if row}
        assert patients[vega.subject] == 1
    assert not [word for word in PLANTED if word in found.stdout + found.stderr]


@pytest.mark.req("R-QR-02")
def test_what_cannot_be_matched_is_refused_with_a_status_and_a_sentence(vega: Vega) -> None:
    wrong = (
        asked(QueryRetrieveLevel="FRAME"),
        asked(QueryRetrieveLevel="PATIENT", PatientID="*"),
        asked(QueryRetrieveLevel="STUDY", PatientBirthDate="19470211"),
        asked(QueryRetrieveLevel="SERIES", Modality="CT"),
        asked(QueryRetrieveLevel="IMAGE", StudyInstanceUID="1.2", SeriesInstanceUID="1.2\\1.3"),
        asked(QueryRetrieveLevel="STUDY", StudyDate="yesterday"),
        asked(StudyInstanceUID="1.2"),
    )
    with calling(vega, FIND) as line:
        for identifier in wrong:
            end = ends(line.send_c_find(identifier, FIND))
            assert (end.Status, bool(end.get("ErrorComment"))) == (BAD, True), identifier
        # What is only asked to be told, and is not known, leaves a note on each match.
        partly = asked(QueryRetrieveLevel="STUDY", PatientID=vega.subject, PatientComments="", StudyInstanceUID="")
        assert [status.Status for status, _row in line.send_c_find(partly, FIND)] == [0xFF01, SUCCESS]


@pytest.mark.req("R-QR-03")
def test_nobody_but_a_registered_tool_at_its_own_address_asks_or_takes(vega: Vega) -> None:
    (uid,) = vega.tell(f"studies({vega.subject!r})")
    vega.tell("tool('VEGA_ELSEWHERE', network='192.0.2.7')")
    for stranger in ("NOBODY", "VEGA_ELSEWHERE"):
        with calling(vega, FIND, name=stranger) as line:
            assert not line.is_established
    # A site's sender is known, but sends and nothing else.
    with calling(vega, FIND, GET, MOVE, name=stage.SENDER, takes=True) as line:
        study = asked(QueryRetrieveLevel="STUDY", StudyInstanceUID=uid)
        assert ends(line.send_c_find(study, FIND)).Status == NOT_AUTHORISED
        assert ends(line.send_c_get(study, GET)).Status == NOT_AUTHORISED
        assert ends(line.send_c_move(study, TOOL, MOVE)).Status == NOT_AUTHORISED
    # And a tool takes, but sends nothing in.
    with calling(vega, CTImageStorage) as line:
        assert line.send_c_store(ct_slice(1, seed="tool")).Status != SUCCESS


@pytest.mark.req("R-QR-04")
def test_getscu_takes_a_study_clean_and_whole(vega: Vega, tmp_path: Path) -> None:
    (uid,) = vega.tell(f"studies({vega.subject!r})")
    named = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=uid)
    taken = dcmtk("getscu", vega, "-S", "-od", str(tmp_path), *named)
    assert taken.returncode == 0, taken.stderr
    got = [dcmread(path) for path in tmp_path.iterdir()]
    assert len(got) == SLICES
    assert {(one.PatientID, one.StudyInstanceUID) for one in got} == {(vega.subject, uid)}
    assert not [word for one in got for word in PLANTED if word in str(one)]
    assert sorted(int(one.pixel_array[0, 0]) for one in got) == list(range(SLICES))


@pytest.mark.req("R-QR-05")
def test_movescu_moves_to_a_registered_tool_that_listens_and_nowhere_else(vega: Vega, tmp_path: Path) -> None:
    (uid,) = vega.tell(f"studies({vega.subject!r})")
    port = free_port()
    vega.tell(f"tool('VEGA_SHELF', port={port})")
    named = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=uid)
    nobody_there = dcmtk("movescu", vega, "-S", "-aem", "VEGA_SHELF", *named)
    assert "MoveDestinationUnknown" in nobody_there.stderr + nobody_there.stdout
    listening = [need_program("storescp", "dcmtk"), "-aet", "VEGA_SHELF", "-od", str(tmp_path), str(port)]
    shelf = subprocess.Popen(listening, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port))
        moved = dcmtk("movescu", vega, "-S", "-aem", "VEGA_SHELF", *named)
        assert moved.returncode == 0, moved.stderr
        assert len(list(tmp_path.iterdir())) == SLICES
    finally:
        shelf.terminate()
        shelf.wait(timeout=30)
    with calling(vega, MOVE) as line:
        study = asked(QueryRetrieveLevel="STUDY", StudyInstanceUID=uid)
        # One listens nowhere, one is no tool.
        for destination in (TOOL, "NOBODY"):
            assert ends(line.send_c_move(study, destination, MOVE)).Status == NO_DESTINATION


def _answers(port: int) -> bool:
    ae = AE(ae_title="PROBE")
    ae.add_requested_context("1.2.840.10008.1.1")
    line = ae.associate("127.0.0.1", port)
    is_up: bool = line.is_established
    if is_up:
        line.release()
    return is_up


@pytest.mark.req("R-QR-06")
def test_a_transfer_that_is_cancelled_ends_and_says_how_much_is_left(vega: Vega) -> None:
    (uid,) = vega.tell(f"studies({vega.subject!r})")
    got: list[str] = []

    def take(event: Any) -> int:
        got.append(str(event.request.AffectedSOPInstanceUID))
        if len(got) == 2:
            # Before the answer to this very object.
            event.assoc.send_c_cancel(1, query_model=GET)
        return SUCCESS

    with calling(vega, GET, takes=True, handlers=[(evt.EVT_C_STORE, take)]) as line:
        study = asked(QueryRetrieveLevel="STUDY", StudyInstanceUID=uid)
        end = ends(line.send_c_get(study, GET, msg_id=1))
        assert end.Status == CANCELLED
        assert end.NumberOfCompletedSuboperations == 2
        assert end.NumberOfRemainingSuboperations == SLICES - 2
        # The line lives on.
        series = asked(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")
        assert ends(line.send_c_get(series, GET)).Status == SUCCESS
    assert len(got) == 2


@pytest.mark.req("R-QR-04")
def test_a_patient_root_get_takes_all_studies_of_a_subject_and_tells_of_what_the_tool_refused(vega: Vega) -> None:
    model = PatientRootQueryRetrieveInformationModelGet
    got: list[str] = []

    def take(event: Any) -> int:
        got.append(str(event.request.AffectedSOPInstanceUID))
        return 0xA700 if len(got) == 1 else SUCCESS

    with calling(vega, model, takes=True, handlers=[(evt.EVT_C_STORE, take)]) as line:
        *_some, (end, failed) = line.send_c_get(asked(QueryRetrieveLevel="PATIENT", PatientID=vega.subject), model)
    assert (end.Status, end.NumberOfFailedSuboperations, end.NumberOfCompletedSuboperations) == (0xB000, 1, SLICES - 1)
    assert failed.FailedSOPInstanceUIDList == got[0]


@pytest.mark.req("R-QR-07")
def test_consent_that_was_taken_back_closes_the_images_at_once(vega: Vega) -> None:
    code = vega.tell("enrol(seed='gone')")
    wait_until(lambda: vega.tell(f"filed({code!r})") == SLICES)
    (uid,) = vega.tell(f"studies({code!r})")
    study = asked(QueryRetrieveLevel="STUDY", StudyInstanceUID=uid)
    with calling(vega, GET, takes=True, handlers=[(evt.EVT_C_STORE, lambda _event: SUCCESS)]) as line:
        assert ends(line.send_c_get(study, GET)).Status == SUCCESS
        vega.tell(f"take_consent_back({code!r})")
        end = ends(line.send_c_get(study, GET))
        assert (end.Status, end.get("NumberOfCompletedSuboperations", 0)) == (NOT_AUTHORISED, 0)


@pytest.mark.req("R-QR-08")
def test_a_tool_that_is_revoked_gets_nothing_from_that_moment_on_the_line_it_holds_or_a_new_one(vega: Vega) -> None:
    vega.tell("tool('VEGA_LOST')")
    study = asked(QueryRetrieveLevel="STUDY", PatientID=vega.subject)
    with calling(vega, FIND, name="VEGA_LOST") as line:
        assert ends(line.send_c_find(study, FIND)).Status == SUCCESS
        vega.tell("revoke('VEGA_LOST')")
        assert ends(line.send_c_find(study, FIND)).Status == NOT_AUTHORISED
    with calling(vega, FIND, name="VEGA_LOST") as line:
        assert not line.is_established


@pytest.mark.req("R-QR-09")
def test_every_query_and_every_retrieval_stands_in_the_trail_for_the_person_behind_the_tool(vega: Vega) -> None:
    vega.tell("tool('VEGA_TRAIL')")
    (uid,) = vega.tell(f"studies({vega.subject!r})")
    study = asked(QueryRetrieveLevel="STUDY", StudyInstanceUID=uid)
    with calling(
        vega, FIND, GET, name="VEGA_TRAIL", takes=True, handlers=[(evt.EVT_C_STORE, lambda _e: SUCCESS)]
    ) as line:
        ends(line.send_c_find(asked(QueryRetrieveLevel="STUDY", PatientName="ZWEISTEIN^ALBA"), FIND))
        ends(line.send_c_get(study, GET))
    query = vega.tell("told('archive.queried')")[-1]
    assert query == query | {"by": "machine:dicom-tool", "for": "vega_analyst", "by_keys": ["PatientName"], "told": 0}
    taken = vega.tell("told('images.retrieved')")[-1]
    assert taken == taken | {"what": "C-GET", "objects": SLICES, "tool": "vega_trail", "to": "VEGA_TRAIL"}
    end = vega.tell("told('retrieval.ended')")[-1]
    assert end == end | {"sent": SLICES, "failed": 0, "status": "0000"}
    assert "ZWEISTEIN" not in str(vega.tell("told('archive.queried')")) + vega.stack.log.read_text()


@pytest.mark.req("R-QR-10")
def test_orthanc_searches_and_has_a_study_moved_to_itself(vega: Vega, tmp_path: Path) -> None:
    port = free_port()
    vega.tell(f"tool('VEGA_ORTHANC', port={port})")
    with speaking(tmp_path, ae_title="VEGA_ORTHANC", port=port, peer=vega.stack.dicom_port) as orthanc:
        query = {"Level": "Study", "Query": {"PatientID": vega.subject}}
        found = orthanc.post("/modalities/corelab/query", query)["ID"]
        assert len(orthanc.get(f"/queries/{found}/answers")) == 1
        orthanc.post(f"/queries/{found}/answers/0/retrieve", {"TargetAet": "VEGA_ORTHANC", "Synchronous": True})
        (study,) = orthanc.get("/studies")
        assert len(orthanc.get(f"/studies/{study}/instances")) == SLICES

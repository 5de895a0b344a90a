"""DICOMweb with foreign peers against the running product: dicomweb-client, Debian's Orthanc, and plain sockets."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from dicomweb_client import DICOMwebClient
from pydicom import Dataset

from imaging.dicomweb.multipart import compose
from tests.imaging.scans import PLANTED, ct_series, ct_slice, to_bytes
from tests.imaging.stowing import BOUNDARY, DICOM, RELATED
from tests.stack import wait_until
from tests.wire import norda as stage
from tests.wire.norda import Norda
from tests.wire.orthanc import running

TRIAL = "/trials/NORDA/dicomweb"
SLICES = 40
# Far below what is sent, so that the body goes in chunks.
CHUNK = 200_000
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def norda(stack: Any) -> Norda:
    return stage.found(stack)


@pytest.fixture(scope="module")
def sent(norda: Norda) -> list[Dataset]:
    """A baseline that dicomweb-client stored in chunks and that went the whole road."""
    datasets = [ct_slice(number, seed="stow") for number in range(SLICES)]
    door = DICOMwebClient(url=f"{norda.stack.address}/dicomweb", session=norda.sender(), chunk_size=CHUNK)
    named = {"subject": norda.subject, "timepoint": "BL", "complete": "1"}
    told = door.store_instances(datasets, additional_params=named)
    assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == [
        dataset.SOPInstanceUID for dataset in datasets
    ]
    assert "FailedSOPSequence" not in told
    desk = viewer(norda)
    wait_until(lambda: len(desk.search_for_instances(limit=100)) == SLICES)
    return datasets


def viewer(norda: Norda, who: str = "qc_analyst", root: str = TRIAL) -> DICOMwebClient:
    return DICOMwebClient(url=norda.stack.address + root, session=norda.person(who))


@pytest.mark.req("R-WEB-12", "R-WEB-01")
def test_dicomweb_client_finds_and_fetches_what_it_stored_in_chunks(norda: Norda, sent: list[Dataset]) -> None:
    desk = viewer(norda)
    (study,) = desk.search_for_studies(search_filters={"PatientID": norda.subject}, fields=["all"])
    uid = study["0020000D"]["Value"][0]
    (series,) = desk.search_for_series(uid)
    series_uid = series["0020000E"]["Value"][0]
    got = sorted(desk.retrieve_series(uid, series_uid), key=lambda dataset: int(dataset.InstanceNumber))
    assert len(got) == SLICES
    assert all(np.array_equal(mine.pixel_array, theirs.pixel_array) for mine, theirs in zip(got, sent, strict=True))
    assert not [word for dataset in got for word in PLANTED if word in str(dataset)]
    one = got[0].SOPInstanceUID
    assert desk.retrieve_instance(uid, series_uid, one).PatientID == norda.subject
    assert len(desk.retrieve_series_metadata(uid, series_uid)) == SLICES
    (frame,) = desk.retrieve_instance_frames(uid, series_uid, one, frame_numbers=[1])
    assert frame == got[0].PixelData
    picture = desk.retrieve_instance_rendered(uid, series_uid, one, media_types=("image/png",))
    assert picture.startswith(b"\x89PNG")
    metadata = desk.retrieve_instance_metadata(uid, series_uid, one)
    # This client names its host without the port, so the link it is given lacks it, too.
    path = urlsplit(metadata["7FE00010"]["BulkDataURI"]).path
    (bulk,) = desk.retrieve_bulkdata(norda.stack.address + path)
    assert bulk == got[0].PixelData


@pytest.mark.req("R-WEB-12", "R-WEB-11")
def test_dicomweb_client_reads_a_blinded_case_and_learns_nothing(norda: Norda, sent: list[Dataset]) -> None:
    case = norda.told("norda.print_case()")
    desk = viewer(norda, "reader", f"/reads/{case}/dicomweb")
    (study,) = desk.search_for_studies()
    uid = study["0020000D"]["Value"][0]
    got = sorted(desk.retrieve_study(uid), key=lambda dataset: int(dataset.InstanceNumber))
    assert all(np.array_equal(mine.pixel_array, theirs.pixel_array) for mine, theirs in zip(got, sent, strict=True))
    assert {str(dataset.PatientID) for dataset in got} == {study["00100020"]["Value"][0]}
    assert not [dataset for dataset in got if norda.subject in str(dataset) or "NORDA" in str(dataset)]


@pytest.mark.req("R-WEB-12")
def test_orthanc_sends_a_study_and_fetches_it_back(norda: Norda, sent: list[Dataset], tmp_path: Path) -> None:
    cookies = "; ".join(f"{one.name}={one.value}" for one in norda.person("qc_analyst").cookies)
    servers = {
        "door": {
            "Url": f"{norda.stack.address}/dicomweb/",
            "HttpHeaders": {"Authorization": f"Bearer {norda.secret}"},
        },
        "archive": {"Url": f"{norda.stack.address}{TRIAL}/", "HttpHeaders": {"Cookie": cookies}},
    }
    with running(tmp_path, servers) as orthanc:
        studies = {orthanc.post("/instances", data)["ParentStudy"] for data in ct_series(12, seed="orthanc")}
        told = orthanc.post("/dicom-web/servers/door/stow", {"Resources": sorted(studies), "Synchronous": True})
        assert told["InstancesCount"] == "12", told
        uid = viewer(norda).search_for_studies()[0]["0020000D"]["Value"][0]
        orthanc.post("/dicom-web/servers/archive/retrieve", {"Resources": [{"Study": uid}], "Synchronous": True})
        fetched = [one for one in orthanc.get("/studies?expand") if one["MainDicomTags"]["StudyInstanceUID"] == uid]
        assert len(fetched) == 1
        assert len(orthanc.get(f"/studies/{fetched[0]['ID']}/instances")) == SLICES
    (waiting,) = norda.told(
        "from imaging.models import StowDelivery as S; "
        "rows = S.objects.filter(submission__time_point=None); print(*[r.submission.files.count() for r in rows])"
    ).split()
    assert waiting == "12"


def high_water(norda: Norda) -> int:
    """The most memory that the web server ever held, in bytes."""
    (process,) = norda.stack.children("manage.py serve")
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.req("R-WEB-01")
def test_a_long_chunked_body_is_never_held_whole(norda: Norda, sent: list[Dataset]) -> None:
    objects = 24
    padded = ct_slice(1, seed="long")
    padded.DataSetTrailingPadding = bytes(8 * MEBIBYTE)
    one = to_bytes(padded)

    def body() -> Iterator[bytes]:
        yield from map(bytes, compose(((DICOM, one) for _number in range(objects)), boundary=BOUNDARY))

    before = high_water(norda)
    http, address = norda.sender(), f"{norda.stack.address}/dicomweb/studies?complete=1"
    answer = http.post(address, data=body(), headers={"Content-Type": RELATED}, timeout=120)
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["00081199"]["Value"]) == objects
    grown = high_water(norda) - before
    assert grown < 80 * MEBIBYTE, f"{grown // MEBIBYTE} MiB for {objects * 8} MiB"


@pytest.mark.req("R-WEB-02")
def test_a_line_that_is_cut_leaves_nothing(norda: Norda, sent: list[Dataset]) -> None:
    count = "from imaging.models import IncomingFile; print(IncomingFile.objects.count())"
    before = norda.told(count)
    host, port = norda.stack.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        head = f"POST /dicomweb/studies HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {norda.secret}\r\n"
        line.sendall(f"{head}Content-Type: {RELATED}\r\nContent-Length: 900000\r\n\r\n".encode())
        line.sendall(b"".join(compose(((DICOM, data) for data in ct_series(3, seed="cut")), boundary=BOUNDARY))[:-9])
    refused = norda.sender()
    refused.headers["Authorization"] = "Bearer nobody"
    answer = refused.post(f"{norda.stack.address}/dicomweb/studies", data=b"x", headers={"Content-Type": RELATED})
    assert answer.status_code == 401
    assert norda.told(count) == before


@pytest.mark.req("R-WEB-03")
def test_the_link_in_the_answer_tells_how_it_went(norda: Norda, sent: list[Dataset]) -> None:
    http = norda.sender()
    body = b"".join(compose(((DICOM, data) for data in ct_series(2, seed="link")), boundary=BOUNDARY))
    address = f"{norda.stack.address}/dicomweb/studies?subject={norda.subject}&timepoint=FU1&complete=1"
    answer = http.post(address, data=body, headers={"Content-Type": RELATED}, timeout=60)
    link = answer.links["status"]["url"]
    wait_until(lambda: http.get(link, timeout=30).json()["ended"])
    told = http.get(link, timeout=30).json()
    assert (told["state"], told["counts"]) == ("checked", {"filed": 2})
    assert not [planted for planted in PLANTED if planted in str(told)]

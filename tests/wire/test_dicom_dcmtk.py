"""Our upper layer in place of pynetdicom's, with dcmtk as the foreign sender: what comes, however cut, lies sealed."""

import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000

from imaging import dicom_node, quarantine
from imaging.dicom_node.reception import OUT_OF_RESOURCES
from imaging.models import Submission
from imaging.services import doors
from imaging.services.arrivals import Arrival
from tests.imaging.scans import ct_series
from tests.services import need_program
from tests.stack import wait_until

KNOWN = "NORTE_PACS"


class Desk:
    """Records nothing, and remembers what lies sealed; it may refuse from some object on."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.closed = 0
        self.room = 100

    def ask(self, act: Callable[[Any], Any]) -> Any:
        return act(SimpleNamespace(open=self._open, close=self._close, require_room=lambda _arrival: None))

    def _open(self, **_told: object) -> Submission:
        return Submission(wrapped_key=quarantine.vault().new_wrapped_key())

    def _close(self, **_told: object) -> None:
        self.closed += 1

    def record(self, arrival: Arrival) -> None:
        if len(self.arrivals) >= self.room:
            raise ValidationError("full", code="quota")
        self.arrivals.append(arrival)

    def sealed(self) -> list[Path]:
        (submission,) = {str(arrival.submission.pk) for arrival in self.arrivals}
        return [path for path in (settings.QUARANTINE_ROOT / submission).rglob("*") if path.is_file()]

    def plain(self, arrival: Arrival) -> bytes:
        submission, sizes = arrival.submission, [part.size for part in arrival.parts]
        key = bytes(submission.wrapped_key)
        with quarantine.vault().open(
            submission=str(submission.pk), number=arrival.number, parts=sizes, wrapped_key=key
        ) as sealed:
            return sealed.read()


class Door:
    def __init__(self, desk: Desk, port: int) -> None:
        self.desk, self.port = desk, port

    def send(self, *words: str, files: list[Path]) -> "subprocess.CompletedProcess[str]":
        program = need_program("storescu", "dcmtk")
        command = [
            program,
            "-v",
            *words,
            "-aet",
            KNOWN,
            "-aec",
            "CORELAB",
            "127.0.0.1",
            str(self.port),
            *map(str, files),
        ]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr(doors, "known_ae_titles", lambda _caller: [KNOWN])
    desk = Desk()
    node = dicom_node.make_ae()
    node.desk = desk
    server: Any = node.start_server(("127.0.0.1", 0), block=False, evt_handlers=dicom_node.HANDLERS)
    yield Door(desk, server.server_address[1])
    node.shutdown()
    for submission in {arrival.submission.pk: arrival.submission for arrival in desk.arrivals}.values():
        quarantine.destroy(submission)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for number, data in enumerate(ct_series(3, seed="dcmtk")):
        (tmp_path / f"{number}.dcm").write_bytes(data)
    # Another class and an encapsulated transfer syntax.
    (tmp_path / "us.dcm").write_bytes(Path(str(get_testdata_file("JPEG2000.dcm"))).read_bytes())
    return sorted(tmp_path.glob("*.dcm"))


@pytest.mark.req("R-NODE-02")
@pytest.mark.parametrize("pdu", ["4096", "16384", "131072"])
def test_what_dcmtk_sends_in_whatever_pdus_lies_sealed_to_the_last_byte(
    door: Door, files: list[Path], pdu: str
) -> None:
    # Two classes, one of them compressed.
    sent = [door.send("--max-send-pdu", pdu, files=files[:3]), door.send("-xw", "--max-send-pdu", pdu, files=files[3:])]
    assert [one.returncode for one in sent] == [0, 0], sent
    wait_until(lambda: door.desk.closed == 2, seconds=30)
    assert len(door.desk.arrivals) == len(files)
    for arrival, file in zip(door.desk.arrivals, files, strict=True):
        came, was = dcmread(BytesIO(door.desk.plain(arrival))), dcmread(file)
        # Padding at the end of a file, which dcmtk leaves out.
        was.pop("DataSetTrailingPadding", None)
        assert came == was
        for name in ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID"):
            assert came.file_meta[name] == was.file_meta[name]
    assert came.file_meta.TransferSyntaxUID == JPEG2000


@pytest.mark.req("R-NODE-02")
def test_dcmtk_is_told_of_the_object_that_had_no_room_and_goes_on(door: Door, files: list[Path]) -> None:
    door.desk.room = 2
    sent = door.send("--no-halt", "--repeat", "2", files=files[:2])
    answers = [line for line in sent.stdout.splitlines() + sent.stderr.splitlines() if "Store Response" in line]
    assert ["Success" in answer for answer in answers] == [True, True, False, False]
    assert all(f"{OUT_OF_RESOURCES:x}" in answer.lower() or "OutOfResources" in answer for answer in answers[2:])
    assert len(door.desk.arrivals) == 2
    assert len(door.desk.sealed()) == 2


@pytest.mark.req("R-NODE-02")
def test_an_association_that_dcmtk_aborts_is_closed_and_the_next_one_served(door: Door, files: list[Path]) -> None:
    assert door.send("--abort", files=files[:1]).returncode == 0
    wait_until(lambda: door.desk.closed == 1, seconds=30)
    assert door.send(files=files[:1]).returncode == 0
    assert len(door.desk.arrivals) == 2

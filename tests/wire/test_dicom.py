"""The DICOM door, with dcmtk as a foreign sender against the running product."""

import subprocess
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.imaging.scans import PLANTED, ct_series
from tests.services import need_program
from tests.stack import Session, Stack


def storescu(stack: Stack, folder: Path, *, calling: str = "NORTE_PACS") -> "subprocess.CompletedProcess[str]":
    program = need_program("storescu", "dcmtk")
    return subprocess.run(
        [program, "-aet", calling, "-aec", "CORELAB", "127.0.0.1", str(stack.dicom_port), "+sd", "+r", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def waiting(coordinator: Session) -> list[str]:
    page = coordinator.get("/trials/THORAX/deliveries/").text
    # Where nothing waits, no list is the list of the others.
    head = page.partition("All others")[0] if "All others" in page else ""
    return [chunk.split('/"')[0] for chunk in head.split('href="/deliveries/')[1:]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, data in enumerate(ct_series(6, seed="wire")):
        (tmp_path / f"{number}.dcm").write_bytes(data)
    return tmp_path


@pytest.mark.req("R-DICOM-01")
def test_an_echo_is_answered_to_a_known_sender_and_refused_to_a_stranger(stack: Stack) -> None:
    echo = [need_program("echoscu", "dcmtk"), "-aec", "CORELAB", "127.0.0.1", str(stack.dicom_port)]
    assert subprocess.run([*echo, "-aet", "NORTE_PACS"], check=False).returncode == 0
    stranger = subprocess.run([*echo, "-aet", "NOBODY"], check=False, capture_output=True, text=True)
    assert stranger.returncode != 0
    assert "Rejected" in stranger.stderr


@pytest.mark.req("R-DICOM-02")
def test_a_sent_folder_waits_for_a_person_and_goes_the_whole_road_once_assigned(stack: Stack, folder: Path) -> None:
    coordinator, visit = stack.session("carmen"), stack.enrol().visit
    before = set(waiting(coordinator))
    sent = storescu(stack, folder)
    assert sent.returncode == 0, sent.stderr
    stack.wait(lambda: set(waiting(coordinator)) - before)
    (delivery,) = set(waiting(coordinator)) - before
    page = coordinator.get(f"/deliveries/{delivery}/").text
    address = f"/deliveries/{delivery}/"
    assert coordinator.post(f"{address}assign/", page=address, time_point=visit).ok
    site = stack.session("nora")
    stack.wait(lambda: site.api("GET", f"/api/deliveries/{delivery}/").json()["state"] == "checked")
    receipt = site.api("GET", f"/api/deliveries/{delivery}/receipt/").json()
    assert len(receipt["filed"]) == 6
    everything = page + site.get(f"/deliveries/{delivery}/").text + str(receipt) + stack.log.read_text()
    assert not [planted for planted in PLANTED if planted in everything]


@pytest.mark.req("R-SORT-05")
def test_three_patients_on_one_association_wait_each_by_itself_and_one_goes_the_whole_road(
    stack: Stack, tmp_path: Path
) -> None:
    coordinator, visit, site = stack.session("carmen"), stack.enrol().visit, stack.session("nora")
    before = set(waiting(coordinator))
    for person, slices in (("SIEBEN", 4), ("ACHT", 3), ("NEUN", 2)):
        made = ct_series(slices, seed=person, name=f"{person}STEIN^P", patient_id=f"QX{person}")
        for number, data in enumerate(made):
            # By their names the sender mixes them.
            (tmp_path / f"{number}-{person}.dcm").write_bytes(data)
    sent = storescu(stack, tmp_path)
    assert sent.returncode == 0, sent.stderr
    stack.wait(lambda: len(set(waiting(coordinator)) - before) == 3)
    came = [site.api("GET", f"/api/deliveries/{one}/").json() for one in set(waiting(coordinator)) - before]
    assert sorted(one["files"] for one in came) == [2, 3, 4]
    (whole,) = (one for one in came if one["parts"])
    assert set(whole["parts"]) == {one["id"] for one in came if one["parted_from"] == whole["id"]}
    page = f"/deliveries/{whole['id']}/"
    told = site.get(page).text
    assert all(f'href="/deliveries/{part}/"' in told for part in whole["parts"])
    assert coordinator.post(f"{page}assign/", page=page, time_point=visit).ok
    stack.wait(lambda: site.api("GET", f"/api/deliveries/{whole['id']}/").json()["state"] == "checked")
    receipt = site.api("GET", f"/api/deliveries/{whole['id']}/receipt/").json()
    assert len(receipt["filed"]) == whole["files"]
    everything = told + coordinator.get(page).text + stack.log.read_text()
    assert not [planted for planted in (*PLANTED, "STEIN", "QXSIEBEN") if planted in everything]


@pytest.mark.req("R-DICOM-03")
def test_objects_that_are_refused_later_are_still_acknowledged_and_kept(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "us.dcm").write_bytes(Path(str(get_testdata_file("examples_rgb_color.dcm"))).read_bytes())
    coordinator = stack.session("carmen")
    before = set(waiting(coordinator))
    assert storescu(stack, tmp_path).returncode == 0
    stack.wait(lambda: set(waiting(coordinator)) - before)

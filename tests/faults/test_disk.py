"""The disk runs full: what is reserved stays free, every door says so, and all goes on once there is room."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.announcing import manifest_of
from tests.faults import disk
from tests.faults.conftest import RESERVE
from tests.faults.lab import Lab, hang_up
from tests.faults.load import Ledger, Load
from tests.faults.test_writes import OUT_OF_RESOURCES, SUCCESS, fresh, sealed
from tests.flows import small
from tests.imaging.scans import to_bytes
from tests.people import PASSWORD
from tests.stack import Session


@pytest.fixture
def home(small_disk: tuple[Path, bool]) -> Path:
    folder, is_own = small_disk
    if not is_own:
        pytest.skip("no small disk may be mounted here: run the tests as root where mount is allowed")
    return folder


def opened(staff: Session) -> Any:
    (visit, *_others) = staff.get(f"/api/trials/{small.CODE}/time-points/?code=BL").json()["results"]
    return staff.api("POST", "/api/deliveries/", json={"time_point": visit["id"]})


@pytest.mark.req("R-FAULT-07")
def test_what_is_reserved_of_the_disk_is_taken_by_nobody_and_every_door_says_so(hurt: Lab, home: Path) -> None:
    staff, line = Session(hurt.stack.address, "site_staff", PASSWORD), hurt.associate()
    assert line.send_c_store(fresh()).Status == SUCCESS
    begun, data = opened(staff).json()["id"], to_bytes(fresh())
    assert staff.api("POST", f"/api/deliveries/{begun}/manifest/", json=manifest_of([data])).ok
    before, web = sealed(home), Load(hurt, Ledger())
    with disk.filled(home, but=RESERVE * 10**6 // 2):
        assert line.send_c_store(fresh()).Status == OUT_OF_RESOURCES
        assert web.post([to_bytes(fresh())]).status_code == 507
        refused = opened(staff)
        assert (refused.status_code, "There is no room for new images now." in refused.json()["detail"]) == (507, True)
        piece = staff.api("POST", f"/api/deliveries/{begun}/pieces/", files={"0.0": ("piece", data)})
        assert piece.status_code == 507
        told = requests.get(f"{hurt.stack.address}/healthz", timeout=10).text
        assert told == f"ok\nno room for new images: less than {RESERVE} MB are free\n"
        # What must still be written is: whoever signs in is told in the trail.
        assert Session(hurt.stack.address, "monitor", PASSWORD).get("/").ok
        assert sealed(home) == before
    assert line.send_c_store(fresh()).Status == SUCCESS
    hang_up(line)
    assert len(web.stow([to_bytes(fresh())])) == 1
    assert requests.get(f"{hurt.stack.address}/healthz", timeout=10).text == "ok\n"
    assert int(hurt.told("print(reckoning.told_of('disk.reserved'))")) > 0

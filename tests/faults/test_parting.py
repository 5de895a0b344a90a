"""The worker is killed where it parts a delivery of several persons: each file ends in just one delivery, none twice."""

import json
import os
import signal
import time
import uuid
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from tests.faults.lab import WORKER, Lab, hang_up
from tests.imaging.scans import ct_slice

PERSONS = ("ZWEISTEIN^ALBA", "DREISTEIN^KLARA", "VIERSTEIN^VERA")
# So many that sealing a part takes longer than killing who seals it.
SLICES = 40
# A part may be sealed and recorded before the kill: then another delivery is brought.
TRIES, PATIENCE = 5, 120.0


def scans() -> list[Dataset]:
    """Series of three persons as a PACS sends them over one line: mixed."""
    made = []
    for number in range(SLICES):
        for person in PERSONS:
            one = ct_slice(number, name=person, patient_id=person[:8], seed=f"parted {person}")
            one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            made.append(one)
    return made


def bring(lab: Lab, objects: list[Dataset]) -> str:
    """Send them over one line; return the delivery they are."""
    root = lab.home / "quarantine"
    before, line = set(root.iterdir()), lab.associate()
    assert {line.send_c_store(one).Status for one in objects} == {0}
    (place,) = [path for path in set(root.iterdir()) - before if path.is_dir()]
    hang_up(line)
    return place.name


def is_killed_sealing(lab: Lab, delivery: str, *, part: int) -> bool:
    """Kill the worker once it seals that part; False where it was quicker and had recorded it."""
    made = str(uuid.uuid5(uuid.UUID(delivery), str(part)))
    workers = lab.stack.children(WORKER)
    # With those that are forked until then.
    groups = {os.getpgid(process) for process in workers}
    _wait_closely_for(lab.home / "quarantine" / f"{made}.lock")
    for group in groups:
        os.killpg(group, signal.SIGKILL)
    lab.stack.wait(lambda: not set(workers) & set(lab.stack.children(WORKER)))
    return made not in contents(lab, delivery)


def _wait_closely_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, "nothing is parted"
        time.sleep(0.001)


def contents(lab: Lab, delivery: str) -> dict[str, int]:
    """The delivery and its parts, each with the number of its files."""
    found: dict[str, int] = json.loads(lab.told(f"print(reckoning.parted({delivery!r}))"))
    return found


def let_go(lab: Lab, delivery: str) -> None:
    """What the dead worker had claimed is free at once: its three quarters of a minute are waited for elsewhere."""
    lab.told(f"reckoning.let_go({delivery!r}); print()")
    lab.stack.wait(lambda: lab.stack.children(WORKER))


@pytest.mark.req("R-SORT-06", "R-FAULT-01", "R-FAULT-02")
def test_a_worker_killed_twice_while_it_parts_leaves_each_file_in_just_one_delivery(hurt: Lab) -> None:
    parted, sent, has_met = hurt.told("print(reckoning.told_of('delivery.parted'))"), list[str](), False
    deliveries = list[str]()
    while not has_met:
        assert len(deliveries) < TRIES, "no kill met the parting"
        objects = scans()
        sent += [str(one.SOPInstanceUID) for one in objects]
        deliveries.append(bring(hurt, objects))
        has_met = all(_is_met(hurt, deliveries[-1], part=part) for part in (0, 1))
    hurt.stack.wait(lambda: hurt.count().is_at_rest)
    for delivery in deliveries:
        assert list(contents(hurt, delivery).values()) == [SLICES] * len(PERSONS)
    told = int(hurt.told("print(reckoning.told_of('delivery.parted'))")) - int(parted)
    assert told == (len(PERSONS) - 1) * len(deliveries)
    count = hurt.count()
    assert (count.orphans, count.files - count.told) == (0, 0)
    assert hurt.lacking(sent) == set()


def _is_met(lab: Lab, delivery: str, *, part: int) -> bool:
    has_met = is_killed_sealing(lab, delivery, part=part)
    let_go(lab, delivery)
    return has_met

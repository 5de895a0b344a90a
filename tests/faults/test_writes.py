"""Calls on the disk fail, and lines are cut: success is told only of what is whole, and nothing is left of the rest."""

import errno
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from tests.faults import faulty
from tests.faults.faulty import Call, Faulty
from tests.faults.lab import NODE, Lab, hang_up
from tests.imaging.scans import ct_slice
from tests.wire.proxy import tapped

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
SEED, CUTS = 20261122, 12
ERRORS = (errno.EIO, errno.ENOSPC)
# The first object of a delivery makes its folders durable: more than one sync.
TURNS = (1, 2, 3)


@pytest.fixture(scope="module")
def broken(hurt: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with faulty.node(hurt, tmp_path_factory.mktemp("shim")) as node:
        yield node


def fresh() -> Any:
    one = ct_slice(1, seed="writes")
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return one


def sealed(home: Path) -> int:
    return sum(path.is_file() and path.suffix != ".lock" for path in (home / "quarantine").rglob("*"))


@pytest.mark.req("R-FAULT-03")
@pytest.mark.parametrize("call", Call)
def test_a_failing_call_acknowledges_nothing_and_leaves_nothing_and_the_next_object_is_taken(
    hurt: Lab, broken: Faulty, call: Call
) -> None:
    taken: list[str] = []
    for error in ERRORS:
        for turn in TURNS:
            line, before = hurt.associate(port=broken.port), sealed(hurt.home)
            broken.fail(call, error, turn=turn)
            answers: list[int] = []
            while not broken.has_failed or len(answers) < 2:
                one = fresh()
                answers.append(line.send_c_store(one).Status)
                taken += [str(one.SOPInstanceUID)] * (answers[-1] == SUCCESS)
            answers.append(line.send_c_store(fresh()).Status)
            assert answers.count(OUT_OF_RESOURCES) == 1, (call, error, turn, answers)
            assert answers[-1] == SUCCESS
            assert sealed(hurt.home) - before == answers.count(SUCCESS)
            hang_up(line)
    assert hurt.lacking(taken) == set()


@pytest.mark.req("R-FAULT-04")
def test_a_line_that_is_cut_anywhere_leaves_whole_objects_alone(hurt: Lab) -> None:
    chosen, taken = random.Random(SEED), []  # noqa: S311  offsets, no secrets
    before = hurt.count().files
    with tapped(f"127.0.0.1:{hurt.stack.dicom_port}") as wire:
        port = int(wire.address.rpartition(":")[2])
        for _cut in range(CUTS):
            # Up to three objects of 39 kB, and before them the words of the association.
            wire.left = chosen.randrange(1, 120_000)
            line = hurt.associate(port=port)
            while line.is_established:
                one = fresh()
                try:
                    taken += [str(one.SOPInstanceUID)] * (line.send_c_store(one).get("Status") == SUCCESS)
                except (RuntimeError, ValueError):
                    break
            hang_up(line)
        assert wire.cuts == CUTS
    # While the road works, bytes may be there a moment before their row; what nobody names stays for ever.
    hurt.stack.wait(lambda: hurt.count().is_at_rest)
    count = hurt.count()
    assert count.files == count.told
    # What was whole when its line was cut is kept, though nobody was told so.
    assert len(taken) <= count.files - before <= len(taken) + CUTS
    assert hurt.lacking(taken) == set()
    assert hurt.answers(NODE)

"""Cleaning an object, against copying its bytes and against pydicom reading and saving it: `-m benchmarks.deid`."""

import io
from pathlib import Path

from pydicom import dcmread
from pydicom.data import get_testdata_file

import deid
from benchmarks.frames import SPEC
from benchmarks.stopwatch import Rival, compare
from config.demo.phantom import SUBJECTS, make_ct, make_seg, to_bytes

KEY = bytes(range(32))
TRIAL = deid.ClinicalTrial(
    sponsor="Northlight",
    protocol_id="TUNDRA-001",
    protocol_name="The TUNDRA trial",
    site_id="01",
    site_name="First site",
    subject_code="7K3M-0001",
    time_point_id="BL",
    time_point_description="Baseline",
    coordinating_center="Corelab",
)


def read_and_save(data: bytes) -> None:
    dcmread(io.BytesIO(data)).save_as(io.BytesIO(), enforce_file_format=True)


def read_all_and_save(data: bytes) -> None:
    """Read every element, as a cleaning on pydicom must: unread, they are copied as raw bytes."""
    dataset = dcmread(io.BytesIO(data))
    for _ in dataset.iterall():
        pass
    dataset.save_as(io.BytesIO(), enforce_file_format=True)


def compare_cleaning(name: str, data: bytes) -> None:
    compare(
        f"{name}, {len(data) // 1024} KiB",
        lambda: deid.clean(data, key=KEY, trial=TRIAL, policy=deid.Policy()),
        Rival("copying the bytes (floor)", lambda: bytearray(data)),
        Rival("pydicom reading and saving", lambda: read_and_save(data)),
        Rival("pydicom reading every element and saving", lambda: read_all_and_save(data)),
        turns=20,
    )


def bundled(name: str) -> bytes:
    """Return a file that ships with pydicom."""
    return Path(str(get_testdata_file(name))).read_bytes()


if __name__ == "__main__":
    baseline = SUBJECTS[0].visits[0].spec
    compare_cleaning("a CT slice of 512 x 512", to_bytes(make_ct(SPEC)[0]))
    compare_cleaning("a segmentation of 100 slices", to_bytes(make_seg(make_ct(baseline), baseline.lesions)))
    compare_cleaning("a small MR with many elements", bundled("MR_small.dcm"))

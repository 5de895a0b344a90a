"""The names of an object from the beginning of its file: told for every syntax, refused for anything else."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file

from deid import Rejected, read_head

FILES = [
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",
    "JPEG2000.dcm",
    "rtplan.dcm",
]


def bytes_of(name: str) -> bytes:
    return Path(str(get_testdata_file(name, download=False))).read_bytes()


@pytest.mark.req("R-WEB-03")
@pytest.mark.parametrize("name", FILES)
def test_the_names_are_those_of_the_whole_object_though_only_its_beginning_is_there(name: str) -> None:
    data = bytes_of(name)
    whole = dcmread(str(get_testdata_file(name, download=False)))
    told = read_head(data[: max(len(data) * 2 // 3, 3000)])
    assert (told.sop_class_uid, told.sop_instance_uid, told.study_instance_uid) == (
        whole.SOPClassUID,
        whole.SOPInstanceUID,
        whole.StudyInstanceUID,
    )


@pytest.mark.req("R-WEB-03")
@given(junk=st.binary(max_size=600), at=st.integers(0, 3000), length=st.integers(0, 40))
def test_damaged_beginnings_are_refused_or_read_and_nothing_else(junk: bytes, at: int, length: int) -> None:
    good = bytes_of("CT_small.dcm")[:4000]
    for data in (junk, bytes(128) + b"DICM" + junk, good[:at] + junk + good[at + length :], good[:at]):
        with suppress(Rejected):
            assert read_head(data).sop_instance_uid


@pytest.mark.req("R-WEB-03")
@pytest.mark.parametrize("name", ["no_meta.dcm", "README.txt"])
def test_what_is_no_part_10_file_is_refused(name: str) -> None:
    with pytest.raises(Rejected):
        read_head(bytes_of(name))

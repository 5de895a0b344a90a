"""A door tells a torn object as its last byte comes, however it is cut, and refuses none that the engine would take."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deid
from deid import wholeness
from tests.cases import bad, good
from tests.deid import builders, planting
from tests.deid.mutants import mutants

CT = planting.encode(builders.ct())


def verdict(data: bytes, *, step: int = 100_000) -> str:
    """The code of the refusal, "" for none, of a file that comes in pieces after its meta."""
    start = 144 + int.from_bytes(data[140:144], "little")
    inspector = wholeness.inspect_file(data[: start + 16])
    for at in range(start + 16, len(data), step):
        inspector.feed(data[at : at + step])
    refusal = inspector.end()
    return refusal.code if refusal else ""


@pytest.mark.req("R-ENG-08")
@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, which writes what is planted here
def test_no_good_object_is_called_torn_in_any_syntax_or_letters() -> None:
    assert {one.name: verdict(one.data) for one in good.objects() if verdict(one.data)} == {}


@pytest.mark.req("R-ENG-08")
@settings(max_examples=40, deadline=None)
@given(missing=st.integers(1, len(CT) - 400), step=st.sampled_from([1_000, 4_096, 131_072]))
def test_whatever_is_cut_off_is_missed(missing: int, step: int) -> None:
    assert verdict(CT[:-missing], step=step) in {"malformed", "incomplete"}


@pytest.mark.req("R-ENG-08")
@pytest.mark.parametrize("step", [1, 3, 7, 64])
def test_however_it_is_cut_into_pieces_the_answer_is_the_same(step: int) -> None:
    kinds = {"torn", "lengths", "types"}
    with_head = [
        one for one in bad.objects() if one.kind in kinds and len(one.data) > 400 and one.data[128:132] == b"DICM"
    ]
    for one in with_head[::5]:
        assert verdict(one.data, step=step) == verdict(one.data), one.name
    assert verdict(CT[:3_000] + CT[-8_000:], step=step) == verdict(CT[:3_000] + CT[-8_000:])


@pytest.mark.req("R-ENG-08")
@pytest.mark.filterwarnings("ignore::UserWarning")  # as above
def test_what_a_door_refuses_the_engine_refuses_too(key: bytes, trial: deid.ClinicalTrial) -> None:
    given = [(one.name, one.data) for one in bad.objects() if one.kind not in {"no meta", "no DICOM"}]
    given += mutants(100, seed=6)
    torn = [(name, data) for name, data in given if _is_torn(data)]
    assert len(torn) > 50
    for name, data in torn:
        assert not _is_taken(data, key, trial), name


@pytest.mark.req("R-ENG-08")
def test_ends_of_items_are_no_entries_so_what_the_engine_reads_is_taken(key: bytes, trial: deid.ClinicalTrial) -> None:
    item = bytes.fromhex("feff00e0ffffffff 000405005553 0200 0100 feff0de000000000")
    many = CT + bytes.fromhex("fafffaff53510000ffffffff") + item * 40_000 + bytes.fromhex("feffdde000000000")
    assert verdict(many) == ""
    assert _is_taken(many, key, trial)


@pytest.mark.req("R-ENG-08")
def test_the_entries_of_the_top_level_are_counted_too() -> None:
    inspector = wholeness.Inspector("1.2.840.10008.1.2.1")
    inspector.feed(bytes.fromhex("090010004c4f0000") * 100_001)
    assert (refusal := inspector.end()) is not None
    assert refusal.code == "too-large"


@pytest.mark.req("R-ENG-08")
@pytest.mark.parametrize("filler", [65_400, 131_000])
def test_a_deflated_object_is_whole_whatever_its_length(filler: int) -> None:
    names = b"".join(bytes.fromhex(tag) + b"UI\x04\x001.2\0" for tag in ("08001600", "08001800", "20000d00"))
    for length in range(filler, filler + 120, 2):
        plain = names + bytes.fromhex("420011004f420000") + length.to_bytes(4, "little") + bytes(length)
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        inspector = wholeness.Inspector("1.2.840.10008.1.2.1.99")
        inspector.feed(packer.compress(plain) + packer.flush())
        assert inspector.end() is None, length


def _is_torn(data: bytes) -> bool:
    """Whether a door refuses it for how it is written; without names it refuses what the engine names anew."""
    try:
        return len(data) > 150 and data[128:132] == b"DICM" and verdict(data) not in {"", "incomplete"}
    except deid.Rejected:
        return False


def _is_taken(data: bytes, key: bytes, trial: deid.ClinicalTrial) -> bool:
    try:
        deid.clean(data, key=key, trial=trial, policy=deid.Policy())
    except deid.Rejected:
        return False
    return True

"""What a browser cleaned is believed only where the engine, run once more, finds nothing left to do."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deid
from deid.burned.boxes import Box
from deid.burned.plain import blank_plain, record_of_boxes
from deid.descriptors import clean_text
from deid.elements import PIXEL_TAGS, Element, Item
from deid.engine import Engine, read_source
from deid.examples import Example, example
from deid.keyed import is_mapped_uid
from deid.model import Rejection
from deid.parser import EXPLICIT
from deid.person import Person
from deid.proof import Prover
from deid.writer import encode_file, encode_item
from tests.deid import mutants
from tests.deid.objects import everything

KEY = b"a key of one subject, of 32 bytes"
POLICIES = {
    "pixels": deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_PIXEL_DATA}),
    "every option": mutants.POLICY,
}
PIXELS = POLICIES["pixels"]


def cleaned(data: bytes, trial: deid.ClinicalTrial, policy: deid.Policy) -> bytes | None:
    try:
        return deid.clean(data, key=KEY, trial=trial, policy=policy).data
    except deid.Rejected:
        return None


@pytest.mark.req("R-PAGE-03")
@pytest.mark.parametrize("policy", POLICIES)
def test_whatever_the_engine_made_comes_out_of_a_second_run_byte_by_byte(
    policy: str, trial: deid.ClinicalTrial
) -> None:
    prover, count = Prover(trial=trial, policy=POLICIES[policy]), 0
    for name, data in everything().items():
        made = cleaned(data, trial, POLICIES[policy])
        if made is not None:
            assert prover.prove(made).data == made, name
            count += 1
    assert count > 160


def written_again(data: bytes, change: Callable[[Item], Item]) -> bytes:
    """Write a cleaned native object with a changed data set, in the form the engine writes."""
    source = read_source(data)
    item = change({tag: replace(each, raw=b"") for tag, each in source.item.items()})
    pixels = next((item[tag] for tag in PIXEL_TAGS if tag in item), None)
    parts = encode_file(item, header=encode_item(item), transfer_syntax=EXPLICIT, pixels=pixels)
    return b"".join(part for part in parts if isinstance(part, (bytes, memoryview)))


PLANTS = {
    "name": Element(0x00100010, "PN", b"ZWEISTEIN^ALBA"),
    "number": Element(0x00100020, "LO", b"QX99871345"),
    "birth date": Element(0x00100030, "DA", b"19470211"),
    "comment": Element(0x00104000, "LT", b"Zweistein, Alba"),
    "hospital": Element(0x00080080, "LO", b"Hospital Inventado"),
    "accession": Element(0x00080050, "SH", b"ACC4711"),
    "study as sent": Element(0x0020000D, "UI", b"1.2.826.0.1.3680043.10.1500.1.1"),
    "UID of our arc that nobody mapped": Element(0x00080018, "UI", b"2.25.123456789012345678901234567890"),
    "private creator": Element(0x00290010, "LO", b"EXAMPLE WORKSTATION"),
    "description": Element(0x0008103E, "LO", b"CHEST of Zweistein"),
    "nested": Element(
        0x00081140, "SQ", items=({0x00081155: Element(0x00081155, "UI", b"1.2.826.0.1.3680043.10.1500.7")},)
    ),
    "another subject": Element(0x00120040, "LO", b"ACME-1002-008"),
    "another sponsor": Element(0x00120010, "LO", b"Zweistein"),
    "another method": Element(0x00120063, "LO", b"by hand, for Zweistein"),
    "not removed": Element(0x00120062, "CS", b"NO"),
    "behind the pixels": Element(0xFFFCFFFC, "OB", b"Zweistein Alba  "),
}


@pytest.mark.req("R-PAGE-04")
@pytest.mark.parametrize("plant", PLANTS)
def test_anything_planted_into_a_cleaned_object_is_refused(plant: str, trial: deid.ClinicalTrial) -> None:
    made = cleaned(example(Example.PT), trial, PIXELS)
    assert made is not None
    prover = Prover(trial=trial, policy=PIXELS)
    # The form itself is no change.
    assert prover.prove(written_again(made, lambda item: item)).data == made
    with pytest.raises(deid.Rejected):
        prover.prove(written_again(made, lambda item: item | {PLANTS[plant].tag: PLANTS[plant]}))


@pytest.mark.req("R-PAGE-04")
def test_an_object_as_the_scanner_made_it_or_of_another_subject_or_of_other_rules_is_not_proven(
    trial: deid.ClinicalTrial,
) -> None:
    made = cleaned(example(Example.CT), trial, PIXELS)
    assert made is not None
    others = [
        (Prover(trial=trial, policy=PIXELS), example(Example.CT)),
        (Prover(trial=replace(trial, subject_code="ACME-1002-008"), policy=PIXELS), made),
        (Prover(trial=trial, policy=replace(PIXELS, version=2)), made),
        (Prover(trial=trial, policy=PIXELS), made[:20] + b"Zweistein" + made[29:]),
    ]
    for prover, data in others:
        with pytest.raises(deid.Rejected) as refused:
            prover.prove(data)
        assert refused.value.code == Rejection.NOT_PROVEN


@pytest.mark.req("R-PAGE-04")
def test_boxes_are_proven_to_be_blank(trial: deid.ClinicalTrial) -> None:
    boxes = (Box(1, 1, 4, 3),)
    source = read_source(example(Example.CT))
    engine = Engine(key=KEY, trial=trial, policy=PIXELS)
    made = engine.clean_source(blank_plain(source, boxes), record_of_boxes(source, boxes)).data
    prover = Prover(trial=trial, policy=PIXELS)
    assert prover.prove(made, boxes=boxes).pixels == record_of_boxes(source, boxes)
    for claimed in ((), (Box(1, 1, 5, 3),), (*boxes, Box(6, 6, 7, 7))):
        with pytest.raises(deid.Rejected):
            prover.prove(made, boxes=claimed)


@pytest.mark.req("R-PAGE-03")
@given(text=st.text(alphabet="axCHESTct 0123456789-./(),:_ä", max_size=60))
def test_a_description_that_was_cleaned_stays_as_it_is(text: str) -> None:
    nobody = Person(words=frozenset(), numbers=frozenset())
    kept, _ = clean_text(text, person=nobody)
    assert clean_text(kept, person=nobody) == (kept, "")


@pytest.mark.req("R-PAGE-04")
@given(key=st.binary(min_size=32, max_size=32), uid=st.from_regex(r"1(\.[1-9][0-9]{0,8}){2,5}", fullmatch=True))
def test_a_mapped_uid_is_known_and_one_as_sent_is_not(key: bytes, uid: str) -> None:
    assert is_mapped_uid(deid.map_uid(key, uid))
    assert not is_mapped_uid(uid)

"""The desk in the browser's worker: what it tells on the screen, what it cleans, and what it hands on to people."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deid
from benchmarks.burned import to_dataset
from deid.burned.blanking import blank
from deid.burned.boxes import Box
from deid.burned.plain import blank_plain
from deid.burned.raster import open_raster
from deid.elements import Element
from deid.engine import read_source
from deid.examples import Example, example
from deid.page.bridge import Bridge
from deid.pixels import PIXEL_DATA
from deid.profile import Profile
from imaging.claims import read_claim
from tests.deid import pictures
from tests.deid.objects import BUNDLED

KEY, COMMON_KEY = b"a key of one subject, of 32 bytes", b"a key of their site, of 32 bytes"
PROFILE = Profile(policy=deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_PIXEL_DATA}))


@dataclass(frozen=True)
class Given:
    """Bytes as Pyodide shows an array of the browser."""

    data: bytes

    def to_bytes(self) -> bytes:
        return self.data


def keys_of(trial: deid.ClinicalTrial) -> dict[str, Any]:
    return {
        "key": KEY.hex(),
        "common_key": COMMON_KEY.hex(),
        "trial": asdict(trial),
        "profile": PROFILE.told,
        "policy": PROFILE.policy.digest,
        "engine": deid.engine_version(),
    }


@pytest.fixture
def bridge(trial: deid.ClinicalTrial) -> Bridge:
    bridge = Bridge()
    assert bridge.open(json.dumps(keys_of(trial))).told == {"is": "open"}
    return bridge


def ultrasound() -> bytes:
    return pictures.encoded(to_dataset(pictures.frame_of()))


@pytest.mark.req("R-PAGE-05")
def test_a_file_is_cleaned_as_the_engine_does_and_claims_nothing_that_names_a_person(
    bridge: Bridge, trial: deid.ClinicalTrial
) -> None:
    answer = bridge.clean(Given(example(Example.CT)), "[]")
    made = deid.clean(example(Example.CT), key=KEY, trial=trial, policy=PROFILE.policy)
    assert (answer.told["is"], answer.data, answer.told["sha256"]) == ("cleaned", made.data, made.sha256)
    claim = read_claim(answer.told["claim"])
    assert claim.policy == PROFILE.policy.digest
    assert (claim.tokens, claim.common_tokens) == deid.identify_by(example(Example.CT), keys=(KEY, COMMON_KEY))
    assert not [word for word in ("Example", "4711", "1931") if word in answer.text]


@pytest.mark.req("R-PAGE-05")
def test_the_screen_is_told_whose_scan_it_is_from_its_first_bytes(bridge: Bridge) -> None:
    whole = example(Example.CT)
    told = bridge.read(Given(whole), len(whole)).told
    assert (told["kind"], told["head"]["patient_name"]) == ("image", "Example^Eva Maria")
    assert (told["head"]["rows"], told["head"]["is_native"]) == (8, True)
    assert bridge.read(Given(whole[:300]), len(whole)).told == {"is": "more"}
    assert bridge.read(Given(b"PK\x03\x04 and so on"), 15).told["kind"] == "archive"
    assert bridge.read(Given(b"a letter"), 8).told["kind"] == "other"


@pytest.mark.req("R-PAGE-06")
def test_a_tar_packed_or_not_is_for_the_encrypted_intake_and_another_packed_file_is_not(bridge: Bridge) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        made.addfile(tarfile.TarInfo("1.dcm"), io.BytesIO())
    tar = buffer.getvalue()
    told = [
        bridge.read(Given(data), len(data)).told["kind"] for data in (tar, gzip.compress(tar), gzip.compress(tar)[:200])
    ]
    assert told == ["packed"] * 3
    others = (gzip.compress(b"a letter" * 100), b"\x1f\x8b and no more")
    assert [bridge.read(Given(data), len(data)).told["kind"] for data in others] == ["other", "other"]


@pytest.mark.req("R-PAGE-05")
def test_every_attribute_is_explained_before_and_after(bridge: Bridge) -> None:
    rows = {row["name"]: row for row in bridge.explain(Given(example(Example.CT))).told["rows"]}
    name = rows["Patient's Name"]
    assert (name["before"], name["after"]) == ("Example^Eva Maria", "ACME-1002-007")
    assert (rows["Patient's Address"]["after"], rows["Patient's Address"]["deed"]) == ("", "removed")
    assert rows["De-identification Method Code Sequence"]["deed"] == "added"


@pytest.mark.req("R-PAGE-05")
def test_the_screen_is_told_beforehand_which_pictures_a_person_must_look_at(bridge: Bridge) -> None:
    assert bridge.explain(Given(example(Example.CT))).told["sealed"] == ""
    told = bridge.explain(Given(ultrasound())).told
    assert (told["is"], told["sealed"], len(told["rows"]) > 10) == ("explained", "pixels", True)
    face = to_dataset(pictures.frame_of())
    face.RecognizableVisualFeatures = "YES"
    assert bridge.explain(Given(pictures.encoded(face))).told == {"is": "sealed", "why": "faces"}


@pytest.mark.req("R-PAGE-06")
def test_a_picture_that_may_show_text_is_sealed_until_boxes_are_drawn(bridge: Bridge) -> None:
    assert bridge.clean(Given(ultrasound()), "[]").told == {"is": "sealed", "why": "pixels"}
    answer = bridge.clean(Given(ultrasound()), json.dumps([{"x": 0, "y": 0, "width": 640, "height": 60}]))
    assert answer.told["is"] == "cleaned"
    assert answer.told["claim"]["boxes"] == [[0, 0, 640, 60]]


@pytest.mark.req("R-PAGE-06")
@pytest.mark.parametrize("name", ["JPEG2000.dcm", "examples_jpeg2k.dcm"])
def test_no_box_is_drawn_into_a_compressed_picture(bridge: Bridge, name: str) -> None:
    box = json.dumps([{"x": 0, "y": 0, "width": 5, "height": 5}])
    assert bridge.clean(Given(BUNDLED[name].read_bytes()), box).told == {"is": "sealed", "why": "compressed"}


@pytest.mark.req("R-PAGE-05")
def test_nothing_is_cleaned_without_an_order_or_with_one_for_another_engine(trial: deid.ClinicalTrial) -> None:
    bridge = Bridge()
    assert bridge.clean(Given(example(Example.CT)), "[]").told == {"is": "unable", "why": "no-keys"}
    assert bridge.open("{}").told == {"is": "unable", "why": "no-keys"}
    other = json.dumps(keys_of(trial) | {"engine": "0.0.1"})
    assert bridge.open(other).told == {"is": "unable", "why": "other-engine"}


@pytest.mark.req("R-PAGE-05")
def test_a_refusal_is_told_in_the_words_of_the_engine(bridge: Bridge) -> None:
    told = bridge.clean(Given(b"a letter to nobody"), "[]").told
    assert (told["is"], told["code"]) == ("refused", "not-dicom")
    assert "not a DICOM file" in told["sentence"]


def archive(members: dict[str, bytes], *, packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return buffer.getvalue()


def unpacked(bridge: Bridge, data: bytes) -> dict[str, Any]:
    return bridge.unpack(len(data), lambda start, end: Given(data[start:end])).told


@pytest.mark.req("R-PAGE-06")
def test_members_of_an_archive_are_read_one_by_one_and_a_bomb_never(bridge: Bridge) -> None:
    whole = archive({"a/1.dcm": example(Example.CT), "a/": b"", "__MACOSX/1": b"beside", "2.dcm": b"two"})
    members = unpacked(bridge, whole)["members"]
    assert [each["size"] for each in members] == [len(example(Example.CT)), 3]
    assert bridge.member(members[0]["member"], 1 << 20).data == example(Example.CT)
    assert bridge.member(members[0]["member"], 10).data == example(Example.CT)[:10]
    assert bridge.member(99, 10).told == {"is": "sealed", "why": "damaged"}
    assert unpacked(bridge, archive({"bomb": bytes(32 << 20)}))["refused"] == "strange"
    assert unpacked(bridge, whole[: len(whole) // 2])["refused"] == "damaged"
    damaged = archive({"1": b"plain" * 100}, packed=zipfile.ZIP_STORED).replace(b"plainplain", b"plainPLAIN", 1)
    assert unpacked(bridge, damaged)["members"]
    assert bridge.member(0, 1 << 20).told == {"is": "sealed", "why": "damaged"}
    assert bridge.pour(0, lambda _part: None).told == {"is": "sealed", "why": "damaged"}


@pytest.mark.req("R-PAGE-06")
def test_what_lies_in_an_archive_is_handed_on_as_it_is_part_by_part(bridge: Bridge) -> None:
    long, parts = b"slice" * (2 << 20), list[bytes]()
    assert bridge.pour(0, parts.append).told == {"is": "sealed", "why": "archive"}
    unpacked(bridge, archive({"1": b"first", "2": long}, packed=zipfile.ZIP_STORED))
    assert bridge.pour(1, parts.append).told == {"is": "original"}
    assert (len(parts), b"".join(parts) == long) == (2, True)
    assert bridge.pour(9, parts.append).told == {"is": "sealed", "why": "damaged"}


@pytest.mark.req("R-PAGE-05")
def test_a_small_picture_is_drawn_of_native_frames_alone(bridge: Bridge) -> None:
    answer = bridge.thumb(Given(example(Example.CT)), 96)
    assert (answer.told["width"], answer.told["height"], len(answer.data)) == (8, 8, 256)
    assert answer.data[3::4] == b"\xff" * 64
    assert list(answer.data[::4]) == sorted(answer.data[::4])
    assert bridge.thumb(Given(b"no picture"), 96).told["width"] == 0


KINDS = [
    ("MONOCHROME2", 8, 8, 0, 0, 1),
    ("MONOCHROME1", 16, 12, 0, 0, 1),
    ("MONOCHROME2", 16, 16, 1, 0, 1),
    ("RGB", 8, 8, 0, 0, 3),
    ("RGB", 8, 8, 0, 1, 3),
    ("YBR_FULL", 8, 8, 0, 0, 3),
    ("YBR_FULL", 8, 8, 0, 1, 3),
    ("YBR_FULL_422", 8, 8, 0, 0, 3),
    ("PALETTE COLOR", 8, 8, 0, 0, 1),
]
_edge = st.integers(0, 15)
_boxes = st.lists(st.builds(lambda x, y, w, h: Box(x, y, x + w + 1, y + h + 1), _edge, _edge, _edge, _edge), max_size=4)


@pytest.mark.req("R-PAGE-07")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}-{kind[4]}")
@settings(max_examples=25, deadline=None)
@given(boxes=_boxes, seed=st.integers(0, 1000))
def test_boxes_are_blanked_with_plain_bytes_as_with_numpy(
    kind: tuple[str, int, int, int, int, int], boxes: list[Box], seed: int
) -> None:
    photometric, allocated, stored, signed, planar, samples = kind
    rows, columns, frames = 10, 12, 2
    dice = np.random.default_rng(seed)
    size = rows * columns * frames * (2 if photometric == "YBR_FULL_422" else samples)
    pixels = dice.integers(0, 1 << stored, size, dtype=np.uint16).astype(f"<u{allocated // 8}").tobytes()
    numbers = {
        0x00280002: samples, 0x00280006: planar, 0x00280010: rows, 0x00280011: columns, 0x00280100: allocated,
        0x00280101: stored, 0x00280102: stored - 1, 0x00280103: signed,
    }  # fmt: skip
    item = {tag: Element(tag, "US", struct.pack("<H", number)) for tag, number in numbers.items()}
    item[0x00280004] = Element(0x00280004, "CS", photometric.encode())
    item[0x00280008] = Element(0x00280008, "IS", str(frames).encode())
    item[0x00281101] = Element(0x00281101, "US", struct.pack("<3H", 256, 0, 16))
    for tag in (0x00281201, 0x00281202, 0x00281203):
        item[tag] = Element(tag, "OW", dice.integers(0, 1 << 16, 256, dtype=np.uint16).tobytes())
    source = read_source(example(Example.CT))
    source.item.update(item | {PIXEL_DATA: Element(PIXEL_DATA, "OW", pixels)})
    plain = bytes(blank_plain(source, boxes).item[PIXEL_DATA].value)
    assert plain == bytes(blank(open_raster(source), source, tuple(boxes)).source.item[PIXEL_DATA].value)

"""What a header alone tells of a picture: its clinical area, and the banner of a known device."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from benchmarks.burned import add_pixels, to_dataset
from deid.burned import signatures
from deid.burned.boxes import FIRM, Ground
from deid.burned.doubts import Doubt
from deid.burned.regions import outside_regions
from deid.burned.treatment import treat
from deid.risk import Look
from tests.deid.pictures import Scripted, eyes_of, frame_of, source_of


@pytest.mark.req("R-PIX-05")
def test_only_the_clinical_area_of_an_ultrasound_stays_on_every_frame() -> None:
    dataset = to_dataset(frame_of())
    loop = np.random.default_rng(1).integers(1, 255, (3, 480, 640), dtype=np.uint8)
    add_pixels(dataset, loop[0])
    dataset.NumberOfFrames, dataset.PixelData = 3, loop.tobytes()
    dataset.SequenceOfUltrasoundRegions = Sequence([_region(100, 60, 539, 399), _region(300, 350, 600, 450)])
    source = source_of(dataset)
    treated = treat(source, who=Look.MACHINE, eyes=eyes_of(source, Scripted()))
    after = np.frombuffer(bytes(treated.source.item[0x7FE00010].value), np.uint8).reshape(3, 480, 640)
    stays = np.zeros((480, 640), bool)
    stays[60:400, 100:540] = True
    stays[350:451, 300:601] = True
    assert np.array_equal(after[:, stays], loop[:, stays])
    assert len(np.unique(after[:, ~stays])) == 1
    assert treated.is_certain
    assert treated.record.grounds == (Ground.REGION,)


def _region(left: int, top: int, right: int, bottom: int, *, kind: int = 1) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = kind, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = left, top
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = right, bottom
    return region


@pytest.mark.req("R-PIX-05")
@pytest.mark.parametrize(
    "regions",
    [
        [],
        [_region(0, 0, 20, 20)],
        [_region(0, 0, 900, 400)],
        [_region(50, 50, 40, 400)],
        [_region(0, 0, 600, 400, kind=5)],
    ],
    ids=["none", "a speck", "outside", "inverted", "graphics"],
)
def test_a_clinical_area_that_cannot_be_true_blanks_nothing(regions: list[Dataset]) -> None:
    dataset = to_dataset(frame_of())
    dataset.SequenceOfUltrasoundRegions = Sequence(regions)
    assert outside_regions(source_of(dataset).item, rows=480, columns=640) is None


@pytest.mark.req("R-PIX-06")
def test_a_known_device_is_recognised_only_when_every_stated_fact_matches() -> None:
    dataset = to_dataset(frame_of())
    dataset.Manufacturer, dataset.ManufacturerModelName = "CORELAB ", "Phantom US 1"
    dataset.Rows, dataset.Columns = 480, 640
    known = signatures.match(source_of(dataset).item)
    assert known is not None
    assert known.id == "corelab-phantom-us-640x480"
    for name, value in (("Manufacturer", "Corelab 2"), ("Rows", 481), ("Modality", "CR")):
        other = Dataset(dataset)
        other.file_meta = dataset.file_meta
        setattr(other, name, value)
        assert signatures.match(source_of(other).item) is None, name


@pytest.mark.req("R-PIX-06")
def test_a_file_of_signatures_with_a_fault_is_not_read() -> None:
    entry = {"id": "a-b", "example": True, "source": "s", "reviewed": "r", "boxes": [[0, 0, 5, 5]]}
    facts = {"modality": "US", "sop_class": "1.2", "manufacturer": "m", "model": "n", "rows": 10, "columns": 10}
    good = {"version": 1, "signatures": [entry | {"facts": facts}]}
    assert [each.id for each in signatures.read(good)] == ["a-b"]
    broken: list[dict[str, Any]] = [
        {"id": "A b"}, {"reviewed": ""}, {"example": "no"}, {"boxes": [[0, 0, 11, 5]]}, {"boxes": []},
        {"facts": facts | {"rows": "10"}}, {"facts": facts | {"colour": "red"}}, {"facts": {"modality": "US"}},
    ]  # fmt: skip
    for change in broken:
        faults = signatures.lint({"version": 1, "signatures": [entry | {"facts": facts} | change]})
        assert len(faults) >= 1, change
    assert signatures.lint({"version": 1, "signatures": [entry | {"facts": facts}] * 2}) == (
        "a-b: this id stands twice.",
    )
    with pytest.raises(ValueError, match="inside the picture"):
        signatures.read({"version": 1, "signatures": [entry | {"facts": facts, "boxes": []}]})
    assert all(each.is_example or each.is_published for each in signatures.signatures())


@pytest.mark.req("R-PIX-17")
def test_what_others_published_of_a_device_is_blanked_and_proves_nothing() -> None:
    dataset = to_dataset(frame_of())
    dataset.Manufacturer, dataset.ManufacturerModelName = "ACUSON", "SEQUOIA 512"
    before = np.random.default_rng(1).integers(1, 255, (480, 640), dtype=np.uint8)
    add_pixels(dataset, before)
    source = source_of(dataset)
    assert signatures.match(source.item) is None
    treated = treat(source, who=Look.MACHINE, eyes=eyes_of(source, Scripted()))
    after = np.frombuffer(bytes(treated.source.item[0x7FE00010].value), np.uint8).reshape(480, 640)
    assert len(np.unique(after[:30])) == 1
    assert np.array_equal(after[30:], before[30:])
    assert treated.record.grounds == (Ground.PUBLISHED,)
    # Nobody here has seen such a picture: a person looks, and may take the box back.
    assert treated.doubts == (Doubt.NOTHING_FOUND,)
    assert Ground.PUBLISHED not in FIRM


@pytest.mark.req("R-PIX-17")
def test_each_signature_says_where_it_is_from_and_none_pretends_to_have_been_seen() -> None:
    known = json.loads(Path(signatures.__file__).parents[1].joinpath("data", signatures.FILE).read_text())
    assert signatures.lint(known) == ()
    for entry in known["signatures"]:
        assert entry["example"] is not entry.get("published", False)
        assert entry["example"] or "no picture of this device was seen" in entry["reviewed"]

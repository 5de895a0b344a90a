"""Burned-in text: what is found, what is certain, and what must wait for a person."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.pixels import pixel_array
from pydicom.sequence import Sequence

import deid
from benchmarks.burned import Frame, add_pixels, make_frames, to_dataset
from benchmarks.pixels import score
from deid.__main__ import main
from deid.burned import signatures
from deid.burned.boxes import Box, Ground
from deid.burned.cleaning import Clerk, Waiting
from deid.burned.looking import Eyes, is_seed
from deid.burned.raster import Picture
from deid.burned.reader import Sighting, rapid_reader
from deid.burned.regions import outside_regions
from deid.burned.treatment import Doubt, treat, treat_by_person
from deid.elements import Source
from deid.engine import read_source
from deid.person import Person, person_of
from deid.risk import Look
from tests.deid import builders

POLICY = deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_PIXEL_DATA})
PERSON = Person(words=frozenset({"novak", "jan", "nj"}), numbers=frozenset({"4711082"}))


class Scripted:
    """A reader that knows beforehand what it will say, look by look; then nothing."""

    def __init__(self, *looks: tuple[Sighting, ...]) -> None:
        self.looks, self.seen = list(looks), 0

    def find(self, picture: Picture) -> tuple[Sighting, ...]:
        self.seen += 1
        return self.looks.pop(0) if self.looks else ()


def _bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _frame(kind: str = "US") -> Frame:
    return next(each for each in make_frames(3, seed=11) if each.kind == kind)


def _grain() -> Frame:
    """A frame that shows as much at full range as clipped, so that each look is one reading."""
    return replace(_frame(), picture=np.random.default_rng(2).integers(0, 255, (480, 640), dtype=np.uint8))


def _source(dataset: Dataset) -> Source:
    return read_source(_bytes(dataset))


def _seen(text: str, confidence: float, box: Box | None = None) -> Sighting:
    return Sighting(box or Box(20, 20, 90, 34, Ground.TEXT), text, confidence)


def _eyes(source: Source, reader: Any, **more: Any) -> Eyes:
    return Eyes(reader=reader, person=person_of(source.item), **more)


@pytest.mark.req("R-PIX-04")
def test_of_a_small_generated_set_at_least_98_percent_is_hidden_and_nothing_doubtful_goes_on() -> None:
    told = score(make_frames(9, seed=3))
    assert told.share >= 0.98, told.hidden
    assert told.leaks == []
    assert told.verdicts["clean"] >= 4, told.verdicts


@pytest.mark.req("R-PIX-05")
def test_only_the_clinical_area_of_an_ultrasound_stays_on_every_frame() -> None:
    dataset = to_dataset(_frame())
    loop = np.random.default_rng(1).integers(1, 255, (3, 480, 640), dtype=np.uint8)
    add_pixels(dataset, loop[0])
    dataset.NumberOfFrames, dataset.PixelData = 3, loop.tobytes()
    dataset.SequenceOfUltrasoundRegions = Sequence([_region(100, 60, 539, 399), _region(300, 350, 600, 450)])
    source = _source(dataset)
    treated = treat(source, who=Look.MACHINE, eyes=_eyes(source, Scripted()))
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
    dataset = to_dataset(_frame())
    dataset.SequenceOfUltrasoundRegions = Sequence(regions)
    assert outside_regions(_source(dataset).item, rows=480, columns=640) is None


@pytest.mark.req("R-PIX-06")
def test_a_known_device_is_recognised_only_when_every_stated_fact_matches() -> None:
    dataset = to_dataset(_frame())
    dataset.Manufacturer, dataset.ManufacturerModelName = "CORELAB ", "Phantom US 1"
    dataset.Rows, dataset.Columns = 480, 640
    known = signatures.match(_source(dataset).item)
    assert known is not None
    assert known.id == "corelab-phantom-us-640x480"
    for name, value in (("Manufacturer", "Corelab 2"), ("Rows", 481), ("Modality", "CR")):
        other = Dataset(dataset)
        other.file_meta = dataset.file_meta
        setattr(other, name, value)
        assert signatures.match(_source(other).item) is None, name


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
    assert all(each.is_example for each in signatures.signatures())


@pytest.mark.req("R-PIX-07")
@pytest.mark.parametrize("text", ["NOVAK, JAN", "Dr.NOVAKJAN 3", "N0VAK", "ID 471-1082", "id 4711O82"])
def test_a_word_of_the_header_is_known_however_it_was_read(text: str) -> None:
    assert is_seed(text, PERSON)


@pytest.mark.req("R-PIX-07")
@pytest.mark.parametrize("text", ["LIVER RT", "12 cm", "JANUARY"[:2], "47", "GAIN NJ"])
def test_other_words_are_no_seeds(text: str) -> None:
    assert not is_seed(text, PERSON)


@pytest.mark.req("R-PIX-07")
def test_words_the_trial_keeps_stay_unless_they_are_the_persons_own() -> None:
    source = _source(to_dataset(replace(_frame(), name="LEFT^JAN")))
    found = (
        _seen("RIGHT", 0.99),
        _seen("LEFT", 0.99, Box(200, 20, 260, 34)),
        _seen("RIGHT", 0.7, Box(20, 200, 90, 214)),
    )
    eyes = _eyes(source, Scripted(found), keeps=frozenset({"right", "left"}))
    treated = treat(source, who=Look.MACHINE, eyes=eyes)
    assert [(box.left + box.right) // 2 // 20 for box in treated.record.boxes] == [2, 11]
    assert [box.ground for box in treated.record.boxes] == [Ground.TEXT, Ground.SEED]


@pytest.mark.req("R-PIX-08")
@pytest.mark.parametrize(
    ("looks", "who", "doubts"),
    [
        ([(_seen("SOMEBODY", 0.95),)], Look.MACHINE, ()),
        ([], Look.MACHINE, (Doubt.NOTHING_FOUND,)),
        ([(_seen("SOMEBODY", 0.95), _seen("", 0.1, Box(200, 20, 260, 34)))], Look.MACHINE, (Doubt.FAINT,)),
        (
            [(_seen("SOMEBODY", 0.95),), (_seen("MORE", 0.9, Box(200, 20, 260, 34)),)],
            Look.MACHINE,
            (Doubt.STILL_THERE,),
        ),
        ([(_seen("SOMEBODY", 0.95),)], Look.PERSON, (Doubt.ONLY_A_PERSON,)),
    ],
    ids=["certain", "nothing found", "faint", "still there", "a photograph"],
)
def test_whatever_is_not_certain_waits_for_a_person(looks: Any, who: Look, doubts: tuple[Doubt, ...]) -> None:
    source = _source(to_dataset(_grain()))
    treated = treat(source, who=who, eyes=_eyes(source, Scripted(*looks)))
    assert treated.doubts == doubts
    assert treated.is_certain is (not doubts)


@pytest.mark.req("R-PIX-08")
def test_what_a_person_decided_goes_on_unless_a_name_is_still_read() -> None:
    source = _source(to_dataset(replace(_frame(), name="NOVAK^JAN")))
    kept = treat_by_person(source, boxes=[], eyes=_eyes(source, Scripted((_seen("LIVER", 0.99),))))
    assert kept.is_certain
    assert kept.record.is_confirmed
    assert kept.record.codes == ("113101",)
    left = treat_by_person(source, boxes=[Box(1, 1, 9, 9)], eyes=_eyes(source, Scripted((_seen("N0VAK", 0.4),))))
    assert left.doubts == (Doubt.NAME_LEFT,)
    assert Ground.SEED in left.record.grounds
    assert not left.record.is_confirmed


@pytest.mark.req("R-PIX-09")
def test_a_long_loop_is_read_only_where_it_changes() -> None:
    loop = np.stack([_grain().picture] * 40)
    loop[20, 40:60, 500:600] = 255
    dataset = to_dataset(_grain())
    dataset.NumberOfFrames, dataset.PixelData = 40, loop.tobytes()
    reader, ticks = Scripted((_seen("SOMEBODY", 0.95),)), []
    source = _source(dataset)
    treat(source, who=Look.MACHINE, eyes=_eyes(source, reader, tick=lambda: ticks.append(1)))
    assert reader.seen == 2 + 2 * 5  # each new part once, then five frames, plain and softened
    assert len(ticks) >= 40


@pytest.mark.req("R-PIX-09")
def test_a_name_on_one_frame_of_many_is_hidden_on_all() -> None:
    dataset = to_dataset(_frame())
    quiet = np.full((4, 200, 320), 30, np.uint8)
    word = next(each for each in make_frames(1, seed=5))
    left, top, right, bottom = word.planted[0].ink
    patch = word.picture[max(top - 4, 0) : bottom + 4, max(left - 4, 0) : right + 4][:60, :300]
    quiet[2, 100 : 100 + patch.shape[0], 10 : 10 + patch.shape[1]] = patch
    add_pixels(dataset, quiet[0])
    dataset.NumberOfFrames, dataset.PixelData = 4, quiet.tobytes()
    dataset.PatientName = word.name
    source = _source(dataset)
    treated = treat(source, who=Look.MACHINE, eyes=_eyes(source, rapid_reader()))
    assert treated.record.boxes
    after = np.frombuffer(bytes(treated.source.item[0x7FE00010].value), np.uint8).reshape(4, 200, 320)
    assert len(np.unique(after[2])) < len(np.unique(quiet[2]))
    assert treated.record.frames == 4


@pytest.mark.req("R-PIX-10")
def test_a_cleaned_screen_capture_tells_what_was_done(key: bytes, trial: deid.ClinicalTrial) -> None:
    frame = _frame("SC")
    clerk = Clerk(key=key, trial=trial, policy=POLICY, reader=lambda: Scripted((_seen(frame.name, 0.99),)))
    cleaned = clerk.clean(_source(to_dataset(frame)))
    assert isinstance(cleaned, deid.Cleaned)
    assert cleaned.pixels is not None
    assert cleaned.pixels.told["codes"] == ["113101"]
    after = builders.read(cleaned.data)
    assert after.BurnedInAnnotation == "NO"
    assert "rectangles" in after.DerivationDescription
    assert frame.name.split("^")[0].encode() not in cleaned.data
    assert (pixel_array(after)[20:34, 20:90] == pixel_array(after)[20, 20]).all()


@pytest.mark.req("R-PIX-10")
def test_without_the_option_an_object_at_risk_is_refused_as_before(key: bytes, trial: deid.ClinicalTrial) -> None:
    clerk = Clerk(key=key, trial=trial, policy=deid.Policy(), reader=Scripted)
    with pytest.raises(deid.Rejected) as refused:
        clerk.clean(_source(to_dataset(_frame())))
    assert refused.value.code == "pixels-need-review"
    waiting = Clerk(key=key, trial=trial, policy=POLICY, reader=Scripted).clean(_source(to_dataset(_frame())))
    assert isinstance(waiting, Waiting)


@pytest.mark.req("R-PIX-10")
def test_an_object_without_risk_is_neither_looked_at_nor_claimed(key: bytes, trial: deid.ClinicalTrial) -> None:
    reader = Scripted()
    cleaned = Clerk(key=key, trial=trial, policy=POLICY, reader=lambda: reader).clean(_source(builders.ct()))
    assert isinstance(cleaned, deid.Cleaned)
    assert (reader.seen, cleaned.pixels) == (0, None)
    assert "113101" not in cleaned.method_codes


@pytest.mark.req("R-PIX-11")
def test_the_command_line_cleans_what_is_certain_and_refuses_the_rest(tmp_path: Path) -> None:
    source, destination, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.json"
    source.mkdir()
    frame = next(each for each in make_frames(3, seed=3) if each.kind == "CR")
    (source / "words.dcm").write_bytes(_bytes(to_dataset(frame)))
    blank = to_dataset(replace(frame, picture=np.full((200, 200), 9, np.uint8)))
    (source / "empty.dcm").write_bytes(_bytes(blank))
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    told = [
        str(source),
        str(destination),
        "--key-file",
        str(key),
        "--option",
        "clean-pixel-data",
        "--report",
        str(report),
    ]
    assert main(["clean", *told]) == 1
    files = {each["source"]: each for each in json.loads(report.read_text())["files"]}
    assert files["empty.dcm"]["code"] == "pixels-need-review"
    assert files["words.dcm"]["decision"] == "cleaned", files
    assert files["words.dcm"]["pixels"]["codes"] == ["113101"]
    assert "113101" in files["words.dcm"]["method_codes"]


@pytest.mark.req("R-PIX-11")
def test_the_engine_and_its_command_line_load_without_numpy_and_the_reader_only_when_asked() -> None:
    program = "import sys; sys.modules['numpy'] = None; import deid, deid.__main__"
    subprocess.run([sys.executable, "-c", program], check=True)
    program = "import sys, deid.burned.cleaning; assert not {'rapidocr_onnxruntime', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)

"""Burned-in text: what is found, what is certain, and what must wait for a person."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.pixels.utils import pixel_array

import deid
from benchmarks.burned import add_pixels, make_frames, to_dataset
from benchmarks.pixels import score
from deid.__main__ import main
from deid.burned.boxes import Box, Ground
from deid.burned.cleaning import Clerk
from deid.burned.doubts import Doubt, Waiting
from deid.burned.looking import is_seed
from deid.burned.reader import rapid_reader
from deid.burned.treatment import treat, treat_by_person
from deid.explain import explain
from deid.person import Person
from deid.risk import Look
from tests.deid import builders
from tests.deid.pictures import Scripted, encoded, eyes_of, frame_of, grain, seen, source_of

POLICY = deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_PIXEL_DATA})
PERSON = Person(words=frozenset({"novak", "jan", "nj"}), numbers=frozenset({"4711082"}))


@pytest.mark.req("R-PIX-04")
def test_of_a_small_generated_set_at_least_98_percent_is_hidden_and_nothing_doubtful_goes_on() -> None:
    told = score(make_frames(9, seed=3))
    assert told.share >= 0.98, told.hidden
    assert told.leaks == []
    assert told.verdicts["clean"] >= 4, told.verdicts


@pytest.mark.req("R-PIX-13")
def test_a_decision_of_yesterday_does_not_pass_rules_that_clean_no_pixels(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    clerk = Clerk(key=key, trial=trial, policy=deid.Policy(), reader=Scripted)
    with pytest.raises(deid.Rejected) as refused:
        clerk.clean_as_decided(source_of(to_dataset(frame_of())), boxes=[Box(1, 1, 9, 9)])
    assert refused.value.code == "pixels-need-review"


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
    source = source_of(to_dataset(replace(frame_of(), name="LEFT^JAN")))
    found = (
        seen("RIGHT", 0.99),
        seen("LEFT", 0.99, Box(200, 20, 260, 34)),
        seen("RIGHT", 0.7, Box(20, 200, 90, 214)),
    )
    eyes = eyes_of(source, Scripted(found), keeps=frozenset({"right", "left"}))
    treated = treat(source, who=Look.MACHINE, eyes=eyes)
    assert [(box.left + box.right) // 2 // 20 for box in treated.record.boxes] == [2, 11]
    assert [box.ground for box in treated.record.boxes] == [Ground.TEXT, Ground.SEED]


@pytest.mark.req("R-PIX-08")
@pytest.mark.parametrize(
    ("looks", "who", "doubts"),
    [
        ([(seen("SOMEBODY", 0.95),)], Look.MACHINE, ()),
        ([], Look.MACHINE, (Doubt.NOTHING_FOUND,)),
        ([(seen("SOMEBODY", 0.95), seen("", 0.1, Box(200, 20, 260, 34)))], Look.MACHINE, (Doubt.FAINT,)),
        (
            [(seen("SOMEBODY", 0.95),), (seen("MORE", 0.9, Box(200, 20, 260, 34)),)],
            Look.MACHINE,
            (Doubt.STILL_THERE,),
        ),
        ([(seen("SOMEBODY", 0.95),)], Look.PERSON, (Doubt.ONLY_A_PERSON,)),
    ],
    ids=["certain", "nothing found", "faint", "still there", "a photograph"],
)
def test_whatever_is_not_certain_waits_for_a_person(looks: Any, who: Look, doubts: tuple[Doubt, ...]) -> None:
    source = source_of(to_dataset(grain()))
    treated = treat(source, who=who, eyes=eyes_of(source, Scripted(*looks)))
    assert treated.doubts == doubts
    assert treated.is_certain is (not doubts)


@pytest.mark.req("R-PIX-08")
def test_what_a_person_decided_goes_on_unless_a_name_is_still_read() -> None:
    source = source_of(to_dataset(replace(frame_of(), name="NOVAK^JAN")))
    kept = treat_by_person(source, boxes=[], eyes=eyes_of(source, Scripted((seen("LIVER", 0.99),))))
    assert kept.is_certain
    assert kept.record.is_confirmed
    assert kept.record.codes == ("113101",)
    left = treat_by_person(source, boxes=[Box(1, 1, 9, 9)], eyes=eyes_of(source, Scripted((seen("N0VAK", 0.4),))))
    assert left.doubts == (Doubt.NAME_LEFT,)
    assert Ground.SEED in left.record.grounds
    assert not left.record.is_confirmed


@pytest.mark.req("R-PIX-09")
def test_a_long_loop_is_read_only_where_it_changes() -> None:
    loop = np.stack([grain().picture] * 40)
    loop[20, 40:60, 500:600] = 255
    dataset = to_dataset(grain())
    dataset.NumberOfFrames, dataset.PixelData = 40, loop.tobytes()
    reader, ticks = Scripted((seen("SOMEBODY", 0.95),)), []
    source = source_of(dataset)
    treat(source, who=Look.MACHINE, eyes=eyes_of(source, reader, tick=lambda: ticks.append(1)))
    assert reader.seen == 2 + 2 * 5  # each new part once, then five frames, plain and softened
    assert len(ticks) >= 40


@pytest.mark.req("R-PIX-09")
def test_a_name_on_one_frame_of_many_is_hidden_on_all() -> None:
    dataset = to_dataset(frame_of())
    quiet = np.full((4, 200, 320), 30, np.uint8)
    word = next(each for each in make_frames(1, seed=5))
    left, top, right, bottom = word.planted[0].ink
    patch = word.picture[max(top - 4, 0) : bottom + 4, max(left - 4, 0) : right + 4][:60, :300]
    quiet[2, 100 : 100 + patch.shape[0], 10 : 10 + patch.shape[1]] = patch
    add_pixels(dataset, quiet[0])
    dataset.NumberOfFrames, dataset.PixelData = 4, quiet.tobytes()
    dataset.PatientName = word.name
    source = source_of(dataset)
    treated = treat(source, who=Look.MACHINE, eyes=eyes_of(source, rapid_reader()))
    assert treated.record.boxes
    after = np.frombuffer(bytes(treated.source.item[0x7FE00010].value), np.uint8).reshape(4, 200, 320)
    assert len(np.unique(after[2])) < len(np.unique(quiet[2]))
    assert treated.record.frames == 4


@pytest.mark.req("R-PIX-10")
def test_a_cleaned_screen_capture_tells_what_was_done(key: bytes, trial: deid.ClinicalTrial) -> None:
    frame = frame_of("SC")
    clerk = Clerk(key=key, trial=trial, policy=POLICY, reader=lambda: Scripted((seen(frame.name, 0.99),)))
    cleaned = clerk.clean(source_of(to_dataset(frame)))
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
        clerk.clean(source_of(to_dataset(frame_of())))
    assert refused.value.code == "pixels-need-review"
    waiting = Clerk(key=key, trial=trial, policy=POLICY, reader=Scripted).clean(source_of(to_dataset(frame_of())))
    assert isinstance(waiting, Waiting)


@pytest.mark.req("R-PIX-10")
def test_an_object_without_risk_is_neither_looked_at_nor_claimed(key: bytes, trial: deid.ClinicalTrial) -> None:
    reader = Scripted()
    cleaned = Clerk(key=key, trial=trial, policy=POLICY, reader=lambda: reader).clean(source_of(builders.ct()))
    assert isinstance(cleaned, deid.Cleaned)
    assert (reader.seen, cleaned.pixels) == (0, None)
    assert "113101" not in cleaned.method_codes


@pytest.mark.req("R-PIX-11")
def test_the_command_line_cleans_what_is_certain_and_refuses_the_rest(tmp_path: Path) -> None:
    source, destination, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.json"
    source.mkdir()
    frame = next(each for each in make_frames(3, seed=3) if each.kind == "CR")
    (source / "words.dcm").write_bytes(encoded(to_dataset(frame)))
    blank = to_dataset(replace(frame, picture=np.full((200, 200), 9, np.uint8)))
    (source / "empty.dcm").write_bytes(encoded(blank))
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


@pytest.mark.req("R-PIX-10")
def test_explain_tells_what_becomes_of_the_pixels() -> None:
    source, plain = source_of(to_dataset(frame_of())), source_of(builders.ct())
    told = [
        next(line.why for line in explain(each, policy=policy) if line.path == "(7FE0,0010)")
        for each, policy in ((source, POLICY), (source, deid.Policy()), (plain, POLICY))
    ]
    assert ["blanked" in told[0], "refused" in told[1], "bit by bit" in told[2]] == [True, True, True]

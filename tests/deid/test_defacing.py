"""Faces are taken out by an outside program: what it gives back is taken only where nothing but pixels changed."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

import deid
from deid.__main__ import main
from deid.burned.boxes import Box, Ground
from deid.burned.record import Method, PixelRecord
from deid.defacing.booth import Booth
from deid.defacing.program import find_defacer
from deid.defacing.record import FaceRecord, Program
from deid.defacing.rules import undeclared
from deid.engine import clean_source, read_source
from deid.lint import errors_of, lint
from deid.options import DEFAULT, Option
from deid.pixels import PIXEL_DATA as PIXELS
from imaging.fence.plainly import from_plain, to_plain
from tests.deid import builders, planting

FACES = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES
FRONT, SLICES = 32, 3
# An outside program as a site would wrap one: it blanks what lies in front on all slices but the last.
DEFACER = """
import json, os, socket, sys, time
environment = dict(os.environ)
from pathlib import Path
from pydicom import dcmread

mode = sys.argv[1]
if sys.argv[2] == "--version":
    print("facetaker 1.2" if mode != "nameless" else "")
    sys.exit(0)
source, target = Path(sys.argv[2]), Path(sys.argv[3])
paths = sorted(source.iterdir())
if mode == "crash":
    sys.exit(3)
if mode == "hang":
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)
if mode == "greedy":
    held = bytearray(1 << 31)
for number, path in enumerate(paths):
    image = dcmread(path)
    pixels = bytearray(image.PixelData)
    if mode != "idle" and number < len(paths) - 1:
        front = 32 * image.Columns * image.BitsAllocated // 8
        pixels[:front] = bytes(front)
    image.PixelData = bytes(pixels)
    if mode == "header":
        image.PatientName = "DOE^JANE"
    if mode == "nested":
        image.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"
    if mode == "private":
        image.private_block(0x0099, "FACETAKER", create=True).add_new(1, "LO", "was here")
    if mode == "uid":
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    if mode == "geometry":
        image.ImagePositionPatient = [0, 0, number]
    if mode == "short":
        image.Rows -= 1
        image.PixelData = image.PixelData[: image.Rows * image.Columns * 2]
    if mode == "long":
        image.PixelData += bytes(64)
    if mode == "trailing":
        image.add_new(0xFFFCFFFC, "OB", b"x" * 32)
    if mode == "drop" and number == 1:
        continue
    image.save_as(target / path.name)
    if mode == "garbage":
        (target / path.name).write_bytes(b"no image at all")
    if mode == "link":
        (target / path.name).unlink()
        (target / path.name).symlink_to(path)
    if mode == "huge":
        os.truncate(target / path.name, 1 << 33)
if mode == "tamper":
    with (Path(__file__).parent / "in" / "0.dcm").open("ab") as original:
        original.write(bytes(2))
if mode == "extra":
    (target / "more.dcm").write_bytes(paths[0].read_bytes())
if mode == "spy":
    names = {str(dcmread(path).PatientName) for path in paths}
    try:
        socket.create_connection(("127.0.0.1", 9), 1)
        reached = "somebody"
    except OSError as error:
        reached = type(error).__name__ + " " + str(error.errno)
    told = {"environment": environment, "names": sorted(names), "reached": reached}
    Path(__file__).with_suffix(".told").write_text(json.dumps(told))
"""


def _head() -> list[Dataset]:
    slices = [builders.ct(index) for index in range(SLICES)]
    for each in slices:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = each.SOPClassUID, "1.2.840.99.7"
        each.ReferencedImageSequence = [reference]
        each.RecognizableVisualFeatures = "YES"
    return slices


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "in").mkdir()
    for index, each in enumerate(_head()):
        (tmp_path / "in" / f"{index}.dcm").write_bytes(planting.encode(each))
    (tmp_path / "key").write_text("ab" * 32)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "deface.py").write_text(DEFACER)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    return tmp_path


def _command(folder: Path, mode: str) -> str:
    return f"{sys.executable} {folder / 'deface.py'} {mode}"


def _clean(folder: Path, mode: str, *more: str) -> int:
    folders = [str(folder / "in"), str(folder / "out"), "--key-file", str(folder / "key")]
    told = ["--option", FACES, "--defacer", _command(folder, mode), "--report", str(folder / "r.json")]
    return main(["clean", *folders, *told, *more])


def _outputs(folder: Path) -> list[Dataset]:
    found = [builders.read(path.read_bytes()) for path in (folder / "out").iterdir()]
    return sorted(found, key=lambda dataset: int(dataset.InstanceNumber))


def _codes(dataset: Dataset) -> list[str]:
    return [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]


@pytest.mark.req("R-FACE-01")
def test_faces_go_and_every_other_voxel_stays_and_the_objects_say_so(folder: Path) -> None:
    assert _clean(folder, "honest") == 0
    outputs, originals = _outputs(folder), _head()
    for number, (made, original) in enumerate(zip(outputs, originals, strict=True)):
        assert _codes(made) == ["113100", "113102", "113107"]
        assert made.RecognizableVisualFeatures == "NO"
        assert "deface.py (facetaker 1.2)" in made.DerivationDescription
        assert "BurnedInAnnotation" not in made
        is_front = np.zeros(original.pixel_array.shape, dtype=bool)
        is_front[:FRONT] = number < SLICES - 1
        assert (made.pixel_array[~is_front] == original.pixel_array[~is_front]).all()
        assert not made.pixel_array[is_front].any()


@pytest.mark.req("R-FACE-01")
def test_but_for_pixels_and_the_record_an_object_is_what_it_is_without_the_option(folder: Path) -> None:
    assert _clean(folder, "honest") == 0
    made, original = _outputs(folder)[0], _head()[0]
    del original.RecognizableVisualFeatures
    nobody = deid.ClinicalTrial("NOT STATED", "NOT STATED", "", "", "", str(made.PatientID), "", "", "")
    key = bytes.fromhex("ab" * 32)
    plain = builders.read(deid.clean(planting.encode(original), key=key, trial=nobody, policy=deid.Policy()).data)
    differing = {element.tag for element in made if element.tag not in plain or plain[element.tag] != element}
    assert {pydicom.datadict.keyword_for_tag(tag) for tag in differing} == {
        "PixelData", "DeidentificationMethod", "DeidentificationMethodCodeSequence", "DerivationDescription",
        "RecognizableVisualFeatures",
    }  # fmt: skip


@pytest.mark.req("R-FACE-02")
def test_the_certificate_names_the_program_its_version_and_its_digest(folder: Path) -> None:
    assert _clean(folder, "honest") == 0
    report = json.loads((folder / "r.json").read_text())
    assert FACES in report["profile"]["options"]
    for each in report["files"]:
        faces = each["pixels"]["faces"]
        assert each["method_codes"] == ["113100", "113102", "113107"]
        assert each["pixels"]["codes"] == ["113102"]
        assert "boxes" not in each["pixels"]
        assert (faces["version"], faces["objects"], faces["changed"]) == ("facetaker 1.2", SLICES, SLICES - 1)
        assert faces["sha256"]["deface.py"] == hashlib.sha256(DEFACER.encode()).hexdigest()
        assert each["sha256_after"] == hashlib.sha256((folder / "out" / each["output"]).read_bytes()).hexdigest()


@pytest.mark.req("R-FACE-03")
@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("header", "more than the pixels"),
        ("nested", "more than the pixels"),
        ("private", "more than the pixels"),
        ("uid", "more than the pixels"),
        ("geometry", "more than the pixels"),
        ("short", "more than the pixels"),
        ("long", "more than the pixels"),
        ("trailing", "more than the pixels"),
        ("garbage", "cannot be read"),
        ("link", "cannot be read"),
        ("huge", "cannot be read"),
        ("drop", "other files than it was given"),
        ("extra", "other files than it was given"),
        ("idle", "changed nothing"),
        ("crash", "ended with an error"),
    ],
)
def test_of_a_program_that_does_anything_else_nothing_is_taken(
    folder: Path, mode: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _clean(folder, mode) == 1
    assert list((folder / "out").iterdir()) == []
    said = capsys.readouterr().out
    assert said.count(words) == SLICES
    assert f"0 cleaned, {SLICES} rejected" in said
    report = json.loads((folder / "r.json").read_text())
    assert [each["code"] for each in report["files"]] == ["faces-remain"] * SLICES
    assert list((folder / "scratch").iterdir()) == []


@pytest.mark.req("R-FACE-03")
def test_an_original_that_changes_meanwhile_is_refused_and_no_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _clean(folder, "tamper") == 1
    said = capsys.readouterr().out
    assert "0.dcm: The file was changed while the folder was cleaned" in said
    assert f"{SLICES - 1} cleaned, 1 rejected" in said


@pytest.mark.req("R-FACE-03")
def test_what_is_taken_is_what_was_compared(folder: Path, key: bytes, trial: deid.ClinicalTrial) -> None:
    booth = Booth(find_defacer(_command(folder, "honest")), folder=folder / "scratch")
    original = (folder / "in" / "0.dcm").read_bytes()
    source = undeclared(read_source(original))
    places = [booth.hold(clean_source(source, key=key, trial=trial, policy=deid.Policy())) for _ in range(2)]
    assert booth.deface(places[0].series).changed == 1
    assert booth.defaced(places[0], read_source(original)).item[PIXELS].value
    made = next((folder / "scratch").glob(f"*/made/{places[0].file}"))
    made.write_bytes(made.read_bytes().replace(bytes(8), b"DOE^JANE", 1))
    with pytest.raises(deid.Rejected, match="Nothing of it was taken"):
        booth.defaced(places[0], read_source(original))
    booth.forget(places[0].series)
    assert list((folder / "scratch").iterdir()) == []


@pytest.mark.req("R-FACE-02")
def test_a_record_of_text_and_faces_tells_both_and_comes_through_the_fence_as_it_was() -> None:
    faces = FaceRecord(program=Program("deface.py", "1.2", (("deface.py", "ab" * 32),)), objects=3, changed=2)
    both = PixelRecord(boxes=(Box(0, 0, 8, 8, Ground.SEED),), method=Method.AS_STORED, faces=faces)
    assert both.codes == ("113101", "113102")
    assert both.told["faces"] == faces.told
    assert both.told["boxes"] == [[0, 0, 8, 8, "seed"]]
    assert both.derivation == f"{faces.derivation}. Burned-in text blanked: 1 rectangles on 1 frames; written as stored"
    assert from_plain(PixelRecord, json.loads(json.dumps(to_plain(both)))) == both


@pytest.mark.req("R-FACE-04")
def test_a_program_that_hangs_is_ended_with_its_children(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _clean(folder, "hang", "--defacer-minutes", "0.05") == 1
    assert "did not end within its time" in capsys.readouterr().out
    assert list((folder / "out").iterdir()) == []
    left = subprocess.run(["pgrep", "-f", str(folder / "deface.py")], capture_output=True, check=False)
    assert left.stdout == b""


@pytest.mark.req("R-FACE-04")
def test_a_program_gets_no_more_memory_than_it_was_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _clean(folder, "greedy", "--defacer-gib", "1") == 1
    assert "ended with an error" in capsys.readouterr().out


def _has_networks_of_their_own() -> bool:
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.req("R-FACE-04")
def test_the_program_sees_no_name_no_key_and_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORELAB_SECRET_KEY", "a secret of the machine")
    assert _clean(folder, "spy") == 0
    told = json.loads((folder / "deface.told").read_text())
    assert told["environment"].keys() <= {"PATH", "HOME", "TMPDIR", "LC_ALL", "LC_CTYPE"}
    assert told["names"] == [str(_outputs(folder)[0].PatientName)]
    assert list((folder / "scratch").iterdir()) == []
    if not _has_networks_of_their_own():
        pytest.skip("this machine gives no network name spaces: the program keeps its network")
    assert told["reached"] == "OSError 101"  # ENETUNREACH: even the loop to itself is down


@pytest.mark.req("R-FACE-05")
def test_the_option_is_off_and_asks_for_a_defacer_in_words(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FACES not in DEFAULT
    policy = deid.Policy(options=DEFAULT | {FACES})
    assert any("asks for a program" in sentence for sentence in errors_of(lint(policy, measures_suv=False)))
    assert errors_of(lint(policy, measures_suv=False, has_defacer=True)) == ()
    arguments = ["clean", str(folder / "in"), str(folder / "out"), "--key-file", str(folder / "key")]
    assert main([*arguments, "--option", FACES]) == 2
    assert "asks for a program" in capsys.readouterr().err
    assert main([*arguments, "--defacer", _command(folder, "honest")]) == 2
    assert "choose it with" in capsys.readouterr().err
    assert main([*arguments, "--option", FACES, "--defacer", "no-such-program"]) == 2
    assert "not on this machine" in capsys.readouterr().err
    assert main([*arguments, "--option", FACES, "--defacer", _command(folder, "nameless")]) == 2
    assert "--version" in capsys.readouterr().err
    assert not (folder / "out").exists()
    monkeypatch.setenv("CORELAB_DEFACER", _command(folder, "honest"))
    assert main([*arguments, "--option", FACES]) == 0
    assert _codes(_outputs(folder)[0]) == ["113100", "113102", "113107"]


@pytest.mark.req("R-FACE-05")
def test_the_engine_lets_no_picture_through_under_the_option_alone(key: bytes, trial: deid.ClinicalTrial) -> None:
    policy = deid.Policy(options=DEFAULT | {FACES})
    for dataset in (builders.ct(), builders.mr(), builders.segmentation([builders.ct()])):
        with pytest.raises(deid.Rejected) as refused:
            deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
        assert refused.value.code == deid.Rejection.FACES_REMAIN


@pytest.mark.req("R-FACE-06")
def test_compressed_pictures_and_contours_are_refused_and_reports_claim_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, dataset in (("report", builders.report()), ("contours", builders.structures())):
        dataset.PatientID = "PAT-1"
        (folder / "in" / f"{name}.dcm").write_bytes(planting.encode(dataset))
    (folder / "in" / "packed.dcm").write_bytes(builders.kilobytes_of("MR_small_RLE.dcm"))
    assert _clean(folder, "honest") == 1
    said = capsys.readouterr().out
    assert "packed.dcm: This picture is compressed" in said
    assert "contours.dcm: This object holds contours" in said
    assert f"{SLICES + 1} cleaned, 2 rejected" in said
    made = next(each for each in _outputs(folder) if each.Modality == "SR")
    assert "113102" not in _codes(made)
    assert "RecognizableVisualFeatures" not in made

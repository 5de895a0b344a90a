"""The command line where folders are not as one hopes: odd names, links, twins, lists in the wrong place, a stop."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom.uid import UID

from deid.__main__ import main
from tests.deid import builders, planting
from tests.deid.test_command import ROOT, _arguments, folder

__all__ = ["folder"]


@pytest.mark.req("R-DEID-18")
def test_a_name_in_no_known_writing_stops_nothing_and_is_told_on_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsencode(folder / "in") + b"/odd\xff\nname"
    Path(os.fsdecode(odd)).write_text("not a scan")
    assert main([*_arguments(folder), "--report", str(folder / "r.json")]) == 1
    said = capsys.readouterr().out
    assert r"odd\xff\nname: This is not a DICOM file." in said
    assert "2 cleaned, 1 rejected" in said
    assert r"odd\xff\nname" in {each["source"] for each in json.loads((folder / "r.json").read_text())["files"]}


@pytest.mark.req("R-DEID-18")
def test_a_folder_that_is_a_link_is_told_and_not_gone_into(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in" / "around").symlink_to(folder / "in")
    assert main(_arguments(folder)) == 1
    said = capsys.readouterr().out
    assert "around: This folder is a link" in said
    assert "2 cleaned, 1 rejected" in said


@pytest.mark.req("R-DEID-18")
def test_two_different_files_of_one_uid_do_not_silently_become_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = builders.ct(1)
    (folder / "in" / "same.dcm").write_bytes(planting.encode(twin))
    assert main(_arguments(folder)) == 0  # the very same file once more is no matter
    twin.SliceThickness = "7"
    (folder / "in" / "same.dcm").write_bytes(planting.encode(twin))
    assert main(_arguments(folder)) == 1
    assert "same.dcm: Another file of this folder has the same instance UID" in capsys.readouterr().out


@pytest.mark.req("R-DEID-24")
@pytest.mark.parametrize("option", ["--uid-map", "--patient-map", "--report"])
@pytest.mark.parametrize("place", ["nowhere/list", "in/list", "in", "key/list"])
def test_a_list_that_cannot_be_written_or_would_lie_in_the_source_is_refused_before_anything_is_done(
    folder: Path, option: str, place: str
) -> None:
    assert main([*_arguments(folder), option, str(folder / place)]) == 2
    assert not (folder / "out").exists()
    assert {path.name for path in (folder / "in").iterdir()} == {"deeper"}


@pytest.mark.req("R-DEID-25")
def test_explain_says_that_an_object_as_a_whole_would_be_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = builders.ct()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    (folder / "shot.dcm").write_bytes(planting.encode(dataset))
    assert main(["explain", str(folder / "shot.dcm")]) == 1
    said = capsys.readouterr().out
    assert "Patient's Name" in said
    assert "rejected (pixels-need-review)" in said.splitlines()[-1]


@pytest.mark.req("R-DEID-18")
def test_a_reader_who_has_seen_enough_gets_no_complaint() -> None:
    command = [sys.executable, "-m", "deid", "profile"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as run:
        assert run.stdout
        assert run.stderr
        assert "Affected SOP Instance UID" in run.stdout.readline()
        run.stdout.close()
        assert run.stderr.read() == ""
    assert run.returncode == 141


@pytest.mark.req("R-DEID-18")
def test_a_run_that_is_stopped_leaves_whole_files_and_says_so(folder: Path) -> None:
    for index in range(2, 400):
        (folder / "in" / f"{index}.dcm").write_bytes(planting.encode(builders.ct(index)))
    command = [sys.executable, "-m", "deid", *_arguments(folder)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    while not any((folder / "out").glob("*.dcm")) and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate()
    assert run.returncode == 130
    assert "deid: stopped;" in said
    assert "Traceback" not in said
    written = list((folder / "out").iterdir())
    assert {path.suffix for path in written} == {".dcm"}
    assert {builders.read(path.read_bytes()).SOPInstanceUID for path in written} == {path.stem for path in written}

"""The command line a site runs before anything leaves the house."""

import csv
import hashlib
import json
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pydicom
import pytest

from deid import Policy
from deid.__main__ import main
from deid.command.report import Report
from deid.options import Option
from deid.profile import option_set
from tests.deid import builders, planting

ROOT = Path(__file__).resolve().parents[2]


def _arguments(folder: Path) -> list[str]:
    return ["clean", str(folder / "in"), str(folder / "out"), "--key-file", str(folder / "key"),
            "--subject", "ACME-1002-007", "--trial", "ACME-301"]  # fmt: skip


def _map(path: Path) -> dict[str, str]:
    return dict(csv.reader(path.read_text().splitlines()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    for index in range(2):
        path = tmp_path / "in" / "deeper" / f"{index}.dcm"
        path.write_bytes(planting.encode(builders.ct(index)))
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    return tmp_path


@pytest.mark.req("R-DEID-18")
def test_a_folder_is_cleaned_into_files_named_by_their_new_uid(folder: Path) -> None:
    command = [sys.executable, "-m", "deid", *_arguments(folder), "--site", "1002", "--time-point", "BL"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 cleaned, 0 rejected" in done.stdout
    files = list((folder / "out").iterdir())
    assert {path.stem for path in files} == {builders.read(path.read_bytes()).SOPInstanceUID for path in files}
    assert {builders.read(path.read_bytes()).PatientID for path in files} == {"ACME-1002-007"}


@pytest.mark.req("R-DEID-18")
def test_rejected_files_are_listed_with_a_reason_and_spoil_the_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in" / "letter.txt").write_text("not a scan")
    assert main(_arguments(folder)) == 1
    said = capsys.readouterr().out
    assert "letter.txt: This is not a DICOM file." in said
    assert "2 cleaned, 1 rejected" in said


@pytest.mark.req("R-DEID-18")
def test_a_key_that_others_can_read_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "key").chmod(0o640)
    assert main(_arguments(folder)) == 2
    assert "0600" in capsys.readouterr().err
    assert not (folder / "out").exists()


@pytest.mark.req("R-DEID-18")
@pytest.mark.parametrize("content", ["ab" * 31, "no key at all"])
def test_a_wrong_key_is_refused_without_being_shown(
    folder: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "key").write_text(content)
    assert main(_arguments(folder)) == 2
    assert content not in capsys.readouterr().err


@pytest.mark.req("R-DEID-24")
def test_each_patient_of_a_folder_gets_a_code_of_their_own_and_the_maps_say_which(folder: Path) -> None:
    other = builders.ct(7)
    other.PatientID = "PAT-ZUCCARELLO"
    (folder / "in" / "other.dcm").write_bytes(planting.encode(other))
    maps = ["--uid-map", str(folder / "uids.csv"), "--patient-map", str(folder / "patients.csv")]
    arguments = [*_arguments(folder)[:5], *maps, "--report", str(folder / "report.json")]
    assert main(arguments) == 0
    out = {path.name: builders.read(path.read_bytes()) for path in (folder / "out").iterdir()}
    assert len({dataset.PatientID for dataset in out.values()}) == 2
    patients = _map(folder / "patients.csv")
    assert patients["PAT-ZUCCARELLO"] in {dataset.PatientID for dataset in out.values()}
    uids = _map(folder / "uids.csv")
    assert uids[other.SOPInstanceUID] in {dataset.SOPInstanceUID for dataset in out.values()}
    assert stat.S_IMODE((folder / "patients.csv").stat().st_mode) == 0o600


@pytest.mark.req("R-DEID-24")
def test_the_report_tells_what_was_done_to_each_file_and_no_value(folder: Path) -> None:
    (folder / "in" / "letter.txt").write_text("not a scan")
    first = pydicom.dcmread(next((folder / "in" / "deeper").iterdir()))
    assert main([*_arguments(folder)[:5], "--option", "clean-descriptors", "--report", str(folder / "r.json")]) == 1
    text = (folder / "r.json").read_text()
    report = json.loads(text)
    assert (report["cleaned"], report["refused"]) == (2, 1)
    assert report["profile"]["options"] == sorted(
        ["clean-descriptors", "clean-structured-content", "retain-modified-dates"]
    )
    kept = next(each for each in report["files"] if each["decision"] == "cleaned")
    assert kept["sha256_after"] == hashlib.sha256((folder / "out" / kept["output"]).read_bytes()).hexdigest()
    assert report["patterns"][kept["pattern"]]["(0010,0010)"]
    assert next(each for each in report["files"] if each["decision"] == "refused")["code"] == "not-dicom"
    assert str(first.PatientName) not in text
    assert first.SOPInstanceUID not in text


@pytest.mark.req("R-DEID-29")
def test_of_a_long_run_the_report_keeps_counts_and_patterns_in_memory_and_no_record(tmp_path: Path) -> None:
    report = Report(tmp_path / "r.json", Policy())
    actions = {"actions": {f"(0008,{number:04X})": {"kept": 1} for number in range(50)}}

    def tell(files: int) -> None:
        for number in range(files):
            report.add({"source": f"ä/{number}.dcm", "decision": "cleaned", "sha256_before": "0" * 64, **actions})

    tell(100)
    tracemalloc.start()
    tell(5_000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    report.add({"source": "letter.txt", "decision": "refused", "reason": "no"})
    report.write()
    told = json.loads((tmp_path / "r.json").read_text())
    assert held < 200_000
    assert (told["cleaned"], told["refused"], len(told["files"])) == (5_100, 1, 5_101)
    assert told["actions"]["(0008,0031)"] == {"kept": 5_100}
    assert told["files"][7] == {"source": "ä/7.dcm", "decision": "cleaned", "sha256_before": "0" * 64, "pattern": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.req("R-DEID-29")
def test_a_report_of_nothing_is_still_a_report(tmp_path: Path) -> None:
    Report(tmp_path / "r.json", Policy()).write()
    assert json.loads((tmp_path / "r.json").read_text())["files"] == []


@pytest.mark.req("R-DEID-24")
def test_two_patients_under_one_subject_are_not_mixed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = builders.ct(7)
    other.PatientID = "PAT-ZUCCARELLO"
    (folder / "in" / "zz.dcm").write_bytes(planting.encode(other))
    assert main(_arguments(folder)) == 1
    assert "rejected (other-patient)" in capsys.readouterr().out


@pytest.mark.req("R-DEID-24")
@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("no json", "no JSON"),
        ('{"options": ["retain-everything"]}', "no such option"),
        ('{"options": ["retain-full-dates", "retain-modified-dates"]}', "either"),
        ('{"nonsense": 1}', "nothing else"),
        ('{"trial": {"sponsor": 5}}', "texts"),
    ],
)
def test_a_wrong_profile_is_refused_before_a_file_is_read(
    folder: Path, profile: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.json").write_text(profile)
    assert main([*_arguments(folder)[:5], "--profile", str(folder / "p.json")]) == 2
    assert words in capsys.readouterr().err
    assert not (folder / "out").exists()


@pytest.mark.req("R-DEID-24")
def test_a_profile_of_a_file_is_executed(folder: Path) -> None:
    told = {"name": "pet", "version": 3, "options": ["retain-full-dates"], "trial": {"sponsor": "Northlight"}}
    (folder / "p.json").write_text(json.dumps(told))
    assert main([*_arguments(folder)[:5], "--profile", str(folder / "p.json")]) == 0
    kept = builders.read(next((folder / "out").iterdir()).read_bytes())
    assert (kept.LongitudinalTemporalInformationModified, kept.ClinicalTrialSponsorName) == ("UNMODIFIED", "Northlight")


@pytest.mark.req("R-DEID-25")
def test_explain_tells_each_attribute_s_fate_and_why_and_shows_no_value(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = next((folder / "in" / "deeper").iterdir())
    dataset = pydicom.dcmread(path)
    dataset.SeriesDescription = "AX CHEST"
    path.write_bytes(planting.encode(dataset))
    assert main(["explain", str(path), "--option", "clean-descriptors"]) == 0
    said = capsys.readouterr().out
    lines = {line.split("\t")[0]: line.split("\t") for line in said.splitlines()}
    assert lines["(0010,0010)"][1:4] == ["Patient's Name", "PN", "emptied"]
    assert lines["(0008,103E)"][3] == "text cleaned"
    assert "clean under clean-descriptors" in lines["(0008,103E)"][4]
    assert str(dataset.PatientName) not in said
    assert main(["explain", str(folder / "key")]) == 1


@pytest.mark.req("R-DEID-24")
@pytest.mark.parametrize(
    "name", ["clean-descriptors", "Clean Descriptors", "CLEAN_DESCRIPTORS", "Clean Descriptors Option", "113105"]
)
def test_an_option_is_known_by_our_name_by_the_standard_s_and_by_its_code(name: str) -> None:
    assert option_set([name]) == {Option.CLEAN_DESCRIPTORS}


@pytest.mark.req("R-DEID-25")
def test_the_profile_is_printed_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile"]) == 0
    plain = capsys.readouterr().out.splitlines()
    assert len(plain) > 650
    assert main(["profile", "--option", "retain-institution-identity"]) == 0
    kept = capsys.readouterr().out
    assert "(0008,0080)\tInstitution Name\tLO\ttext kept" in kept
    assert "(0008,0080)\tInstitution Name\tLO\ttext kept" not in "\n".join(plain)

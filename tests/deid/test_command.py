"""The command line a site runs before anything leaves the house."""

import subprocess
import sys
from pathlib import Path

import pytest

from deid.__main__ import main
from tests.deid import builders, planting

ROOT = Path(__file__).resolve().parents[2]


def _arguments(folder: Path) -> list[str]:
    return ["clean", str(folder / "in"), str(folder / "out"), "--key-file", str(folder / "key"),
            "--subject", "ACME-1002-007", "--trial", "ACME-301"]  # fmt: skip


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

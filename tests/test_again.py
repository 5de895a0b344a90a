"""What may be asked a second time, and what a second asking cannot hide."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import again

RUNNING = "tests/wire/test_dicom.py::test_a"
OWN = "tests/deid/test_rules.py::test_b"
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("failed", "is_asked"),
    [
        ([], False),
        ([RUNNING], True),
        ([RUNNING] * again.AT_MOST, True),
        ([RUNNING] * (again.AT_MOST + 1), False),
        ([OWN], False),
        ([RUNNING, OWN], False),
    ],
)
def test_a_few_tests_of_running_programs_are_asked_again_and_no_test_of_our_own_code(
    *, failed: list[str], is_asked: bool
) -> None:
    assert again.may_be_asked_again(failed) == is_asked


@pytest.mark.parametrize(
    ("place", "body", "code", "told"),
    [
        ("wire", "assert seen.exists() or seen.write_text('1') == 0", 0, "FAILED ONCE and passed alone"),
        ("wire", "assert False", 1, "failed twice"),
        ("deid", "assert seen.exists() or seen.write_text('1') == 0", 1, None),
    ],
)
def test_what_fails_twice_fails_and_both_outcomes_are_printed(
    tmp_path: Path, place: str, body: str, code: int, told: str | None
) -> None:
    folder = tmp_path / "tests" / place
    folder.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    seen = tmp_path / "seen"
    words = f"import pathlib\nseen = pathlib.Path({str(seen)!r})\ndef test_it():\n    {body}\n"
    (folder / "test_it.py").write_text(words)
    asked = subprocess.run(
        [sys.executable, "-m", "tests.again", "-p", "no:django", "-p", "no:playwright", "-c", "pytest.ini", "tests"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == code, asked.stdout + asked.stderr
    assert (told or "") in asked.stdout
    assert ("asked once more" in asked.stdout) == (told is not None)

"""Requirements and tests name each other: no promise without a test, no test for a promise nobody made."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
ID = re.compile(r"R-[A-Z0-9]+-\d\d")
MARK = re.compile(r"mark\.req\(([^)]*)\)")


def promised() -> set[str]:
    return set(ID.findall((ROOT / "docs/validation/requirements.md").read_text()))


def carried() -> set[str]:
    marks = (mark for path in (ROOT / "tests").rglob("*.py") for mark in MARK.findall(path.read_text()))
    return {each for mark in marks for each in ID.findall(mark)}


def test_no_two_requirements_have_one_id() -> None:
    rows = re.findall(rf"^\| ({ID.pattern}) \|", (ROOT / "docs/validation/requirements.md").read_text(), re.MULTILINE)
    assert len(rows) > 500
    assert [each for each, count in Counter(rows).items() if count > 1] == []


def test_every_requirement_has_a_test() -> None:
    assert promised() - carried() == set()


def test_every_marked_test_names_a_requirement() -> None:
    assert carried() - promised() == set()

"""The validation matrix: requirement → tests → result, written by the run that gave the results (V01, 21 CFR 11.10(a))."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from audit.version import VERSION

REQUIREMENTS = Path(__file__).parent.parent / "docs" / "validation" / "requirements.md"
_ROW = re.compile(r"^\| (R-[A-Z0-9]+-\d\d) \| (.+) \|$")
_RISK = re.compile(r"^Risk: (high|medium|low)")
# A requirement with one failed test has failed; one with some skipped (for the other database) has passed.
_WORST = ("failed", "passed", "skipped", "not run")


# What a test carries in its report, which also comes from another process.
MARK = "req"


def mark(item: pytest.Item) -> None:
    """Let the reports of a test tell which requirements it carries."""
    for marker in item.iter_markers(MARK):
        item.user_properties += [(MARK, requirement) for requirement in marker.args]


@dataclass(frozen=True, slots=True)
class Requirement:
    id: str
    text: str
    section: str
    risk: str


@dataclass(slots=True)
class Matrix:
    """Collects which test carries which requirement, and how each came out."""

    carriers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    results: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, report: pytest.TestReport) -> None:
        name = _name(report.nodeid)
        for word, requirement in report.user_properties:
            if word == MARK:
                self.carriers[str(requirement)].add(name)
        # A test that passed its call may still fail while it is taken down.
        if report.when == "call" or report.outcome != "passed":
            self.results[name].add(str(report.outcome))

    def write(self, path: Path) -> None:
        path.write_text("\n".join(self._lines()) + "\n")

    def _lines(self) -> list[str]:
        rows = requirements()
        lacking = [row.id for row in rows if not self.carriers.get(row.id)]
        head = [
            f"# Validation matrix, Corelab {VERSION}",
            "",
            "Requirement → tests → result, written by `make suite` from the run itself; requirements.md holds the texts.",
            f"{len(rows)} requirements, {len(lacking)} without a test.",
        ]
        for section in dict.fromkeys(row.section for row in rows):
            own = [row for row in rows if row.section == section]
            head += [
                "",
                f"## {section}",
                "",
                f"Risk class: {own[0].risk}.",
                "",
                "| id | result | tests |",
                "|---|---|---|",
            ]
            head += [f"| {row.id} | {self._result(row.id)} | {self._tests(row.id)} |" for row in own]
        return head

    def _result(self, requirement: str) -> str:
        outcomes = set().union(*(self.results.get(name, {"not run"}) for name in self.carriers[requirement]))
        return next((word for word in _WORST if word in outcomes), "not run")

    def _tests(self, requirement: str) -> str:
        return "<br>".join(f"`{name}`" for name in sorted(self.carriers[requirement]))


def requirements() -> list[Requirement]:
    """Return every requirement of the page with its section and risk class."""
    found, section, risk = [], "", ""
    for line in REQUIREMENTS.read_text().splitlines():
        if line.startswith("## "):
            section, risk = line[3:], ""
        elif told := _RISK.match(line):
            risk = told[1]
        elif row := _ROW.match(line):
            found.append(Requirement(id=row[1], text=row[2], section=section, risk=risk))
    return found


def _name(nodeid: str) -> str:
    """Return file and function without the values of parameters, which differ from run to run."""
    path, _, test = nodeid.partition("::")
    return f"{path.removeprefix('tests/')}::{test.split('[')[0]}"

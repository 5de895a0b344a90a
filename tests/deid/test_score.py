"""The score of the engine on the project's own planted objects, written to docs/validation/deid-score.md."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import deid
from deid import DEFAULT_OPTIONS, Option, Policy
from deid.tables import table_edition
from tests.deid import builders
from tests.deid.corpus import Planted, corpus
from tests.deid.test_planted import _lenient_pydicom

__all__ = ["_lenient_pydicom"]
SCORE = Path(__file__).resolve().parents[2] / "docs" / "validation" / "deid-score.md"
POLICY = Policy(
    options=DEFAULT_OPTIONS
    | {Option.CLEAN_DESCRIPTORS, Option.RETAIN_SAFE_PRIVATE, Option.RETAIN_PATIENT_CHARACTERISTICS}
)


def _clean(one: Planted, key: bytes, trial: deid.ClinicalTrial) -> bytes:
    try:
        return deid.clean(one.data, key=key, trial=trial, policy=POLICY).data
    except deid.Rejected:
        return b""


@pytest.fixture
def judged(key: bytes, trial: deid.ClinicalTrial) -> Iterator[dict[str, Counter[str]]]:
    """Passed and failed checks by category, and how many objects came out, were refused, or leak."""
    told: dict[str, Counter[str]] = {"objects": Counter()}
    for one in corpus():
        data = _clean(one, key, trial)
        dataset = builders.read(data) if data else None
        told["objects"]["out" if data else "refused"] += 1
        leaks = False
        for check in one.checks:
            holds = check.holds(dataset, data)
            told.setdefault(check.category, Counter())["passed" if holds else "failed"] += 1
            leaks = leaks or (check.is_strong and not holds)
        told["objects"]["leaking"] += leaks
    yield told
    _write(told)


def _write(told: dict[str, Counter[str]]) -> None:
    rows = [
        f"| {category} | {count['passed']} | {count['failed']} |"
        for category, count in sorted(told.items())
        if category != "objects"
    ]
    objects = told["objects"]
    head = (
        f"# Score of the de-identification engine\n\nWritten by the test run. Engine {deid.engine_version()}, table "
        f"{table_edition()}, options: {', '.join(sorted(POLICY.options))}.\n\n{objects['out'] + objects['refused']} "
        f"planted objects, {objects['refused']} refused, {objects['leaking']} with a name or number left.\n\n"
    )
    SCORE.write_text(head + "| category | passed | failed |\n|---|---|---|\n" + "\n".join(rows) + "\n")


@pytest.mark.req("R-DEID-27")
def test_the_engine_s_score_on_planted_objects_stands_where_it_must(judged: dict[str, Counter[str]]) -> None:
    checks = sum((count for category, count in judged.items() if category != "objects"), Counter())
    objects, utility = judged["objects"], judged["utility"]
    assert objects["out"] + objects["refused"] >= 300
    assert objects["leaking"] == 0
    assert checks["passed"] / checks.total() >= 0.995
    assert utility["passed"] / utility.total() >= 0.98

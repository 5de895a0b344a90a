"""Input that no reader could have produced is refused with a sentence, never answered."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from endpoints.criteria.recist11 import (
    CriteriaError,
    LesionState,
    NewLesionState,
    NonTargetState,
    Policy,
    TargetFinding,
    Visit,
    assess,
)
from tests.endpoints.criteria.histories import CONFIRMED, lesion, new, node, one_lesion, other, visit


def target(state: LesionState, diameter: Decimal | None = None, merged_into: str = "") -> TargetFinding:
    return TargetFinding(label="T1", is_node=False, state=state, diameter_mm=diameter, merged_into=merged_into)


@pytest.mark.req("R-RECIST-18")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: target(LesionState.MEASURED), "has no diameter"),
        (lambda: target(LesionState.MEASURED, Decimal(-1)), "not below 0"),
        (lambda: target(LesionState.MEASURED, Decimal("NaN")), "not below 0"),
        (lambda: target(LesionState.MEASURED, 12.5), "not below 0"),  # type: ignore[arg-type]  # a float
        (lambda: target(LesionState.ABSENT, Decimal(3)), "although it is absent"),
        (lambda: target(LesionState.NOT_EVALUATED, Decimal(3)), "although it is not-evaluated"),
        (lambda: target(LesionState.TOO_SMALL, Decimal(12)), "too small to measure yet 12 mm"),
        (lambda: target(LesionState.MERGED), "names the other lesion"),
        (lambda: target(LesionState.MERGED, merged_into="T1"), "names the other lesion"),
        (lambda: other(NonTargetState.NORMAL_NODE), "cannot be a normal node"),
        (lambda: Policy(confirmation_required=True, minimum_sd_days=-1), "below zero"),
    ],
)
def test_a_contradictory_finding_cannot_be_made(make: Callable[[], object], words: str) -> None:
    with pytest.raises(CriteriaError, match=words):
        make()


GOOD = one_lesion("50", "40")
MERGED = target(LesionState.MERGED, merged_into="T2")


@pytest.mark.req("R-RECIST-18")
@pytest.mark.parametrize(
    ("history", "words"),
    [
        ([], "no baseline"),
        ([GOOD[1], GOOD[0]], "order by day|does not lie after"),
        ([GOOD[0], replace(GOOD[1], day=0)], "does not lie after"),
        ([GOOD[0], replace(GOOD[1], code="V0")], "same code"),
        ([GOOD[0], visit(1, lesion("40"), lesion("30", label="T2"))], "not those of baseline"),
        ([GOOD[0], visit(1)], "not those of baseline"),
        ([GOOD[0], visit(1, node("40", label="T1"))], "not those of baseline"),
        (
            [GOOD[0], visit(1, lesion("40"), non_targets=[other(NonTargetState.PRESENT)])],
            "non-target lesions",
        ),
        ([GOOD[0], visit(1, lesion("40"), lesion("40"))], "two findings for the same lesion"),
        ([visit(0, lesion("gone"))], "no measured diameter at baseline"),
        ([visit(0, lesion("0"))], "no measured diameter at baseline"),
        ([visit(0, non_targets=[other(NonTargetState.ABSENT)])], "not present at baseline"),
        ([visit(0, new_lesions=[new(NewLesionState.UNEQUIVOCAL)])], "cannot be a new lesion"),
        (
            [GOOD[0], visit(1, lesion("40"), new_lesions=[new(NewLesionState.UNEQUIVOCAL, label="T1")])],
            "baseline lesion as new",
        ),
        ([GOOD[0], visit(1, MERGED)], "findings of its own"),
    ],
)
def test_a_contradictory_history_is_refused(history: list[Visit], words: str) -> None:
    with pytest.raises(CriteriaError, match=words):
        assess(history, CONFIRMED)

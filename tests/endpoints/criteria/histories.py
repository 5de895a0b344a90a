"""Short ways to write a reader's history, shared by the tests of the criteria."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from endpoints.criteria.recist11 import (
    LesionState,
    MarkerState,
    NewLesionFinding,
    NewLesionState,
    NonTargetFinding,
    NonTargetState,
    Policy,
    Response,
    TargetFinding,
    Visit,
    VisitResponse,
)

CONFIRMED = Policy(confirmation_required=True, minimum_sd_days=42)
UNCONFIRMED = Policy(confirmation_required=False, minimum_sd_days=42)


def lesion(size: str, *, label: str = "T1", is_node: bool = False) -> TargetFinding:
    """`size` in mm, or "small", "gone", "?"."""
    states = {"small": LesionState.TOO_SMALL, "gone": LesionState.ABSENT, "?": LesionState.NOT_EVALUATED}
    if size in states:
        return TargetFinding(label=label, is_node=is_node, state=states[size])
    return TargetFinding(label=label, is_node=is_node, state=LesionState.MEASURED, diameter_mm=Decimal(size))


def node(size: str, *, label: str = "N1") -> TargetFinding:
    return lesion(size, label=label, is_node=True)


def other(state: NonTargetState, *, label: str = "NT1", is_node: bool = False) -> NonTargetFinding:
    return NonTargetFinding(label=label, state=state, is_node=is_node)


def new(state: NewLesionState, *, label: str = "NEW1") -> NewLesionFinding:
    return NewLesionFinding(label=label, state=state)


def visit(
    number: int,
    *targets: TargetFinding,
    non_targets: Sequence[NonTargetFinding] = (),
    new_lesions: Sequence[NewLesionFinding] = (),
    markers: MarkerState = MarkerState.NOT_FOLLOWED,
) -> Visit:
    """Visits lie 56 days apart; number 0 is the baseline."""
    return Visit(
        code=f"V{number}",
        day=56 * number,
        targets=targets,
        non_targets=tuple(non_targets),
        new_lesions=tuple(new_lesions),
        markers=markers,
    )


def one_lesion(*sizes: str, is_node: bool = False) -> list[Visit]:
    return [visit(number, lesion(size, is_node=is_node)) for number, size in enumerate(sizes)]


def responses(*names: str, step: int = 56, is_measurable: bool = True) -> list[VisitResponse]:
    """Make visit responses from their names alone, one every `step` days, to try the best overall table."""
    blank = VisitResponse(
        code="",
        day=0,
        sum_mm=None,
        baseline_mm=None,
        nadir_mm=None,
        change_from_baseline_pct=None,
        change_from_nadir_mm=None,
        change_from_nadir_pct=None,
        target=None,
        non_target=None,
        new_lesion=False,
        overall=Response.NE,
        overall_as_read=Response.NE,
        explanation="",
    )
    return [
        replace(
            blank,
            code=f"V{number}",
            day=step * number,
            target=Response(name) if is_measurable else None,
            overall=Response(name),
            overall_as_read=Response(name),
        )
        for number, name in enumerate(names, start=1)
    ]

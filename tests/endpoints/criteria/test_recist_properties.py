"""What must hold for every history a reader can write."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoints.criteria.recist11 import (
    CrThenReappears,
    LesionState,
    NewLesionFinding,
    NewLesionState,
    NonTargetFinding,
    NonTargetState,
    Policy,
    PrAfterPr,
    Response,
    TargetFinding,
    Visit,
    assess,
    best_overall,
    progression_day,
)

tenths = st.integers(min_value=100, max_value=1500).map(lambda number: Decimal(number) / 10)
policies = st.builds(
    Policy,
    confirmation_required=st.booleans(),
    minimum_sd_days=st.sampled_from([0, 42, 56]),
    pr_after_pr=st.sampled_from(PrAfterPr),
    cr_then_reappears=st.sampled_from(CrThenReappears),
)


@st.composite
def findings(draw: st.DrawFn, label: str, *, is_node: bool) -> TargetFinding:
    state = draw(
        st.sampled_from(
            [LesionState.MEASURED] * 5 + [LesionState.TOO_SMALL, LesionState.ABSENT, LesionState.NOT_EVALUATED]
        )
    )
    size = draw(tenths) if state is LesionState.MEASURED else None
    return TargetFinding(label=label, is_node=is_node, state=state, diameter_mm=size)


@st.composite
def histories(draw: st.DrawFn) -> list[Visit]:
    kinds = draw(st.lists(st.booleans(), max_size=3))
    rest = [f"NT{number}" for number in range(draw(st.integers(min_value=0, max_value=2)))]
    start = Visit(
        code="V0",
        day=0,
        targets=tuple(
            TargetFinding(label=f"T{number}", is_node=kind, state=LesionState.MEASURED, diameter_mm=draw(tenths))
            for number, kind in enumerate(kinds)
        ),
        non_targets=tuple(NonTargetFinding(label=label, state=NonTargetState.PRESENT) for label in rest),
    )
    states = st.sampled_from([state for state in NonTargetState if state is not NonTargetState.NORMAL_NODE])
    later = [
        Visit(
            code=f"V{number}",
            day=number * draw(st.sampled_from([28, 56])) + 60 * number,
            targets=tuple(draw(findings(f"T{index}", is_node=kind)) for index, kind in enumerate(kinds)),
            non_targets=tuple(NonTargetFinding(label=label, state=draw(states)) for label in rest),
            new_lesions=tuple(
                NewLesionFinding(label=label, state=draw(st.sampled_from(NewLesionState)))
                for label in draw(st.lists(st.sampled_from(["A", "B"]), max_size=1))
            ),
        )
        for number in range(1, draw(st.integers(min_value=1, max_value=4)) + 1)
    ]
    return [start, *later]


@pytest.mark.req("R-RECIST-19")
@given(history=histories(), policy=policies, data=st.data())
def test_the_order_of_the_lesions_makes_no_difference(
    history: list[Visit], policy: Policy, data: st.DataObject
) -> None:
    shuffled = [
        replace(
            visit,
            targets=tuple(data.draw(st.permutations(visit.targets))),
            non_targets=tuple(data.draw(st.permutations(visit.non_targets))),
        )
        for visit in history
    ]
    assert assess(shuffled, policy) == assess(history, policy)


@pytest.mark.req("R-RECIST-19")
@given(history=histories(), policy=policies)
def test_what_a_visit_gave_as_read_does_not_depend_on_later_visits(history: list[Visit], policy: Policy) -> None:
    found = assess(history, policy)
    for count, response in enumerate(found, start=2):
        assert assess(history[:count], policy)[-1].overall_as_read is response.overall_as_read


@pytest.mark.req("R-RECIST-19")
@given(history=histories(), policy=policies)
def test_target_progression_is_never_called_without_5_mm_and_20_percent_or_a_relapse(
    history: list[Visit], policy: Policy
) -> None:
    cr_seen = False
    for visit, response in zip(history[1:], assess(history, policy), strict=True):
        if response.target is Response.PD and not cr_seen and response.sum_mm is not None:
            assert response.nadir_mm is not None
            assert response.sum_mm - response.nadir_mm >= 5
            assert response.sum_mm * 5 >= response.nadir_mm * 6
        if response.overall_as_read is Response.PD:
            assert (
                response.target is Response.PD
                or response.non_target is Response.PD
                or any(lesion.state is NewLesionState.UNEQUIVOCAL for lesion in visit.new_lesions)
                or cr_seen
            )
        cr_seen |= response.overall_as_read is Response.CR


@pytest.mark.req("R-RECIST-19")
@given(history=histories(), policy=policies)
def test_progression_in_best_response_and_progression_day_agree(history: list[Visit], policy: Policy) -> None:
    found = assess(history, policy)
    best, day = best_overall(found, policy), progression_day(found)
    if best.response is Response.PD:
        assert day == next(response.day for response in found if response.code == best.visit_code)
    elif best.visit_code is not None and day is not None:
        assert next(response.day for response in found if response.code == best.visit_code) < day


def scaled(visit: Visit, factor: Decimal) -> Visit:
    targets = (
        target if target.diameter_mm is None else replace(target, diameter_mm=target.diameter_mm * factor)
        for target in visit.targets
    )
    return replace(visit, targets=tuple(targets))


@pytest.mark.req("R-RECIST-19")
@given(
    sizes=st.lists(tenths, min_size=2, max_size=5),
    factor=st.integers(min_value=2, max_value=40).map(lambda number: Decimal(number) / 2),
    policy=policies,
)
def test_scaling_every_diameter_up_changes_only_what_the_5_mm_rule_held_back(
    sizes: list[Decimal], factor: Decimal, policy: Policy
) -> None:
    history = [
        Visit(
            code=f"V{number}",
            day=60 * number,
            targets=(TargetFinding(label="T1", is_node=False, state=LesionState.MEASURED, diameter_mm=size),),
        )
        for number, size in enumerate(sizes)
    ]
    large = [scaled(visit, factor) for visit in history]
    for before, after in zip(assess(history, policy), assess(large, policy), strict=True):
        if before.target is not after.target:
            assert after.target is Response.PD
            assert before.change_from_nadir_mm is not None
            assert before.change_from_nadir_mm < 5

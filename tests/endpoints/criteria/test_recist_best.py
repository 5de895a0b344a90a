"""Worked cases of the best overall response (RECIST 1.1 section 4.6 and table 3)."""

from dataclasses import replace

import pytest

from endpoints.criteria.recist11 import (
    CriteriaError,
    CrThenReappears,
    NoVisit,
    Policy,
    Response,
    assess,
    best_overall,
    progression_day,
)
from tests.endpoints.criteria.histories import CONFIRMED, UNCONFIRMED, one_lesion, responses

REREAD = replace(CONFIRMED, cr_then_reappears=CrThenReappears.REREAD_AS_PR)


def best(*names: str, policy: Policy = CONFIRMED, step: int = 56) -> str:
    return best_overall(responses(*names, step=step), policy).response.value


@pytest.mark.req("R-RECIST-13")
@pytest.mark.parametrize(
    ("first", "second", "late", "early"),
    [
        ("CR", "CR", "CR", "CR"),
        ("CR", "PR", "SD", "PD"),
        ("CR", "SD", "SD", "PD"),
        ("CR", "PD", "SD", "PD"),
        ("CR", "NE", "SD", "NE"),
        ("PR", "CR", "PR", "PR"),
        ("PR", "PR", "PR", "PR"),
        ("PR", "SD", "SD", "SD"),
        ("PR", "PD", "SD", "PD"),
        ("PR", "NE", "SD", "NE"),
        ("NE", "NE", "NE", "NE"),
        ("SD", "PD", "SD", "PD"),
        ("SD", "NE", "SD", "NE"),
        ("PD", "CR", "PD", "PD"),
    ],
)
def test_each_row_of_the_confirmation_table_gives_its_best_response(
    first: str, second: str, late: str, early: str
) -> None:
    """`late`: the first visit reaches the minimum time for SD; `early`: only the second one does."""
    assert best(first, second, step=56) == late
    assert best(first, second, step=30) == early


@pytest.mark.req("R-RECIST-13")
def test_the_policy_can_reread_complete_then_partial_as_partial_twice() -> None:
    found = best_overall(responses("CR", "PR"), REREAD)
    assert (found.response, found.visit_code, found.confirmed_by) == (Response.PR, "V1", "V2")


@pytest.mark.req("R-RECIST-13")
def test_complete_then_stable_is_progression_under_either_policy() -> None:
    assert best("CR", "SD", "CR", "CR", policy=REREAD) == best("CR", "SD", "CR", "CR") == "SD"


@pytest.mark.req("R-RECIST-13")
@pytest.mark.parametrize(("days", "expected"), [(27, "SD"), (28, "PR"), (29, "PR")])
def test_confirmation_needs_28_days(days: int, expected: str) -> None:
    first, second = responses("PR", "PR")
    assert best_overall([first, replace(second, day=first.day + days)], CONFIRMED).response == expected


@pytest.mark.req("R-RECIST-13")
def test_a_third_visit_can_confirm_when_the_second_came_too_soon() -> None:
    found = best_overall(responses("CR", "CR", "CR", step=20), CONFIRMED)
    assert (found.response, found.visit_code, found.confirmed_by) == (Response.CR, "V1", "V3")


@pytest.mark.req("R-RECIST-14")
@pytest.mark.parametrize(
    ("names", "policy", "expected"),
    [
        (("PR", "NE", "PR"), CONFIRMED, "PR"),
        (("PR", "NE", "NE", "PR"), CONFIRMED, "SD"),
        (("PR", "NE", "NE", "PR"), replace(CONFIRMED, max_ne_between=2), "PR"),
        (("CR", "NE", "CR"), CONFIRMED, "CR"),
        (("CR", "NE", "NE", "CR"), CONFIRMED, "SD"),
        (("PR", "SD", "PR"), CONFIRMED, "SD"),
        (("PR", "SD", "PR"), replace(CONFIRMED, max_sd_between=1), "PR"),
        (("PR", "SD", "PR", "PR"), CONFIRMED, "PR"),
        (("PR", "CR", "CR"), CONFIRMED, "CR"),
        (("PR", "PD", "PR", "PR"), CONFIRMED, "SD"),
        (("SD", "CR", "PD", "CR"), CONFIRMED, "SD"),
    ],
)
def test_what_may_lie_between_a_response_and_its_confirmation(
    names: tuple[str, ...], policy: Policy, expected: str
) -> None:
    assert best(*names, policy=policy) == expected


@pytest.mark.req("R-RECIST-14")
def test_partial_after_complete_inside_the_confirmation_period_blocks_it() -> None:
    policy = replace(CONFIRMED, minimum_sd_days=0)
    assert best("PR", "CR", "PR", step=14, policy=policy) == "SD"


@pytest.mark.req("R-RECIST-14")
def test_targets_gone_with_non_targets_not_evaluated_confirms_partial_but_not_complete() -> None:
    first, second = responses("CR", "PR")
    unknown = replace(second, target=Response.CR, non_target=Response.NE)
    assert best_overall([first, unknown], CONFIRMED).response is Response.PR
    (third,) = responses("CR", "CR", "CR")[2:]
    assert best_overall([first, unknown, third], CONFIRMED).response is Response.CR


@pytest.mark.req("R-RECIST-15")
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("PR", "SD"), "PR"),
        (("SD", "CR", "PD"), "CR"),
        (("CR", "PR"), "CR"),
        (("PD", "CR"), "PD"),
        (("NE", "SD"), "SD"),
        (("NE", "PD"), "PD"),
    ],
)
def test_without_confirmation_the_best_response_before_progression_counts(
    names: tuple[str, ...], expected: str
) -> None:
    assert best(*names, policy=UNCONFIRMED) == expected


@pytest.mark.req("R-RECIST-15")
def test_stable_disease_before_the_minimum_time_from_the_start_is_not_evaluable() -> None:
    assert best("SD", policy=UNCONFIRMED, step=41) == "NE"
    assert best("SD", policy=UNCONFIRMED, step=42) == "SD"
    assert best("SD", policy=replace(UNCONFIRMED, start_day=1), step=42) == "NE"


@pytest.mark.req("R-RECIST-15")
def test_without_targets_the_middle_response_is_non_cr_non_pd() -> None:
    found = responses("NON-CR/NON-PD", "PD", is_measurable=False)
    assert best_overall(found, CONFIRMED).response is Response.NON_CR_NON_PD
    unconfirmed = responses("CR", "PD", is_measurable=False)
    assert best_overall(unconfirmed, CONFIRMED).response is Response.NON_CR_NON_PD


@pytest.mark.req("R-RECIST-15")
def test_nothing_counts_after_another_anticancer_therapy_began() -> None:
    found = responses("SD", "PR", "PR", "PD")
    assert best_overall(found, CONFIRMED, new_therapy_day=100).response is Response.SD
    assert best_overall(found, CONFIRMED, new_therapy_day=168).response is Response.PR
    assert progression_day(found, new_therapy_day=200) is None
    assert progression_day(found) == 224


@pytest.mark.req("R-RECIST-15")
def test_no_visit_after_baseline_is_missing_or_not_evaluable_as_the_policy_says() -> None:
    assert best() == "MISSING"
    assert best(policy=replace(CONFIRMED, no_visit=NoVisit.NOT_EVALUABLE)) == "NE"


@pytest.mark.req("R-RECIST-15")
def test_responses_out_of_order_are_refused() -> None:
    first, second = responses("PR", "PR")
    with pytest.raises(CriteriaError, match="order of day"):
        best_overall([second, first], CONFIRMED)


@pytest.mark.req("R-RECIST-08", "R-RECIST-13")
def test_a_held_partial_response_does_not_confirm_itself() -> None:
    found = assess(one_lesion("100", "70", "80", "80"), CONFIRMED)
    assert best_overall(found, CONFIRMED).response is Response.SD

"""Worked cases of the target lesion table (RECIST 1.1 sections 4.3.1 and 4.3.2)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from endpoints.criteria.recist11 import (
    CrThenReappears,
    LesionState,
    NonTargetState,
    PrAfterPr,
    Response,
    TargetFinding,
    assess,
    sum_of_diameters,
)
from tests.endpoints.criteria.histories import CONFIRMED, UNCONFIRMED, lesion, node, one_lesion, other, visit


def targets_of(*sizes: str) -> list[str | None]:
    return [response.target for response in assess(one_lesion(*sizes), UNCONFIRMED)]


@pytest.mark.req("R-RECIST-01")
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (("100", "gone"), ["CR"]),
        (("100", "0"), ["CR"]),
        (("100", "small"), ["PR"]),
        (("100", "gone", "4"), ["CR", "PD"]),
        (("100", "gone", "gone"), ["CR", "CR"]),
        (("100", "50", "60"), ["PR", "PD"]),
        (("100", "?"), ["NE"]),
        (("100", "70"), ["PR"]),
        (("100", "71"), ["SD"]),
        (("100", "119.9"), ["SD"]),
        (("100", "120"), ["PD"]),
        (("165", "63", "65"), ["PR", "PR"]),
        (("100", "70", "70", "80", "80"), ["PR", "PR", "PR", "PR"]),
        (("100", "70", "?", "80"), ["PR", "NE", "PR"]),
        (("100", "70", "84"), ["PR", "PD"]),
        (("100", "90", "80"), ["SD", "SD"]),
    ],
)
def test_each_row_of_the_target_table_gives_its_response(sizes: tuple[str, ...], expected: list[str]) -> None:
    assert targets_of(*sizes) == expected


@pytest.mark.req("R-RECIST-02")
@pytest.mark.parametrize("tenths", range(101, 1001, 7))
def test_exactly_minus_30_percent_is_pr_and_a_hundredth_more_is_not(tenths: int) -> None:
    baseline = Decimal(tenths) / 10
    border = baseline * 7 / 10
    assert targets_of(str(baseline), str(border)) == ["PR"]
    assert targets_of(str(baseline), str(border + Decimal("0.01"))) == ["SD"]


@pytest.mark.req("R-RECIST-02")
@pytest.mark.parametrize("tenths", range(251, 1001, 7))
def test_exactly_plus_20_percent_is_pd_and_a_hundredth_less_is_not(tenths: int) -> None:
    baseline = Decimal(tenths) / 10
    border = baseline * 12 / 10
    assert targets_of(str(baseline), str(border)) == ["PD"]
    assert targets_of(str(baseline), str(border - Decimal("0.01"))) == ["SD"]


@pytest.mark.req("R-RECIST-02")
@pytest.mark.parametrize("tenths", range(101, 250, 3))
def test_below_25_mm_exactly_5_mm_more_is_pd_and_a_hundredth_less_is_not(tenths: int) -> None:
    baseline = Decimal(tenths) / 10
    assert targets_of(str(baseline), str(baseline + 5)) == ["PD"]
    assert targets_of(str(baseline), str(baseline + Decimal("4.99"))) == ["SD"]


@pytest.mark.req("R-RECIST-02")
def test_20_percent_without_5_mm_and_5_mm_without_20_percent_are_not_pd() -> None:
    assert targets_of("20", "24.9") == ["SD"]
    assert targets_of("100", "110") == ["SD"]


@pytest.mark.req("R-RECIST-03")
def test_a_node_below_10_mm_is_complete_response_with_a_sum_that_is_not_zero() -> None:
    history = [visit(0, lesion("20"), node("18")), visit(1, lesion("gone"), node("9.9"))]
    (response,) = assess(history, CONFIRMED)
    assert (response.target, response.sum_mm) == (Response.CR, Decimal("9.9"))


@pytest.mark.req("R-RECIST-03")
def test_a_node_of_exactly_10_mm_is_not_a_complete_response() -> None:
    (response,) = assess(one_lesion("18", "10.0", is_node=True), CONFIRMED)
    assert response.target is Response.PR


@pytest.mark.req("R-RECIST-03")
def test_a_node_that_returns_to_10_mm_after_complete_response_is_progression() -> None:
    history = one_lesion("18", "8", "9.9", "10", is_node=True)
    assert [response.target for response in assess(history, CONFIRMED)] == ["CR", "CR", "PD"]


@pytest.mark.req("R-RECIST-04")
def test_a_visit_with_a_missing_target_never_sets_the_nadir() -> None:
    history = [
        visit(0, lesion("50"), lesion("50", label="T2")),
        visit(1, lesion("40"), lesion("?", label="T2")),
        visit(2, lesion("45"), lesion("45", label="T2")),
    ]
    first, second = assess(history, CONFIRMED)
    assert (first.target, first.sum_mm) == (Response.NE, None)
    assert (second.target, second.nadir_mm) == (Response.SD, Decimal(100))


@pytest.mark.req("R-RECIST-04")
def test_the_nadir_is_the_smallest_earlier_sum_with_baseline_and_without_the_visit_itself() -> None:
    nadirs = [response.nadir_mm for response in assess(one_lesion("50", "60", "40", "45"), CONFIRMED)]
    assert nadirs == [Decimal(50), Decimal(50), Decimal(40)]


@pytest.mark.req("R-RECIST-05")
def test_a_missing_target_is_not_evaluable_unless_the_measured_ones_alone_progress() -> None:
    start = visit(0, lesion("50"), lesion("20", label="T2"))
    missing = lesion("?", label="T2")
    (unsure,) = assess([start, visit(1, lesion("80"), missing)], CONFIRMED)
    (certain,) = assess([start, visit(1, lesion("84"), missing)], CONFIRMED)
    assert (unsure.target, certain.target) == (Response.NE, Response.PD)


@pytest.mark.req("R-RECIST-06")
def test_too_small_counts_5_mm_and_a_measured_3_mm_stays_3() -> None:
    tiny = TargetFinding(label="T2", is_node=False, state=LesionState.TOO_SMALL, diameter_mm=Decimal(3))
    assert sum_of_diameters(visit(1, lesion("small"), tiny)) == Decimal(8)
    assert sum_of_diameters(visit(1, lesion("3"))) == Decimal(3)


@pytest.mark.req("R-RECIST-06")
def test_merged_lesions_count_once_and_go_only_with_the_lesion_they_merged_into() -> None:
    merged = TargetFinding(label="T2", is_node=False, state=LesionState.MERGED, merged_into="T1")
    start = visit(0, lesion("30"), lesion("20", label="T2"))
    grown, gone, unknown = (
        assess([start, visit(1, lesion(size), merged)], CONFIRMED)[0] for size in ("45", "gone", "?")
    )
    assert (grown.sum_mm, grown.target) == (Decimal(45), Response.SD)
    assert (gone.target, unknown.target) == (Response.CR, Response.NE)


@pytest.mark.req("R-RECIST-07")
def test_a_lesion_that_reappears_without_an_earlier_complete_response_only_adds_to_the_sum() -> None:
    history = [
        visit(0, lesion("75"), lesion("25", label="T2")),
        visit(1, lesion("75"), lesion("gone", label="T2")),
        visit(2, lesion("74"), lesion("10", label="T2")),
    ]
    assert [response.target for response in assess(history, CONFIRMED)] == ["SD", "SD"]


@pytest.mark.req("R-RECIST-07")
def test_targets_gone_beside_lasting_non_targets_leave_no_complete_response_to_relapse_from() -> None:
    rest = [other(NonTargetState.PRESENT)]
    sizes = enumerate(("20", "gone", "4"))
    history = [visit(number, lesion(size), non_targets=rest) for number, size in sizes]
    assert [response.target for response in assess(history, CONFIRMED)] == ["CR", "PR"]


@pytest.mark.req("R-RECIST-07")
def test_the_policy_can_reread_an_unconfirmed_complete_response_as_partial() -> None:
    policy = replace(UNCONFIRMED, cr_then_reappears=CrThenReappears.REREAD_AS_PR)
    first, second = assess(one_lesion("100", "gone", "40"), policy)
    assert (first.overall_as_read, first.overall, first.target, first.sum_mm) == ("CR", "PR", "PR", None)
    assert (second.target, second.overall, second.nadir_mm) == ("PR", "PR", Decimal(100))
    assert "Re-read" in first.explanation


@pytest.mark.req("R-RECIST-07")
@pytest.mark.parametrize("sizes", [("100", "gone", "gone", "40"), ("100", "gone", "90")])
def test_a_confirmed_complete_response_or_a_relapse_beyond_pr_is_not_reread(sizes: tuple[str, ...]) -> None:
    policy = replace(UNCONFIRMED, cr_then_reappears=CrThenReappears.REREAD_AS_PR)
    found = [response.overall for response in assess(one_lesion(*sizes), policy)]
    assert found == ["CR"] * (len(sizes) - 2) + ["PD"]


@pytest.mark.req("R-RECIST-08")
def test_the_strict_policy_lets_each_visit_after_pr_stand_alone() -> None:
    policy = replace(UNCONFIRMED, pr_after_pr=PrAfterPr.STRICT)
    found = [response.target for response in assess(one_lesion("100", "70", "70", "80", "80"), policy)]
    assert found == ["PR", "PR", "SD", "SD"]


@pytest.mark.req("R-RECIST-08")
def test_where_confirmation_is_required_only_a_confirmed_pr_is_held() -> None:
    once = [response.target for response in assess(one_lesion("100", "70", "80"), CONFIRMED)]
    twice = [response.target for response in assess(one_lesion("100", "70", "70", "80", "80"), CONFIRMED)]
    assert (once, twice) == (["PR", "SD"], ["PR", "PR", "PR", "PR"])


@pytest.mark.req("R-RECIST-09")
def test_changes_are_shown_to_a_tenth_and_decided_exactly() -> None:
    (response,) = assess(one_lesion("33.3", "23.32"), CONFIRMED)
    assert (response.change_from_baseline_pct, response.target) == (Decimal("-30.0"), Response.SD)
    assert (response.change_from_nadir_mm, response.change_from_nadir_pct) == (
        Decimal("-9.98"),
        Decimal("-30.0"),
    )


@pytest.mark.req("R-RECIST-09")
def test_the_explanation_names_the_row_and_the_numbers() -> None:
    (response,) = assess(one_lesion("100", "70"), CONFIRMED)
    assert "Target row 5: the sum of 70 mm is at least 30 % below the baseline of 100 mm" in response.explanation
    assert "Overall row 7" in response.explanation

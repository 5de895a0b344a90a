"""Worked cases of the overall response table, non-targets, markers and new lesions (RECIST 1.1 section 4)."""

from dataclasses import replace

import pytest

from endpoints.criteria.recist11 import (
    CrThenReappears,
    MarkerState,
    NewLesionState,
    NonTargetState,
    Response,
    Visit,
    assess,
    best_overall,
    progression_day,
)
from tests.endpoints.criteria.histories import CONFIRMED, UNCONFIRMED, lesion, new, one_lesion, other, visit

SIZES = {"CR": "gone", "PR": "50", "SD": "100", "PD": "150", "NE": "?"}
STATES = {
    "CR": NonTargetState.ABSENT,
    "NON": NonTargetState.PRESENT,
    "PD": NonTargetState.PROGRESSED,
    "NE": NonTargetState.NOT_EVALUATED,
}


def overall(target: str, non_target: str, newness: NewLesionState | None = None) -> Response:
    """One visit with the wished target and non-target responses; "-" means none at baseline."""
    start, now = (
        visit(
            number,
            *([lesion(size)] if target != "-" else []),
            non_targets=[other(state)] if non_target != "-" else [],
            new_lesions=[new(newness)] if number and newness else [],
        )
        for number, size, state in (
            (0, "100", NonTargetState.PRESENT),
            (1, SIZES.get(target, ""), STATES.get(non_target, NonTargetState.PRESENT)),
        )
    )
    return assess([start, now], CONFIRMED)[0].overall


@pytest.mark.req("R-RECIST-10")
@pytest.mark.parametrize("target", ["CR", "PR", "SD", "PD", "NE", "-"])
@pytest.mark.parametrize("non_target", ["CR", "NON", "PD", "NE", "-"])
def test_an_unequivocal_new_lesion_is_progression_whatever_else_is_there(target: str, non_target: str) -> None:
    assert overall(target, non_target, NewLesionState.UNEQUIVOCAL) is Response.PD


@pytest.mark.req("R-RECIST-10")
@pytest.mark.parametrize(
    ("target", "non_target", "expected"),
    [
        *(("PD", non_target, "PD") for non_target in ("CR", "NON", "PD", "NE", "-")),
        *((target, "PD", "PD") for target in ("CR", "PR", "SD", "NE", "-")),
        *(("NE", non_target, "NE") for non_target in ("CR", "NON", "NE", "-")),
        ("CR", "CR", "CR"),
        ("CR", "-", "CR"),
        ("CR", "NON", "PR"),
        ("CR", "NE", "PR"),
        *(("PR", non_target, "PR") for non_target in ("CR", "NON", "NE", "-")),
        *(("SD", non_target, "SD") for non_target in ("CR", "NON", "NE", "-")),
        ("-", "CR", "CR"),
        ("-", "NON", "NON-CR/NON-PD"),
        ("-", "NE", "NE"),
        ("-", "-", "NE"),
    ],
)
@pytest.mark.parametrize("newness", [None, NewLesionState.EQUIVOCAL])
def test_each_row_of_the_overall_table_gives_its_response(
    target: str, non_target: str, expected: str, newness: NewLesionState | None
) -> None:
    assert overall(target, non_target, newness) == expected


def non_target_of(*states: NonTargetState, markers: MarkerState = MarkerState.NOT_FOLLOWED) -> str | None:
    count = range(len(states))
    start = [other(NonTargetState.PRESENT, label=f"NT{index}", is_node=True) for index in count]
    now = [other(state, label=f"NT{index}", is_node=True) for index, state in enumerate(states)]
    history = [visit(0, non_targets=start), visit(1, non_targets=now, markers=markers)]
    return assess(history, CONFIRMED)[0].non_target


@pytest.mark.req("R-RECIST-11")
def test_non_target_complete_response_needs_all_gone_or_normal_and_markers_normal() -> None:
    gone, normal = NonTargetState.ABSENT, NonTargetState.NORMAL_NODE
    assert non_target_of(gone, normal) == "CR"
    assert non_target_of(gone, normal, markers=MarkerState.NORMAL) == "CR"
    assert non_target_of(gone, normal, markers=MarkerState.RAISED) == "NON-CR/NON-PD"
    assert non_target_of(gone, normal, markers=MarkerState.NOT_EVALUATED) == "NE"
    assert non_target_of(gone, NonTargetState.PRESENT) == "NON-CR/NON-PD"
    assert non_target_of(gone, NonTargetState.NOT_EVALUATED, NonTargetState.PRESENT) == "NE"
    assert non_target_of(NonTargetState.NOT_EVALUATED, NonTargetState.PROGRESSED) == "PD"


@pytest.mark.req("R-RECIST-11")
def test_raised_markers_deny_complete_response_even_without_non_target_lesions() -> None:
    history = one_lesion("50", "gone")
    assert assess([history[0], replace(history[1], markers=MarkerState.RAISED)], CONFIRMED)[0].overall == "PR"


@pytest.mark.req("R-RECIST-11")
def test_markers_that_rise_after_complete_response_neither_confirm_it_nor_make_progression() -> None:
    history = one_lesion("50", "gone", "gone", "gone")
    history[2] = replace(history[2], markers=MarkerState.RAISED)
    found = assess(history, CONFIRMED)
    assert [response.overall for response in found] == ["CR", "PR", "CR"]
    assert best_overall(found, CONFIRMED).response is Response.CR


def equivocal_then(*later: NewLesionState) -> list[Visit]:
    states = [NewLesionState.EQUIVOCAL, *later]
    return [
        visit(0, lesion("50")),
        visit(1, lesion("50")),
        *(visit(number, lesion("50"), new_lesions=[new(state)]) for number, state in enumerate(states, start=2)),
    ]


@pytest.mark.req("R-RECIST-12")
def test_an_equivocal_new_lesion_is_no_progression_yet() -> None:
    found = assess(equivocal_then(NewLesionState.EQUIVOCAL), CONFIRMED)
    assert [response.overall for response in found] == ["SD", "SD", "SD"]
    assert progression_day(found) is None


@pytest.mark.req("R-RECIST-12")
def test_an_equivocal_new_lesion_confirmed_later_dates_progression_back() -> None:
    found = assess(equivocal_then(NewLesionState.EQUIVOCAL, NewLesionState.UNEQUIVOCAL), CONFIRMED)
    assert [response.overall for response in found] == ["SD", "PD", "PD", "PD"]
    assert [response.overall_as_read for response in found] == ["SD", "SD", "SD", "PD"]
    assert progression_day(found) == 112
    assert "unequivocal at visit V4" in found[1].explanation


@pytest.mark.req("R-RECIST-12")
def test_a_response_after_the_dated_back_progression_does_not_count() -> None:
    sizes = ("100", "90", "90", "50", "50")
    states = {2: NewLesionState.EQUIVOCAL, 4: NewLesionState.UNEQUIVOCAL}
    history = [
        visit(number, lesion(size), new_lesions=[new(states[number])] if number in states else [])
        for number, size in enumerate(sizes)
    ]
    assert best_overall(assess(history, UNCONFIRMED), UNCONFIRMED).response is Response.SD


def relapse(*, is_node: bool) -> list[Visit]:
    states = [NonTargetState.PRESENT, NonTargetState.ABSENT, NonTargetState.PRESENT]
    return [
        visit(number, lesion(size), non_targets=[other(state, is_node=is_node)])
        for number, (size, state) in enumerate(zip(("50", "gone", "gone"), states, strict=True))
    ]


@pytest.mark.req("R-RECIST-07")
def test_non_target_disease_seen_again_after_complete_response_is_progression() -> None:
    assert [response.overall for response in assess(relapse(is_node=False), CONFIRMED)] == ["CR", "PD"]


@pytest.mark.req("R-RECIST-07")
def test_a_non_target_node_seen_again_after_complete_response_must_progress_unequivocally() -> None:
    assert [response.overall for response in assess(relapse(is_node=True), CONFIRMED)] == ["CR", "CR"]


@pytest.mark.req("R-RECIST-07")
def test_non_target_disease_seen_again_can_also_reread_the_complete_response() -> None:
    policy = replace(CONFIRMED, cr_then_reappears=CrThenReappears.REREAD_AS_PR)
    found = assess(relapse(is_node=False), policy)
    assert [(response.overall, response.non_target) for response in found] == [("PR", "NON-CR/NON-PD")] * 2
    assert best_overall(found, policy).response is Response.PR

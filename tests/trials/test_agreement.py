"""The pure rules of consent: one table of states, one of gates, and what holds whatever the order of events."""

import datetime as dt
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trials.agreement import (
    EFFECTS,
    GATES,
    LEVELS,
    MOVES,
    Allowed,
    Effect,
    Event,
    Form,
    Gate,
    Level,
    Module,
    OutOfOrderError,
    Reconsent,
    Row,
    Standing,
    State,
    Why,
    judge,
    stand,
    step,
)

DAY = dt.date(2026, 3, 1)
# On a busy machine one example may take long.
UNHURRIED = settings(deadline=None)
ALL = frozenset(Module)
FIRST = Form(key=1, modules=ALL)
NEXT = Form(key=2, modules=ALL, reconsent=Reconsent.ASK, earlier=frozenset({1}))
BLOCKING = Form(key=2, modules=ALL, reconsent=Reconsent.BLOCK, earlier=frozenset({1}))
# Design 3c, word for word: what each level does to each gate.
TABLE = """
          W1    W2         W3       W4       W5       W6
receive   open  follow_up  earlier  earlier  earlier  closed
file      open  follow_up  earlier  earlier  earlier  closed
assign    open  open       closed   closed   closed   closed
read      open  open       finish   finish   finish   closed
compute   open  open       closed   closed   closed   closed
export    open  open       marked   marked   marked   closed
secondary open  open       marked   closed   closed   closed
"""


def row(key: int, event: Event, *, form: int = 1, modules: frozenset[Module] = ALL, **told: object) -> Row:
    return Row(key=key, form=form, event=event, modules=modules, on=DAY, **told)  # type: ignore[arg-type]


def valid(*, form: int = 1, key: int = 1) -> list[Row]:
    return [row(key, Event.GIVEN, form=form), row(key + 1, Event.CONFIRMED, form=form, of=key)]


def at(rows: Iterable[Row], *forms: Form, today: dt.date = DAY) -> Standing:
    return stand(rows, forms or (FIRST,), today=today)


def open_gates(standing: Standing) -> set[Gate]:
    return {gate for gate in Gate if judge(standing, gate, is_restricted=False).is_open}


@pytest.mark.req("R-CONS-01")
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_an_event_moves_as_the_table_says_or_is_refused(state: State, event: Event) -> None:
    if (state, event) in MOVES:
        assert step(state, event) is MOVES[state, event]
    else:
        with pytest.raises(OutOfOrderError):
            step(state, event)


@pytest.mark.req("R-CONS-01")
def test_only_a_check_makes_a_consent_valid() -> None:
    ways = {event for (_state, event), to in MOVES.items() if to is State.VALID and _state is not State.VALID}
    assert ways == {Event.CONFIRMED}
    assert {state for (state, event), to in MOVES.items() if to is State.VALID} == {State.GIVEN, State.VALID}


@pytest.mark.req("R-CONS-01")
def test_a_consent_goes_from_not_asked_to_valid_by_asking_giving_and_checking() -> None:
    rows = [row(1, Event.ASKED), row(2, Event.GIVEN), row(3, Event.CONFIRMED, of=2)]
    states = [at(rows[:count]).state_of(Module.IMAGING) for count in range(4)]
    assert states == [State.NOT_ASKED, State.ASKED, State.GIVEN, State.VALID]
    assert at(rows[:2]).pending == (2,)
    assert at(rows).pending == ()


@pytest.mark.req("R-CONS-03")
def test_no_gate_opens_before_the_check() -> None:
    assert open_gates(at([row(1, Event.GIVEN)])) == set()
    assert open_gates(at([row(1, Event.GIVEN), row(2, Event.REJECTED, of=1)])) == set()
    assert open_gates(at(valid())) == set(Gate)


@pytest.mark.req("R-CONS-07")
@pytest.mark.parametrize("line", TABLE.strip().splitlines()[1:])
def test_the_levels_do_at_each_gate_what_the_design_says(line: str) -> None:
    gate, *effects = line.split()
    assert [EFFECTS[Gate(gate), level] for level in Level] == [Effect(effect) for effect in effects]


@pytest.mark.req("R-CONS-07")
@pytest.mark.parametrize("level", Level)
def test_what_a_level_leaves_open_stays_open_for_a_valid_consent(level: Level) -> None:
    standing = at([*valid(), row(3, Event.WITHDRAWN, modules=frozenset(), level=level)])
    goes_on = {Effect.OPEN, Effect.FINISH, Effect.MARKED}
    assert open_gates(standing) == {gate for gate in Gate if EFFECTS[gate, level] in goes_on}
    assert (standing.level, standing.withdrawn_on) == (level, DAY)


@pytest.mark.req("R-CONS-10")
@pytest.mark.parametrize("level", [Level.W2, Level.W3, Level.W4, Level.W5])
@pytest.mark.parametrize("allowed", Allowed)
def test_a_scan_comes_after_a_withdrawal_only_with_the_right_confirmation(level: Level, allowed: Allowed) -> None:
    standing = at([*valid(), row(3, Event.WITHDRAWN, modules=frozenset(), level=level)])
    told = judge(standing, Gate.RECEIVE, is_restricted=False, allowed={allowed})
    assert told.is_open == (EFFECTS[Gate.RECEIVE, level].value == allowed.value)


@pytest.mark.req("R-CONS-13")
def test_a_restriction_stops_use_and_not_storage() -> None:
    stopped = {gate for gate in Gate if judge(at(valid()), gate, is_restricted=True).why is Why.RESTRICTED}
    assert stopped == {Gate.ASSIGN, Gate.READ, Gate.COMPUTE, Gate.EXPORT, Gate.SECONDARY}


@pytest.mark.req("R-CONS-05")
@pytest.mark.parametrize(("newer", "stopped"), [(NEXT, set()), (BLOCKING, {Gate.RECEIVE})])
def test_a_new_version_is_due_and_stops_the_next_scan_only_where_it_says_so(newer: Form, stopped: set[Gate]) -> None:
    standing = at(valid(), FIRST, newer)
    assert standing.state_of(Module.IMAGING) is State.RECONSENT_DUE
    assert set(Gate) - open_gates(standing) == stopped
    signed = [*valid(), row(3, Event.GIVEN, form=2)]
    assert set(Gate) - open_gates(at(signed, FIRST, newer)) == stopped
    checked = [*signed, row(4, Event.CONFIRMED, form=2, of=3)]
    assert open_gates(at(checked, FIRST, newer)) == set(Gate)


@pytest.mark.req("R-CONS-05")
def test_a_version_that_is_not_open_at_the_site_asks_nobody() -> None:
    closed = Form(key=2, modules=ALL, reconsent=Reconsent.BLOCK, earlier=frozenset({1}), is_open=False)
    assert at(valid(), FIRST, closed).state_of(Module.IMAGING) is State.VALID


@pytest.mark.req("R-CONS-05")
def test_who_refuses_the_new_version_is_not_held_to_the_old_one() -> None:
    refused = [*valid(), row(3, Event.REFUSED, form=2)]
    assert open_gates(at(refused, FIRST, NEXT)) == set()
    assert open_gates(at([*refused, row(4, Event.ASKED, form=2)], FIRST, NEXT)) == set()


@pytest.mark.req("R-CONS-01")
def test_a_consent_expires_after_its_days_and_a_new_paper_renews_it() -> None:
    yearly = Form(key=1, modules=ALL, valid_days=365)
    late = DAY + dt.timedelta(days=366)
    assert at(valid(), yearly, today=DAY + dt.timedelta(days=365)).state_of(Module.IMAGING) is State.VALID
    assert at(valid(), yearly, today=late).state_of(Module.IMAGING) is State.EXPIRED
    paper = Row(key=3, form=1, event=Event.GIVEN, modules=ALL, on=late)
    renewed = [*valid(), paper, Row(key=4, form=1, event=Event.CONFIRMED, modules=ALL, on=late, of=3)]
    assert at(renewed, yearly, today=late).state_of(Module.IMAGING) is State.VALID


@pytest.mark.req("R-CONS-16")
def test_a_single_module_is_taken_back_alone() -> None:
    gone = row(3, Event.WITHDRAWN, modules=frozenset({Module.SECONDARY}))
    assert open_gates(at([*valid(), gone])) == set(Gate) - {Gate.SECONDARY}


@pytest.mark.req("R-CONS-07")
def test_a_new_checked_consent_follows_w3_but_nothing_follows_w5_and_w6() -> None:
    for level in (Level.W3, Level.W5, Level.W6):
        rows = [*valid(), row(3, Event.WITHDRAWN, modules=frozenset(), level=level), *valid(key=4)]
        is_open = Gate.RECEIVE in open_gates(at(rows))
        assert is_open == (not level.is_final)


def paper_of(rows: list[Row]) -> int | None:
    judged = {each.of for each in rows}
    return next((r.key for r in reversed(rows) if r.event is Event.GIVEN and r.key not in judged), None)


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Any sequence of acts that fits, on two versions, with levels and single modules."""
    rows = draw(st.sampled_from([[], valid(key=-3), [*valid(key=-3), *valid(key=-1, form=2)]])).copy()
    for key in range(1, draw(st.integers(1, 8)) + 1):
        event = draw(st.sampled_from([e for e in Event if e not in {Event.EXPIRED, Event.SUPERSEDED}]))
        modules = draw(st.sets(st.sampled_from(sorted(Module)), min_size=1).map(frozenset))
        level = draw(st.none() | st.sampled_from(sorted(Level))) if event is Event.WITHDRAWN else None
        is_check = event in {Event.CONFIRMED, Event.REJECTED}
        of = paper_of(rows) if is_check else None
        form = draw(st.integers(1, 2))
        if is_check:
            if of is None:
                continue
            paper = next(each for each in rows if each.key == of)
            form, modules = paper.form, paper.modules
        made = row(key, event, form=form, modules=frozenset() if level else modules, level=level, of=of)
        try:
            at([*rows, made], FIRST, NEXT)
        except OutOfOrderError:
            continue
        rows.append(made)
    return rows


@pytest.mark.req("R-CONS-02")
@UNHURRIED
@given(histories(), st.sampled_from([NEXT, BLOCKING]))
def test_nothing_but_a_second_persons_check_ever_opens_a_gate(rows: list[Row], newer: Form) -> None:
    steps = [open_gates(at(rows[:count], FIRST, newer)) for count in range(len(rows) + 1)]
    for made, (before, after) in zip(rows, pairwise(steps), strict=True):
        if made.event is not Event.CONFIRMED:
            assert after <= before, made


@pytest.mark.req("R-CONS-02")
@UNHURRIED
@given(histories(), st.sampled_from(sorted(Level)), st.sampled_from(sorted(Level)))
def test_a_higher_level_never_opens_what_a_lower_one_closes(rows: list[Row], one: Level, other: Level) -> None:
    low, high = sorted((one, other))
    gone = [
        open_gates(at([*rows, row(99, Event.WITHDRAWN, modules=frozenset(), level=level)], FIRST, NEXT))
        for level in (low, high)
    ]
    assert gone[1] <= gone[0]
    assert LEVELS[low] <= LEVELS[high]


@pytest.mark.req("R-CONS-02")
@UNHURRIED
@given(histories())
def test_after_w6_every_gate_is_closed_for_good(rows: list[Row]) -> None:
    gone = row(99, Event.WITHDRAWN, modules=frozenset(), level=Level.W6)
    assert open_gates(at([*rows, gone, *valid(key=100)], FIRST, NEXT)) == set()
    assert set(GATES) == set(Gate)

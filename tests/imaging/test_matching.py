"""The rule that names a visit for a scan that came without: from facts alone, and never by a guess."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.matching import Scan, Visit, choose, order
from imaging.qc import IdentityMatch, TimePointWindow

ZERO = dt.date(2026, 3, 2)
SAME, OTHER = IdentityMatch.SAME, [match for match in IdentityMatch if match is not IdentityMatch.SAME]


def scan(day: int | None = 0, *, study: str = "2.25.1", person: int = 1) -> Scan:
    taken_on = None if day is None else ZERO + dt.timedelta(days=day)
    return Scan(study=study, person=person, taken_on=taken_on, files=5, series=1, modalities=("CT",))


def visit(
    target: int = 0,
    *,
    subject: str = "A",
    identity: IdentityMatch = SAME,
    studies: tuple[str, ...] = (),
    takes: bool = True,
    slack: int = 7,
) -> Visit:
    return Visit(
        key=target,
        subject=subject,
        name=f"day {target}",
        identity=identity,
        day_zero=ZERO,
        window=TimePointWindow(target_day=target, before=slack, after=slack),
        studies=frozenset(studies),
        takes=takes,
    )


PLAN = [visit(0), visit(42), visit(84)]


@pytest.mark.req("R-SORT-01")
@pytest.mark.parametrize(("day", "target"), [(0, 0), (35, 42), (49, 42), (80, 84)])
def test_a_known_persons_scan_belongs_to_the_only_visit_whose_window_holds_its_day(day: int, target: int) -> None:
    chosen = choose([scan(day)], PLAN)
    assert chosen is not None
    assert chosen.key == target


@pytest.mark.req("R-SORT-01")
def test_a_study_that_is_filed_already_brings_its_later_images_along_whatever_their_day() -> None:
    holding = visit(42, studies=("2.25.7",))
    assert choose([scan(3, study="2.25.7")], [visit(0), holding]) == holding
    assert choose([scan(None, study="2.25.7")], [visit(0), holding]) == holding


@pytest.mark.req("R-SORT-02")
@pytest.mark.parametrize(
    ("scans", "visits"),
    [
        ([], PLAN),
        ([scan(0)], []),
        # Between the windows; without a day; two windows that overlap.
        ([scan(20)], PLAN),
        ([scan(None)], PLAN),
        ([scan(20)], [visit(0, slack=30), visit(42, slack=30)]),
        # Two persons, nobody, two visits.
        ([scan(0), scan(0, study="2.25.2", person=2)], PLAN),
        ([scan(0), scan(0, study="2.25.2", person=0)], PLAN),
        ([scan(0), scan(42, study="2.25.2")], PLAN),
        # Known as two subjects; the study is filed twice; the visit takes no more.
        ([scan(0)], [visit(0), visit(0, subject="B")]),
        ([scan(0)], [visit(0, studies=("2.25.1",)), visit(42, studies=("2.25.1",))]),
        ([scan(0)], [visit(0, takes=False), visit(42)]),
        # An accepted visit whose window overlaps keeps the scan from being taken for the next one's.
        ([scan(20)], [visit(0, slack=30, takes=False), visit(42, slack=30)]),
    ],
)
def test_wherever_two_answers_or_none_are_possible_a_person_must_say(scans: list[Scan], visits: list[Visit]) -> None:
    assert choose(scans, visits) is None


@pytest.mark.req("R-SORT-02")
@given(
    st.lists(
        st.builds(
            visit,
            st.integers(-10, 100),
            subject=st.sampled_from("AB"),
            identity=st.sampled_from(IdentityMatch),
            takes=st.booleans(),
        ),
        max_size=6,
    ),
    st.integers(-20, 120),
)
def test_nothing_is_matched_but_the_same_person_inside_the_window(visits: list[Visit], day: int) -> None:
    chosen = choose([scan(day)], visits)
    if chosen is not None:
        assert (chosen.identity, chosen.days_off(scan(day)), chosen.takes) == (SAME, 0, True)
        assert {each.subject for each in visits if each.identity is SAME} == {chosen.subject}


@pytest.mark.req("R-SORT-03")
def test_a_person_sees_the_same_person_first_and_then_the_nearest_window() -> None:
    strange, near, far = visit(0, identity=IdentityMatch.DIFFERS), visit(42), visit(0)
    first = visit(40, identity=IdentityMatch.FIRST)
    assert order([strange, far, first, near], scan(40)) == [near, far, first, strange]
    assert [each.days_off(scan(40)) for each in (near, far)] == [0, 33]
    assert visit(84).days_off(scan(40)) == -37

"""The rule that names a visit for a scan that came without: from facts alone, and never by a guess."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.matching import Scan, Visit, choose, divide, order
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


def never(_scans: list[Scan]) -> bool:
    return False


@pytest.mark.req("R-SORT-05")
@given(
    st.lists(
        st.builds(
            scan,
            st.none() | st.integers(0, 2),
            study=st.sampled_from(["2.25.1", "2.25.2", "2.25.3"]),
            person=st.integers(0, 3),
        ),
        max_size=12,
    ),
    st.sets(st.integers(1, 3)),
)
def test_every_scan_is_in_one_part_and_no_part_is_of_two_persons_or_of_visits_that_no_one_takes(
    scans: list[Scan], fitting: set[int]
) -> None:
    parts = divide(scans, fits=lambda mine: mine[0].person in fitting)
    assert sorted((one for part in parts for one in part), key=str) == sorted(scans, key=str)
    marks = [{(one.person, one.study) for one in part} for part in parts]
    assert sum(map(len, marks)) == len(set().union(*marks)), "no study is divided"
    for part, studies in zip(parts, marks, strict=True):
        (person,) = {one.person for one in part}
        assert person or len(studies) == 1, "what names nobody is held together by its study alone"
    whole = [part[0].person for part in parts]
    assert all(whole.count(person) == 1 for person in fitting & set(whole))


@pytest.mark.req("R-SORT-05")
def test_studies_are_one_persons_day_and_a_study_past_midnight_is_of_its_first() -> None:
    chest, liver, next_day = scan(0), scan(0, study="2.25.2"), scan(1, study="2.25.2")
    later, undated = scan(40, study="2.25.3"), scan(None, study="2.25.4")
    assert divide([chest, liver, next_day, later, undated], fits=never) == [
        [chest, liver, next_day],
        [later],
        [undated],
    ]
    assert divide([chest, scan(0, person=2)], fits=never) == [[chest], [scan(0, person=2)]]


@pytest.mark.req("R-SORT-03")
def test_a_person_sees_the_same_person_first_and_then_the_nearest_window() -> None:
    strange, near, far = visit(0, identity=IdentityMatch.DIFFERS), visit(42), visit(0)
    first = visit(40, identity=IdentityMatch.FIRST)
    assert order([strange, far, first, near], scan(40)) == [near, far, first, strange]
    assert [each.days_off(scan(40)) for each in (near, far)] == [0, 33]
    assert visit(84).days_off(scan(40)) == -37

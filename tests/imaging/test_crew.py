"""What the processes of one node tell each other of their lines."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom_node.crew import Crew

NORTE, SUR = "NORTE_PACS", "SUR_PACS"
NAMES = st.lists(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=16), max_size=40)


def crew_of(size: int) -> list[Crew]:
    """The same pages as each of so many processes has them."""
    first = Crew(size)
    crew = [copy.copy(first) for _ in range(size)]
    for number, member in enumerate(crew):
        member.number = number
    return crew


@pytest.mark.req("R-DICOM-04")
@given(here=NAMES, there=NAMES)
def test_associations_of_a_sender_are_counted_in_every_process_but_one_s_own(here: list[str], there: list[str]) -> None:
    first, second = crew_of(2)
    first.tell(lines=len(here), senders=here)
    second.tell(lines=len(there), senders=there)
    for name in {*here, *there}:
        assert first.held_elsewhere(name) == there.count(name)
        assert second.held_elsewhere(name) == here.count(name)


def test_what_ended_is_counted_no_more() -> None:
    first, second = crew_of(2)
    first.tell(lines=3, senders=[NORTE, NORTE, SUR])
    first.tell(lines=1, senders=[SUR])
    assert (second.held_elsewhere(NORTE), second.held_elsewhere(SUR)) == (0, 1)


def test_who_has_more_lines_than_another_knows_it() -> None:
    first, second, third = crew_of(3)
    for member, lines in ((first, 2), (second, 1), (third, 2)):
        member.tell(lines=lines, senders=[])
    assert (first.has_most_lines(2), second.has_most_lines(1), third.has_most_lines(2)) == (True, False, True)


def test_one_process_alone_gives_way_to_nobody() -> None:
    (alone,) = crew_of(1)
    alone.tell(lines=9, senders=[NORTE] * 9)
    assert not alone.has_most_lines(9)
    assert alone.held_elsewhere(NORTE) == 0


def test_more_names_than_a_page_holds_are_cut_and_harm_no_other_page() -> None:
    first, second = crew_of(2)
    second.tell(lines=1, senders=[SUR])
    first.tell(lines=100_000, senders=[NORTE] * 1000)
    assert second.held_elsewhere(NORTE) > 100
    assert first.held_elsewhere(SUR) == 1

"""Lines take turns: one works at a time, in the order of asking, and it is known when all of them wait."""

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from imaging.dicom_node.turns import Turn
from tests.stack import wait_until

PATIENCE = 20


def running(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def waiting(turn: Turn, count: int) -> bool:
    return len(turn._waiting) == count


def take_and_leave(turn: Turn) -> None:
    turn.take()
    turn.leave()


def is_quiet(turn: Turn) -> bool:
    return turn._quiet.is_set()


@pytest.mark.req("R-NODE-14")
def test_whoever_asked_first_is_next_and_a_thread_that_leaves_and_comes_again_asks_anew() -> None:
    turn = Turn()
    order: list[object] = []

    def work(name: int) -> None:
        turn.take()
        order.append(name)
        turn.leave()

    turn.take()
    lines = []
    for name in range(5):
        lines.append(running(partial(work, name)))
        wait_until(partial(waiting, turn, name + 1), seconds=PATIENCE)
    turn.give_way()
    order.append("first")
    turn.leave()
    for line in lines:
        line.join(PATIENCE)
    assert order == [0, 1, 2, 3, 4, "first"]
    assert is_quiet(turn)


@pytest.mark.req("R-NODE-14")
def test_two_never_work_at_once_and_all_come_to_their_end() -> None:
    turn, at_work, most, done = Turn(), 0, 0, []

    def work() -> None:
        nonlocal at_work, most
        turn.take()
        for _ in range(50):
            at_work += 1
            most = max(most, at_work)
            time.sleep(0)
            at_work -= 1
            with turn.left():
                time.sleep(0)
            turn.give_way()
        turn.leave()
        done.append(1)

    lines = [running(work) for _ in range(8)]
    for line in lines:
        line.join(PATIENCE)
    assert (most, len(done), is_quiet(turn)) == (1, 8, True)


@pytest.mark.req("R-NODE-14")
def test_it_is_quiet_only_while_no_line_works_or_would() -> None:
    turn = Turn()
    assert is_quiet(turn)
    turn.take()
    assert not is_quiet(turn)
    with turn.left():
        assert is_quiet(turn)
    assert not is_quiet(turn)
    other = running(partial(take_and_leave, turn))
    wait_until(partial(waiting, turn, 1), seconds=PATIENCE)
    turn.leave()
    other.join(PATIENCE)
    assert is_quiet(turn)


@pytest.mark.req("R-NODE-14")
def test_who_waits_for_the_disk_lets_others_work_and_is_still_waited_for() -> None:
    turn = Turn()
    turn.take()
    with turn.away():
        assert not is_quiet(turn)
        other = running(partial(take_and_leave, turn))
        other.join(PATIENCE)
        assert not other.is_alive()
        assert not is_quiet(turn)
    assert not is_quiet(turn)
    turn.leave()
    assert is_quiet(turn)


@pytest.mark.req("R-NODE-14")
def test_a_failing_disk_is_not_waited_for_any_longer() -> None:
    turn = Turn()
    with pytest.raises(OSError, match="full"), turn.away():
        raise OSError("the disk is full")
    assert is_quiet(turn)


@pytest.mark.req("R-NODE-14")
def test_a_failure_while_others_work_takes_the_turn_back_before_it_is_told() -> None:
    turn = Turn()
    turn.take()
    with pytest.raises(OSError, match="full"), turn.left():
        raise OSError("the disk is full")
    assert not is_quiet(turn)
    turn.leave()


@pytest.mark.req("R-NODE-14")
def test_a_thread_that_is_no_line_has_no_turn_to_leave() -> None:
    turn = Turn()
    turn.take()

    def close() -> None:
        with turn.left():
            assert not is_quiet(turn)

    running(close).join(PATIENCE)
    assert not is_quiet(turn)
    turn.leave()
    assert is_quiet(turn)

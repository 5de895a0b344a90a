"""A node of two processes, beside the running product: one door to those who call, and one life."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from imaging.dicom_node.limits import ASSOCIATIONS_OF_ONE_SENDER
from tests.stack import Stack, wait_until
from tests.wire.test_dicom_faults import Node


class Pair(Node):
    """Two processes: the first, which was started, and the one that it parted from itself."""

    def __init__(self, stack: Stack) -> None:
        stack.environment["CORELAB_DICOM_PROCESSES"] = "2"
        try:
            super().__init__(stack)
        finally:
            del stack.environment["CORELAB_DICOM_PROCESSES"]
        self.first = self.process.pid
        (self.second,) = map(int, Path(f"/proc/{self.first}/task/{self.first}/children").read_text().split())

    def lines(self) -> list[int]:
        """How many lines each process has open; each wakes its reader by a pair of sockets more."""
        return [_sockets(process) for process in (self.first, self.second)]


def _sockets(process: int) -> int:
    found = 0
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        found += str(descriptor.readlink()).startswith("socket:")
    return found


def is_running(process: int) -> bool:
    try:
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return told[0] not in "ZX"


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return bool(probe.connect_ex(("127.0.0.1", port)))


def is_taken(node: Pair) -> bool:
    line = node._call()
    if line.is_established:
        line.release()
        return True
    return False


@pytest.fixture
def node(stack: Stack) -> Iterator[Pair]:
    made = Pair(stack)
    yield made
    if made.process.poll() is None:
        made.end()


def held(node: Pair, count: int, holding: ExitStack) -> list[Any]:
    lines = []
    for _ in range(count):
        lines.append(node.associate())
        holding.callback(lines[-1].release)
    return lines


@pytest.mark.req("R-NODE-13")
def test_callers_are_shared_evenly_between_the_processes(node: Pair) -> None:
    wait_until(lambda: node.lines() == node.lines(), seconds=10)
    before = node.lines()
    with ExitStack() as holding:
        held(node, 6, holding)
        more = [now - then for now, then in zip(node.lines(), before, strict=True)]
        assert more[0] == more[1] > 0


@pytest.mark.req("R-DICOM-04")
def test_a_sender_holds_as_many_associations_as_ever_in_all_processes_together(node: Pair) -> None:
    with ExitStack() as holding:
        held(node, ASSOCIATIONS_OF_ONE_SENDER, holding)
        for _ in range(4):
            assert node._call().is_rejected
    # Those that ended are counted no more.
    wait_until(lambda: is_taken(node), seconds=10)


@pytest.mark.req("R-NODE-13")
@pytest.mark.parametrize("victim", ["first", "second"])
def test_a_node_of_which_one_process_is_killed_ends_whole_and_another_can_listen(node: Pair, victim: str) -> None:
    node.associate()
    os.kill(getattr(node, victim), signal.SIGKILL)
    node.process.wait(10)
    wait_until(lambda: not is_running(node.second), seconds=10)
    assert node.process.returncode in {1, -signal.SIGKILL}
    wait_until(lambda: is_free(node.port), seconds=10)


@pytest.mark.req("R-NODE-13")
def test_a_node_that_is_told_to_stop_ends_with_all_its_processes(node: Pair) -> None:
    node.end()
    assert node.process.returncode == 0
    wait_until(lambda: not is_running(node.second) and is_free(node.port), seconds=10)

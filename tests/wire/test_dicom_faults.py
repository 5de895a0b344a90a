"""A node of its own beside the running product, killed and cut off at the worst moment: nothing acknowledged is lost."""

import io
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from imaging.dicom_node import messages
from imaging.vault.writing import TEMPORARY_PREFIX
from tests.imaging.scans import ct_series
from tests.stack import ROOT, Stack, environment_of, free_port, wait_until
from tests.wire.test_dicom_messages import request_bytes

_COUNT = (
    "from audit.context import widened; from imaging.models import Submission\n"
    "with widened('the stage looks'): one = Submission.objects.get(pk='{delivery}'); "
    "print(one.files.count(), one.files_received, one.state)"
)
# One file, closed with its association: looked at by a worker, or waiting for a person already.
ENDED = {"1 1 sorting", "1 1 unassigned"}


class Node:
    """`manage.py dicom_node` in the home of the running product, on a port of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.port = stack, free_port()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "dicom_node"],
            cwd=ROOT,
            env=environment_of(stack.home, CORELAB_DICOM_PORT=str(self.port), **stack.environment),
        )
        wait_until(self._is_up, seconds=60)

    def _is_up(self) -> bool:
        association = self._call()
        if association.is_established:
            association.release()
        return bool(association.is_released)

    def _call(self) -> Any:
        sender = AE(ae_title="SUR_PACS")
        sender.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        return sender.associate("127.0.0.1", self.port, ae_title="CORELAB")

    def associate(self) -> Any:
        association = self._call()
        assert association.is_established
        return association

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(60)


@pytest.fixture
def node(stack: Stack) -> Iterator[Node]:
    made = Node(stack)
    yield made
    if made.process.poll() is None:
        made.end()


@contextmanager
def records_that_wait(home: Path) -> Iterator[None]:
    """Hold the database's write lock, so that whatever is sealed cannot be recorded."""
    with closing(sqlite3.connect(home / "corelab.sqlite3", isolation_level=None, timeout=30)) as held:
        held.execute("BEGIN IMMEDIATE")
        yield
        held.execute("ROLLBACK")


def deliveries(stack: Stack) -> set[str]:
    return {path.name for path in (stack.home / "quarantine").iterdir() if path.is_dir()}


def sealed(stack: Stack, delivery: str) -> list[str]:
    found = (stack.home / "quarantine" / delivery).rglob("*.?????")
    return [path.name for path in found if path.is_file() and not path.name.startswith(TEMPORARY_PREFIX)]


def recorded(stack: Stack, delivery: str) -> str:
    return stack.shell(_COUNT.format(delivery=delivery)).splitlines()[-1]


def scans(count: int) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(io.BytesIO(data)) for data in ct_series(count, seed="faults")]


@pytest.mark.req("R-NODE-01")
def test_a_node_killed_between_sync_and_commit_has_acknowledged_nothing_that_is_not_there(
    stack: Stack, node: Node
) -> None:
    first, second = scans(2)
    before = deliveries(stack)
    association = node.associate()
    assert association.send_c_store(first).Status == 0
    (delivery,) = deliveries(stack) - before
    with ThreadPoolExecutor(1) as sender:
        with records_that_wait(stack.home):
            unanswered = sender.submit(association.send_c_store, second)
            wait_until(lambda: len(sealed(stack, delivery)) == 2, seconds=60)
            node.end(signal.SIGKILL)
        assert "Status" not in unanswered.result(60)
    # Whether or not the sweep has found already that its line is gone.
    assert recorded(stack, delivery).startswith("1 1 ")
    again = Node(stack)
    anew = again.associate()
    assert anew.send_c_store(second).Status == 0
    anew.release()
    again.end()
    (other,) = deliveries(stack) - before - {delivery}
    stack.wait(lambda: recorded(stack, other) in ENDED)


@pytest.mark.req("R-NODE-06")
def test_a_line_that_is_cut_in_the_middle_of_an_object_leaves_nothing_of_it(stack: Stack, node: Node) -> None:
    first, second = scans(2)
    before = deliveries(stack)
    association = node.associate()
    assert association.send_c_store(first).Status == 0
    (delivery,) = deliveries(stack) - before
    context = association.accepted_contexts[0].context_id
    command = request_bytes(message_id=9, sop_class=CTImageStorage, sop_instance=second.SOPInstanceUID)
    fragment = struct.pack(">BBLLBB", messages.P_DATA[0], 0, 50_006, 50_002, context, 0) + bytes(50_000)
    line = association.dul.socket.socket
    line.sendall(b"".join(messages.pdus(context, command, 0)) + fragment + fragment[:30_000])
    line.shutdown(socket.SHUT_RDWR)
    stack.wait(lambda: recorded(stack, delivery) in ENDED)
    assert len(sealed(stack, delivery)) == 1

"""Callers who claim too much, say nothing, or never finish, against a node in this process."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pydicom.uid import CTImageStorage
from pynetdicom import AE

from imaging import dicom_node
from imaging.dicom_node import limits, line, messages
from imaging.services import doors
from tests.stack import wait_until
from tests.wire.test_dicom_messages import request_bytes

KNOWN = "NORTE_PACS"
ASSOCIATE, DATA = 0x01, 0x04


class Node:
    """A running node whose sites are known without a database, and that loses patience sooner."""

    def __init__(self, server: Any) -> None:
        self.port: int = server.server_address[1]
        self.server = server

    def line(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def echo(self, calling: str = KNOWN) -> int | None:
        association = self.associate(calling)
        if not association.is_established:
            return None
        status = association.send_c_echo()
        association.release()
        return int(status.Status)

    def associate(self, calling: str = KNOWN, *, service: str = dicom_node.VERIFICATION) -> Any:
        sender = AE(ae_title=calling)
        sender.add_requested_context(service)
        return sender.associate("127.0.0.1", self.port, ae_title="CORELAB")


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setattr(doors, "known_ae_titles", lambda _caller: [KNOWN, "SUR_PACS"])
    monkeypatch.setattr(line, "PDU_SECONDS", 1)
    node = dicom_node.make_ae()
    node.acse_timeout = 1
    server = node.start_server(("127.0.0.1", 0), block=False, evt_handlers=dicom_node.HANDLERS)
    yield Node(server)
    node.shutdown()


def header(kind: int, length: int) -> bytes:
    return struct.pack(">BBL", kind, 0, length)


def bytes_taken(line: socket.socket, most: int) -> int:
    """How many bytes the other side lets us send before it is gone."""
    sent = 0
    try:
        while sent < most:
            sent += line.send(b"\0" * 65_536)
            time.sleep(0.001)
    except OSError:
        pass
    return sent


def seconds_until_closed(line: socket.socket) -> float:
    begun = time.monotonic()
    try:
        while line.recv(4096):
            continue
    except ConnectionError:
        pass
    return time.monotonic() - begun


@pytest.mark.req("R-DICOM-04")
@pytest.mark.parametrize("kind", [ASSOCIATE, DATA])
def test_a_pdu_that_claims_a_gibibyte_is_cut_before_a_mebibyte_was_read(node: Node, kind: int) -> None:
    # At once, not when patience ends.
    node.server.ae.acse_timeout = 60
    with node.line() as line:
        line.sendall(header(kind, 1024**3))
        assert seconds_until_closed(line) < 20
    with node.line() as line:
        line.sendall(header(kind, 1024**3))
        assert bytes_taken(line, 64 * 1024 * 1024) < 8 * 1024 * 1024
    assert node.echo() == 0


@pytest.mark.req("R-NODE-15")
def test_a_line_that_ended_holds_no_memory_however_long_the_library_keeps_it(node: Node) -> None:
    caller = node.associate()
    wait_until(lambda: node.server.active_associations, seconds=20)
    layer = node.server.active_associations[0].dul
    ahead, reception = layer.socket, layer._receiving()
    reception.begin(b"what came of an object")
    caller.release()
    wait_until(lambda: not layer.is_alive(), seconds=20)
    assert (len(ahead._room), len(reception._data)) == (0, 0)


@pytest.mark.req("R-DICOM-04")
def test_an_association_that_was_accepted_is_cut_as_well(node: Node) -> None:
    association = node.associate()
    association.dul.socket.socket.sendall(header(DATA, 1024**3))
    deadline = time.monotonic() + 20
    while association.is_established and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not association.is_established


@pytest.mark.req("R-DICOM-04")
@pytest.mark.parametrize(
    "said", [header(DATA, 500)[:1], header(DATA, 500)[:5], header(DATA, 500), header(DATA, 500) + b"\0"]
)
def test_a_line_that_ends_within_a_pdu_even_within_its_head_ends_the_association_in_order(
    node: Node, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    caplog.set_level("INFO", logger="corelab.dicom")
    ours = node.associate().dul.socket.socket
    ours.sendall(said)
    ours.shutdown(socket.SHUT_WR)
    wait_until(lambda: not node.server.active_associations, seconds=20)
    assert "in the middle of a PDU" in caplog.text
    assert node.echo() == 0


@pytest.mark.req("R-DICOM-05")
def test_a_sender_may_be_silent_for_longer_between_two_pdus_of_an_object_than_within_one(node: Node) -> None:
    association = node.associate(service=CTImageStorage)
    context = association.accepted_contexts[0].context_id
    command = request_bytes(message_id=1, sop_class=CTImageStorage, sop_instance="1.2.3")
    ours = association.dul.socket.socket
    ours.sendall(b"".join(messages.pdus(context, command, 0)))
    for _ in range(3):
        ours.sendall(header(DATA, 106) + struct.pack(">LBB", 102, context, 0) + bytes(100))
        time.sleep(line.PDU_SECONDS + 0.5)
    assert association.is_established
    assert len(node.server.active_associations) == 1
    association.release()


@pytest.mark.req("R-DICOM-05")
def test_an_association_that_falls_silent_is_ended(node: Node) -> None:
    assert node.server.ae.network_timeout == 60
    node.server.ae.network_timeout = 1
    association = node.associate()
    assert association.is_established
    deadline = time.monotonic() + 30
    while association.is_established and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not association.is_established


@pytest.mark.req("R-DICOM-05")
@pytest.mark.parametrize("said", [b"", b"\x01", header(ASSOCIATE, 500), header(ASSOCIATE, 500) + b"\0" * 100])
def test_who_says_nothing_or_never_finishes_is_cut_after_the_patience_of_the_node(node: Node, said: bytes) -> None:
    with node.line() as line:
        line.sendall(said)
        assert 0.5 < seconds_until_closed(line) < 20


@pytest.mark.req("R-DICOM-05")
def test_the_patience_of_the_node_ends_within_a_quarter_of_a_minute(settings: Any) -> None:
    assert dicom_node.make_ae().acse_timeout == line.PDU_SECONDS == 12


@pytest.mark.req("R-DICOM-06")
def test_forty_silent_callers_take_no_place_from_a_known_sender(node: Node) -> None:
    with ExitStack() as lines:
        for _ in range(40):
            lines.enter_context(node.line())
        assert node.echo() == 0


@pytest.mark.req("R-DICOM-06")
def test_of_too_many_silent_callers_the_longest_waiting_is_cut(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAITING_CALLERS", 3)
    node.server.ae.acse_timeout = 60
    with ExitStack() as lines:
        silent = []
        for _ in range(6):
            silent.append(lines.enter_context(node.line()))
            time.sleep(0.1)
        assert seconds_until_closed(silent[0]) < 20
        assert node.echo() == 0
        silent[5].settimeout(0.3)
        with pytest.raises(TimeoutError):
            silent[5].recv(1)


@pytest.mark.req("R-DICOM-06")
def test_one_sender_holds_so_many_associations_and_another_still_gets_one(node: Node) -> None:
    held = [node.associate() for _ in range(limits.ASSOCIATIONS_OF_ONE_SENDER)]
    assert all(each.is_established for each in held)
    assert node.echo() is None
    assert node.echo("SUR_PACS") == 0
    held[0].release()
    assert node.echo() == 0
    for each in held[1:]:
        each.release()


@pytest.mark.req("R-ARC-19")
def test_three_hundred_silent_callers_keep_no_known_sender_waiting(node: Node) -> None:
    # Whoever waited for one of them to be cut would wait longer.
    node.server.ae.acse_timeout = 60
    with ExitStack() as lines:
        for _ in range(300):
            lines.enter_context(node.line())
        for _ in range(5):
            begun = time.monotonic()
            assert node.echo() == 0
            assert time.monotonic() - begun < 20

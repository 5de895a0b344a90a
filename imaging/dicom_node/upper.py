"""In place of parts of pynetdicom 3.0: its two threads sleep until something comes, and P-DATA is read by us.

The library looks at each line a thousand times a second, reads 4 kB at a time, and sends each fragment through its
state machine into an object in memory. Negotiation, release, abort, timers and every other message stay its own.
"""

import logging
import queue
import select
import socket
import threading
from contextlib import suppress
from typing import Any, cast

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext

from imaging.dicom_node import hearsay, messages
from imaging.dicom_node.line import HEAD, LimitedSocket, waits
from imaging.dicom_node.messages import MalformedMessageError, Messages, Peer
from imaging.dicom_node.reception import Desk, Reception
from imaging.dicom_node.turns import TURN

log = logging.getLogger("corelab.dicom")

# How late a timer may be noticed where nothing else happens.
PATIENCE_SECONDS = 0.25
_POLL_SECONDS = 0.001
_ESTABLISHED, _CLOSING = "Sta6", "Sta13"
_LINE_CLOSED, _INVALID_PDU = "Evt17", "Evt19"
# So many PDUs of one object are read before anybody else is asked: the association may want to end.
_AT_ONCE = 64


def take_over(association: Association, desk: Desk) -> "UpperLayer":
    """Give a new association our upper layer, before it has a socket of its own."""
    layer = UpperLayer(association, desk)
    association.dul = layer
    # Each tells the layer's timer.
    association.acse_timeout, association.network_timeout = association.acse_timeout, association.network_timeout
    checkpoint = Checkpoint(association)
    association._reactor_checkpoint = checkpoint  # noqa: SLF001  where the library's loop can be made to wait
    layer.to_user_queue = TellingQueue(checkpoint.news)
    association.dimse.msg_queue = TellingQueue(checkpoint.news)
    return layer


class SharedContexts(list[PresentationContext]):
    """What we offer, the same to all: the library would copy 7 MB of it for each association, and only reads it."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "SharedContexts":
        return self


class TellingQueue(queue.Queue[Any]):
    """A queue that tells when something is put into it."""

    def __init__(self, news: threading.Event) -> None:
        super().__init__()
        self._news = news

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002  the library's
        super().put(item, block, timeout)
        self._news.set()


class Checkpoint(threading.Event):
    """What the association's loop passes each time around: it rests here until there is something to do."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self.news = threading.Event()
        self.set()

    def set(self) -> None:
        super().set()
        self.news.set()

    def wait(self, timeout: float | None = None) -> bool:
        if self._association.dimse.msg_queue.empty() and self._association.dul.to_user_queue.empty():
            self.news.wait(PATIENCE_SECONDS)
        self.news.clear()
        return super().wait(timeout)


class UpperLayer(DULServiceProvider):
    """The thread of the line: reads what comes, and answers what was stored."""

    def __init__(self, association: Association, desk: Desk) -> None:
        super().__init__(association)
        self._desk = desk
        self.reception: Reception | None = None
        peer = Peer(syntaxes=self._syntax, reception=self._receiving, forward=self._forward)
        self._messages = Messages(peer)
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._ear, select.POLLIN)

    def run_reactor(self) -> None:
        self._poll.register(self._line().fileno(), select.POLLIN)
        TURN.take()
        try:
            super().run_reactor()
        finally:
            TURN.leave()
            self._let_go()
            self._tell_unheard()
            self._bell.close()
            self._ear.close()
            cast("Checkpoint", self.assoc._reactor_checkpoint).news.set()  # noqa: SLF001  see take_over

    def _let_go(self) -> None:
        """Leave nothing of an object that was cut; the library's own circles keep this line for a while longer."""
        if self.reception is not None:
            self.reception.cut()
            self.reception.free()
        cast("LimitedSocket", self.socket).free()

    def _tell_unheard(self) -> None:
        # Who asked for an association is told of elsewhere, however it ended.
        if self.assoc.requestor.primitive is not None:
            return
        try:
            hearsay.tell_unheard(self.assoc)
        except Exception:
            log.exception("a line that came to nothing could not be noted")

    def send_pdu(self, primitive: Any) -> None:
        super().send_pdu(primitive)
        self._ring()

    def stop_dul(self) -> bool:
        self._ring()
        return super().stop_dul()

    def _ring(self) -> None:
        # It rings already, or nobody listens any more.
        with suppress(OSError):
            self._bell.send(b"\0")

    def _line(self) -> Any:
        return cast("Any", self.socket).socket

    def _is_transport_event(self) -> bool:
        if self.state_machine.current_state == _CLOSING:
            self._run_loop_delay = _POLL_SECONDS
            return super()._is_transport_event()
        TURN.give_way()
        # What was waited for here needs no sleep of the library's on top.
        self._run_loop_delay = 0
        if not self.event_queue.empty() or not self._wait_for_line():
            return False
        self._read_pdu_data()
        return True

    def _wait_for_line(self) -> bool:
        """Whether the line has something to read; returns early where the association wants to send."""
        line = self._line()
        if line is None:
            self._run_loop_delay = _POLL_SECONDS
            return False
        if cast("LimitedSocket", self.socket).has_read_ahead or waits(line):
            return True
        with TURN.left():
            ready = {descriptor for descriptor, _event in self._poll.poll(PATIENCE_SECONDS * 1000)}
        if self._ear.fileno() in ready:
            with suppress(OSError):
                self._ear.recv(64)
        return bool(ready - {self._ear.fileno()})

    def _read_pdu_data(self) -> None:
        """Read P-DATA of an established association, what has come of one object; any other PDU as the library does."""
        for _ in range(_AT_ONCE):
            if not self._is_p_data():
                super()._read_pdu_data()
                return
            if not self._read_p_data() or not self._goes_on():
                return

    def _goes_on(self) -> bool:
        # Between two PDUs a sender may be silent for longer than within one: that is waited for elsewhere.
        return self._messages.expects_data and cast("LimitedSocket", self.socket).has_read_ahead

    def _is_p_data(self) -> bool:
        if self.state_machine.current_state != _ESTABLISHED:
            return False
        try:
            return cast("LimitedSocket", self.socket).look(HEAD.size)[:1] == messages.P_DATA
        except OSError:
            # It is closed now, and the library learns it as it reads.
            return False

    def _read_p_data(self) -> bool:
        """Read one PDU; False where the line, or the message, came to an unlooked-for end."""
        body = self._body()
        if body is None:
            log.info("the line was closed, or cut, in the middle of a PDU")
            self.event_queue.put(_LINE_CLOSED)
            return False
        return self._take(body)

    def _body(self) -> memoryview | None:
        """Take the next PDU; None where the line ended before it was whole."""
        line = cast("LimitedSocket", self.socket)
        try:
            if len(head := line.take(HEAD.size)) < HEAD.size:
                return None
            length = HEAD.unpack(head)[2]
            body = line.take(length)
        except OSError:
            return None
        return body if len(body) == length else None

    def _take(self, body: memoryview) -> bool:
        try:
            for fragment in messages.fragments(body):
                if answer := self._messages.take(fragment):
                    self._answer(fragment.context_id, answer)
        except MalformedMessageError as malformed:
            log.warning("an association is aborted: %s", malformed)
        except Exception:
            log.exception("a message could not be read")
        else:
            return True
        self.event_queue.put(_INVALID_PDU)
        return False

    def _answer(self, context_id: int, command: bytes) -> None:
        line = cast("Any", self.socket)
        for pdu in messages.pdus(context_id, command, self.assoc.dimse.maximum_pdu_size):
            line.send(pdu)

    def _syntax(self, context_id: int) -> str | None:
        context = self.assoc._accepted_cx.get(context_id)  # noqa: SLF001  what was negotiated, for this very thread
        return str(context.transfer_syntax[0]) if context else None

    def _receiving(self) -> Reception:
        if self.reception is None:
            self.reception = Reception(self.assoc.requestor.ae_title.strip(), self._desk)
        return self.reception

    def _forward(self, context_id: int, value: bytes) -> None:
        primitive = P_DATA()
        primitive.presentation_data_value_list.append((context_id, value))
        self.assoc.dimse.receive_primitive(primitive)

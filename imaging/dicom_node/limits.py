"""What one caller may cost the node: the length of a PDU, the time it takes, and how many associations it holds."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from pynetdicom import transport
from pynetdicom.association import Association

from imaging.dicom_node import tls, upper
from imaging.dicom_node.crew import Crew
from imaging.dicom_node.hall import Hall
from imaging.dicom_node.line import PDU_SECONDS, LimitedSocket
from imaging.services.doors import Caller

# What a tool or a receiver is given to answer a message of ours.
ANSWER_SECONDS = 15
ASSOCIATIONS_OF_ONE_SENDER = 10
# Callers who have not said who they are; past this the one who has been silent longest is cut.
WAITING_CALLERS = 100
# So often a process with more lines looks whether another one took the caller, before it does so itself.
_GIVES_WAY, _LOOK_SECONDS = 100, 0.001


class LimitedHandler(transport.RequestHandler):
    """Gives each new association a LimitedSocket, and keeps room among the callers without a name."""

    hall = Hall()

    def setup(self) -> None:
        # An answer is small, and the sender waits for it.
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle(self) -> None:
        """Make an association, here in the caller's own thread, only once the caller begins to speak (ARTIM)."""
        if self.hall.admit(self.request, seconds=self.ae.acse_timeout or PDU_SECONDS, room=WAITING_CALLERS):
            super().handle()

    def _create_association(self) -> Association:
        association = super()._create_association()
        layer = upper.take_over(association, cast("Any", self.ae).desk)
        # It tells the state machine of the connection.
        layer.socket = LimitedSocket(association, client_socket=self.request)
        certificate = tls.certificate_of(self.request)
        said: Any = association
        said.caller, said.names = Caller(address=self.client_address[0], certificate_sha256=certificate), None
        _cut_longest_waiting(self.server.active_associations)
        return association


class LimitedServer(transport.ThreadedAssociationServer):
    """Takes callers without waiting for the handshake of any of them."""

    # With the library's five, a flood makes the kernel drop the first word of everybody else.
    request_queue_size = 256

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.crew = Crew()
        # Callers whose association has not begun.
        self._arriving: set[int] = set()
        self._given_way = 0
        # Where several processes are woken for one caller, all but one find nobody.
        listening: Any = self.socket
        listening.setblocking(False)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Return the next caller. Raises BlockingIOError where another process takes it, or shall."""
        self._give_way()
        listening: Any = self.socket
        line, address = listening.accept()
        line.setblocking(True)
        if self.ssl_context:
            line = self.ssl_context.wrap_socket(line, server_side=True, do_handshake_on_connect=False)
        return line, address

    def _give_way(self) -> None:
        """Leave a caller to a process with fewer lines, for a moment. Raises BlockingIOError."""
        lines = self.tell_crew()
        if self.crew.has_most_lines(lines) and self._given_way < _GIVES_WAY:
            self._given_way += 1
            time.sleep(_LOOK_SECONDS)
            raise BlockingIOError
        self._given_way = 0

    def tell_crew(self) -> int:
        """Tell the other processes what is held here; returns how many lines that are."""
        held = self.active_associations
        names = [each.requestor.ae_title.strip() for each in held if each.is_established]
        lines = len(held) + len(self._arriving)
        self.crew.tell(lines=lines, senders=names)
        return lines

    def service_actions(self) -> None:
        super().service_actions()
        self.tell_crew()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._arriving.add(id(request))
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._arriving.discard(id(request))


def names_of_caller(ask: Callable[[Caller], list[str]]) -> list[str]:
    """Return what `ask` says of whoever is on the line that is negotiated in this thread: asked once for each line."""
    association: Any = threading.current_thread()
    if not hasattr(association, "caller"):
        return []
    if association.names is None:
        association.names = ask(association.caller)
    return list(association.names)


def _cut_longest_waiting(associations: Iterable[Any]) -> None:
    waiting = [each for each in associations if not each.is_established and not each.dul.socket.is_hung_up]
    # Threads are listed in the order in which they started.
    for association in waiting[: max(0, len(waiting) - WAITING_CALLERS)]:
        association.dul.socket.hang_up()


def of_the_same_sender(associations: Iterable[Association]) -> list[Association]:
    """Where an association asks while it is negotiated: itself and those accepted from the same AE; else all."""
    asking = threading.current_thread()
    if not isinstance(asking, Association) or asking.is_established:
        return list(associations)
    name = asking.requestor.ae_title
    here = [
        each for each in associations if each is asking or (each.is_established and each.requestor.ae_title == name)
    ]
    # Of those in other processes the number is known, and only that is asked for.
    server: Any = asking._server  # noqa: SLF001  the one that made it
    return here + list(itertools.repeat(asking, server.crew.held_elsewhere(name.strip())))

"""The DICOM door: known senders store, the core lab's own tools ask and take.

A C-STORE is answered with success only once the bytes are sealed and recorded.
"""

import logging
import threading
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, _config, evt
from pynetdicom.association import Association

from imaging.dicom_node import (
    asking,
    commitment,
    echoing,
    hearsay,
    identifiers,
    limits,
    line,
    promises,
    retrieving,
    tls,
    uids,
    upper,
)
from imaging.dicom_node.committer import Committer, Porter
from imaging.dicom_node.crew import Crew
from imaging.dicom_node.reception import SUCCESS, Desk
from imaging.services.arrivals import Register
from imaging.services.doors import Caller

log = logging.getLogger("corelab.dicom")

VERIFICATION = "1.2.840.10008.1.1"
MAXIMUM_PDU = 131_072
# No AE title can hold a NUL: an empty list would mean "everybody" to pynetdicom.
_NOBODY = "\0"
_NO_CALLER = Caller(address="::1")
# Else every PDU and message is put into words for a log that nobody keeps.
_config.LOG_HANDLER_LEVEL = "none"


class CorelabAE(AE):
    """An AE that knows its callers from the trials' sites, at the moment they call, and records what they send."""

    def __init__(self, ae_title: str, desk: Committer) -> None:
        super().__init__(ae_title=ae_title)
        self.desk: Desk = desk
        self._porter = Porter(desk)

    @property  # type: ignore[misc]  # the library sets a list once; ours is asked at every call
    def require_calling_aet(self) -> list[str]:
        return limits.names_of_caller(self._known_ae_titles) or [_NOBODY]

    def _known_ae_titles(self, caller: Caller) -> list[str]:
        return self._porter.ask(lambda register: register.known_ae_titles(caller))

    def open_line(self) -> None:
        """Open the line to the database: on SQLite it reads all tables and guards first, which is 12 ms."""
        try:
            self.desk.ask(lambda register: register.known_ae_titles(_NO_CALLER))
        except Exception:
            # The database may be away: callers are told so, and the line is opened once it is back.
            log.exception("a line to the database could not be opened")

    @property
    def active_associations(self) -> list[Association]:
        """Who counts against `maximum_associations`: strangers and silent callers take no known sender's place."""
        return limits.of_the_same_sender(super().active_associations)

    def make_server(self, *args: Any, **kwargs: Any) -> Any:
        """Serve under the limits, each caller in a thread."""
        kwargs |= {"server_class": limits.LimitedServer, "request_handler": limits.LimitedHandler}
        server = super().make_server(*args, **kwargs)
        server.contexts = upper.SharedContexts(server.contexts)
        return server


def make_ae() -> CorelabAE:
    """Offer verification and storage of all classes and syntaxes, to known callers, under limits (S02, S04)."""
    ae = CorelabAE(settings.DICOM_AE_TITLE, Committer())
    ae.require_called_aet = True
    ae.maximum_pdu_size = MAXIMUM_PDU
    ae.maximum_associations = limits.ASSOCIATIONS_OF_ONE_SENDER
    ae.acse_timeout, ae.dimse_timeout = line.PDU_SECONDS, limits.ANSWER_SECONDS
    ae.network_timeout = 60
    ae.add_supported_context(VERIFICATION)
    for context in AllStoragePresentationContexts:
        # Both roles: in a C-GET it is the node that stores.
        ae.add_supported_context(str(context.abstract_syntax), AllTransferSyntaxes, scu_role=True, scp_role=True)
    for name in (*identifiers.FIND, *identifiers.GET, *identifiers.MOVE, commitment.MODEL):
        ae.add_supported_context(name)
    retrieving.take_over()
    commitment.take_over()
    uids.take_over()
    return ae


def handle_end(event: Any) -> None:
    """Close the delivery when the association ends, however it ends."""
    event.assoc._server.tell_crew()  # noqa: SLF001  the one that made it
    try:
        if event.assoc.dul.reception is not None:
            event.assoc.dul.reception.close()
    except Exception:
        # The sweep closes it later; what was acknowledged is sealed and recorded.
        log.exception("a delivery could not be closed")
    try:
        hearsay.tell_end(event.assoc)
    except Exception:
        log.exception("a call could not be noted")
    finally:
        # What a tool asked for was looked up in this thread.
        connection.close()


def handle_rejection(event: Any) -> None:
    """Tell the site whose name was used; a stranger's call is nobody's."""
    try:
        hearsay.tell_rejection(event.assoc, own=settings.DICOM_AE_TITLE)
    except Exception:
        log.exception("a call that was turned away could not be noted")


def handle_begin(event: Any) -> None:
    """Count an association to its sender in every process."""
    event.assoc._server.tell_crew()  # noqa: SLF001  as above


HANDLERS: list[Any] = [
    (evt.EVT_ESTABLISHED, handle_begin),
    (evt.EVT_C_ECHO, lambda _event: SUCCESS),
    (evt.EVT_C_FIND, asking.handle_find),
    (evt.EVT_RELEASED, handle_end),
    (evt.EVT_ABORTED, handle_end),
    (evt.EVT_REJECTED, handle_rejection),
]


class Node:
    """Listens on CORELAB_DICOM_PORT, by TLS alone where a certificate is set; serves once its processes have parted."""

    def __init__(self, *, processes: int = 1) -> None:
        address = (settings.BIND_ADDRESS, settings.DICOM_PORT)
        # What lies there before anybody is served was promised by a node that was killed.
        self._promised = promises.places()
        self._ae = ae = make_ae()
        self._server = ae.make_server(address, evt_handlers=HANDLERS, ssl_context=tls.context())
        ae._servers.append(self._server)  # noqa: SLF001  as start_server does, for its shutdown
        self._server.crew = self.crew = Crew(processes)

    def rehearse(self) -> None:
        """Ask once what every caller is asked: what that loads and builds is then all processes' together."""
        try:
            Register().known_ae_titles(_NO_CALLER)
        except DatabaseError:
            log.exception("the database is away: each process asks for itself")

    def serve(self) -> None:
        """Take callers, in threads; the first process also calls whom somebody is to be told something."""
        threading.Thread(target=self._ae.open_line, name="line", daemon=True).start()
        threading.Thread(target=self._server.serve_forever, name="callers", daemon=True).start()
        if self.crew.number == 0:
            echoing.start(self._ae.desk)
            commitment.begin(self._promised)

    def stop(self) -> None:
        """Take no more callers; who is being served is served to the end."""
        self._server.shutdown()

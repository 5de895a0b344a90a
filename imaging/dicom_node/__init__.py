"""The DICOM door: known senders store, the core lab's own tools ask and take.

A C-STORE is answered with success only once the bytes are sealed and recorded.
"""

import logging
import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import OperationalError, close_old_connections, connection
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.association import Association
from pynetdicom.transport import ThreadedAssociationServer

from audit.context import acting
from imaging.dicom_node import asking, commitment, identifiers, limits, retrieving, tls
from imaging.models import Submission
from imaging.services import doors, submissions

log = logging.getLogger("corelab.dicom")

VERIFICATION = "1.2.840.10008.1.1"
SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
MAXIMUM_PDU = 131_072
# No AE title can hold a NUL: an empty list would mean "everybody" to pynetdicom.
_NOBODY = "\0"


class CorelabAE(AE):
    """An AE that knows its callers from the trials' sites, at the moment they call."""

    @property  # type: ignore[misc]  # the library sets a list once; ours is asked at every call
    def require_calling_aet(self) -> list[str]:
        close_old_connections()
        try:
            caller = limits.asking_caller()
            # The caller's thread knows of nobody who acts.
            with acting(doors.node(ae_title="", request_id=uuid.uuid4().hex)):
                return (doors.known_ae_titles(caller) if caller else []) or [_NOBODY]
        finally:
            connection.close()

    @property
    def active_associations(self) -> list[Association]:
        """Who counts against `maximum_associations`: strangers and silent callers take no known sender's place."""
        return limits.of_the_same_sender(super().active_associations)

    def make_server(self, *args: Any, **kwargs: Any) -> ThreadedAssociationServer:
        """Serve under the limits, each caller in a thread."""
        kwargs |= {"server_class": limits.LimitedServer, "request_handler": limits.LimitedHandler}
        return super().make_server(*args, **kwargs)


def make_ae() -> CorelabAE:
    """Offer verification and storage of all classes and syntaxes, to known callers, under limits (S02, S04)."""
    ae = CorelabAE(ae_title=settings.DICOM_AE_TITLE)
    ae.require_called_aet = True
    ae.maximum_pdu_size = MAXIMUM_PDU
    ae.maximum_associations = limits.ASSOCIATIONS_OF_ONE_SENDER
    ae.acse_timeout = ae.dimse_timeout = limits.PDU_SECONDS
    ae.network_timeout = 60
    ae.add_supported_context(VERIFICATION)
    for context in AllStoragePresentationContexts:
        # Both roles: in a C-GET it is the node that stores.
        ae.add_supported_context(str(context.abstract_syntax), AllTransferSyntaxes, scu_role=True, scp_role=True)
    for name in (*identifiers.FIND, *identifiers.GET, *identifiers.MOVE, commitment.MODEL):
        ae.add_supported_context(name)
    retrieving.take_over()
    commitment.take_over()
    return ae


class Reception:
    """One association's delivery: opened by its first object, closed with the association."""

    def __init__(self, ae_title: str) -> None:
        self.by = doors.node(ae_title=ae_title, request_id=uuid.uuid4().hex)
        self.ae_title = ae_title
        self.submission: Submission | None = None
        self.count = 0

    def take(self, data: bytes) -> int:
        """Seal and record one object; returns the DIMSE status.

        Where the delivery was closed or discarded meanwhile, this object and those after it begin a new one.
        """
        with acting(self.by):
            try:
                return self._take(data)
            except ValidationError as refusal:
                if self.submission is None or refusal.code != "wrong-state":
                    raise
            self.submission, self.count = None, 0
            return self._take(data)

    def _take(self, data: bytes) -> int:
        submission = self._open()
        if submission is None:
            return OUT_OF_RESOURCES
        pieces = submissions.cut(number=self.count, data=data)
        submissions.receive(by=self.by, submission=submission, pieces=pieces)
        self.count += 1
        return SUCCESS

    def _open(self) -> Submission | None:
        site = doors.sender(self.ae_title)
        if self.submission is None and site is not None:
            self.submission = submissions.start_unassigned(by=self.by, trial_site=site)
        return self.submission if site is not None else None

    def close(self) -> None:
        if self.submission is not None:
            with acting(self.by):
                submissions.close_association(by=self.by, submission=self.submission)
            self.submission = None


def handle_store(event: Any) -> int:
    """Answer a C-STORE request: 0000 only for bytes that survive a power cut."""
    _renew_connection()
    reception: Reception = _reception(event)
    try:
        return reception.take(event.encoded_dataset())
    except ValidationError as refusal:
        # Its code is a word of ours; its sentence is for people.
        code = getattr(refusal, "code", "")
        log.warning("an object was refused: %s", code)
        return OUT_OF_RESOURCES if code == "quota" else CANNOT_UNDERSTAND
    except (OSError, OperationalError):
        log.exception("no room for an object, or no database: the sender may try again")
        return OUT_OF_RESOURCES
    except Exception:
        log.exception("an object could not be taken")
        return CANNOT_UNDERSTAND


def _renew_connection() -> None:
    """Keep the association's connection to the database unless it broke: opening one costs as much as an object."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def _reception(event: Any) -> Reception:
    association = event.assoc
    if not hasattr(association, "reception"):
        association.reception = Reception(association.requestor.ae_title.strip())
    reception: Reception = association.reception
    return reception


def handle_end(event: Any) -> None:
    """Close the delivery when the association ends, however it ends."""
    try:
        if hasattr(event.assoc, "reception"):
            event.assoc.reception.close()
    except Exception:
        # The sweep closes it later; what was acknowledged is sealed and recorded.
        log.exception("a delivery could not be closed")
    finally:
        connection.close()


HANDLERS: list[Any] = [
    (evt.EVT_C_ECHO, lambda _event: SUCCESS),
    (evt.EVT_C_STORE, handle_store),
    (evt.EVT_C_FIND, asking.handle_find),
    (evt.EVT_RELEASED, handle_end),
    (evt.EVT_ABORTED, handle_end),
]


def serve(*, block: bool) -> Any:
    """Listen on CORELAB_DICOM_PORT, by TLS alone where a certificate is set; returns the server when not blocking."""
    address = (settings.BIND_ADDRESS, settings.DICOM_PORT)
    return make_ae().start_server(address, block=block, evt_handlers=HANDLERS, ssl_context=tls.context())

"""C-GET and C-MOVE: clean objects to registered tools alone.

The library's own service answers a C-MOVE that is refused with "destination unknown" or "unable to process", whatever
the reason, and leaves no word before it calls the destination; so both are answered here, in the same way.
"""

import io
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404
from pydicom import Dataset
from pynetdicom import sop_class
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.dsutils import decode, encode
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import QueryRetrieveServiceClass

from audit.context import acting
from imaging.archive import ArchiveDamaged
from imaging.dicom_node import identifiers
from imaging.dicom_node.asking import BAD_IDENTIFIER, CANCELLED, NOT_AUTHORISED, PENDING, admit, status
from imaging.dicom_node.calling import Unreachable, line
from imaging.dicom_node.handing import ALL_FAILED, SUCCESS, Originator, Tally, contexts_for, hand_over, is_leaving
from imaging.dicom_node.identifiers import BadIdentifier, Named
from imaging.dicomweb.questions import BadQuestion, read_question
from imaging.dicomweb.resources import Kind, Resource
from imaging.dicomweb.shelf import Held
from imaging.frames import FrameRefused
from imaging.models import Tool
from imaging.services.retrieval import TrialShelf
from imaging.services.tools import Admitted

log = logging.getLogger("corelab.dicom")

TOO_MANY = 0xA701
NO_SUCH_DESTINATION, CANNOT_PROCESS = 0xA801, 0xC000
MOST_OBJECTS = 20_000
# Right, consent and destination are asked again so often while objects go out.
ASKED_AGAIN_SECONDS = 1.0


class Refused(Exception):
    """A retrieval that ends with a status and a sentence before all was sent."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


class RetrieveService(QueryRetrieveServiceClass):
    """The service of both retrievals of both models."""

    def _get_scp(self, req: C_GET, context: PresentationContext) -> None:
        _Retrieval(self, req, C_GET(), context).run(_this_line)

    def _move_scp(self, req: C_MOVE, context: PresentationContext) -> None:
        _Retrieval(self, req, C_MOVE(), context).run(_destination_line)


def take_over() -> None:
    """Let the library hand retrievals to us."""
    for uid in (*identifiers.GET, *identifiers.MOVE):
        keyword = next((name for name, known in sop_class._QR_CLASSES.items() if known == uid), "")  # noqa: SLF001  its table
        sop_class._QR_CLASSES.pop(keyword, None)  # noqa: SLF001  as above
        sop_class._SERVICE_CLASSES[uid] = RetrieveService  # noqa: SLF001  as above


class _Retrieval:
    """One request: what is asked for, then object by object with a pending answer each, then the end."""

    def __init__(self, service: RetrieveService, request: Any, answer: Any, context: PresentationContext) -> None:
        self.service, self.request, self.context = service, request, context
        self.syntax = context.transfer_syntax[0]
        self.answer = answer
        answer.MessageID = answer.MessageIDBeingRespondedTo = request.MessageID
        answer.AffectedSOPClassUID = request.AffectedSOPClassUID
        self.tally = Tally()
        self.admitted: Admitted | None = None

    @property
    def model(self) -> str:
        return str(self.request.AffectedSOPClassUID)

    def run(self, open_line: "Callable[[_Retrieval, Sequence[Held]], AbstractContextManager[Association]]") -> None:
        """Answer, whatever happens, with one final status."""
        end = status(CANNOT_PROCESS, "This could not be done here.")
        try:
            end = status(self._run(open_line))
        except Refused as refused:
            end = status(refused.code, refused.sentence)
        except PermissionDenied as denied:
            end = status(NOT_AUTHORISED, str(denied))
        except (BadIdentifier, BadQuestion) as bad:
            end = status(BAD_IDENTIFIER, bad.sentence)
        except Unreachable:
            end = status(NO_SUCH_DESTINATION, "The destination cannot be reached.")
        except Exception:
            log.exception("a retrieval could not be done")
        finally:
            self._keep(end)
            if not is_leaving(self.service.assoc):
                self._tell(end, is_final=True)

    def _run(self, open_line: "Callable[[_Retrieval, Sequence[Held]], AbstractContextManager[Association]]") -> int:
        self.admitted = admit(self.service.assoc)
        destination = self.destination(self.admitted)
        held = self._held(self.admitted, destination)
        self.tally.total = len(held)
        if not held:
            return SUCCESS
        with open_line(self, held) as association:
            # Before the first byte goes out.
            self.admitted.tell_taken(held, service=self.service_word, destination=destination)
            return self._send(held, association)

    @property
    def service_word(self) -> str:
        return "C-MOVE" if isinstance(self.request, C_MOVE) else "C-GET"

    def destination(self, admitted: Admitted) -> Tool | None:
        """Where a C-MOVE goes. Raises Refused where no tool of the trial is registered there."""
        if not isinstance(self.request, C_MOVE):
            return None
        found = admitted.destination(str(self.request.MoveDestination or "").strip())
        if found is None:
            raise Refused(NO_SUCH_DESTINATION, "Images move to registered tools of the trial alone.")
        return found

    def _held(self, admitted: Admitted, destination: Tool | None) -> list[Held]:
        syntax = self.syntax
        told = decode(self.request.Identifier, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
        named = identifiers.read_named(told, model=self.model)
        shelf = admitted.shelf(destination)
        held: list[Held] = []
        with acting(admitted.by):
            for resource in _resources(shelf, named):
                try:
                    held += shelf.objects(resource)
                except Http404:
                    # No match is an answer, too.
                    continue
                if len(held) > MOST_OBJECTS:
                    raise Refused(TOO_MANY, f"More than {MOST_OBJECTS} images; ask for less at once.")
        return held

    def _send(self, held: Sequence[Held], association: Association) -> int:
        asked = time.monotonic()
        for number, one in enumerate(held):
            if self.service.is_cancelled(self.request.MessageID):
                return CANCELLED
            if is_leaving(self.service.assoc) or not association.is_established:
                raise Refused(ALL_FAILED, "The line ended in the middle.")
            if time.monotonic() - asked >= ASKED_AGAIN_SECONDS:
                self._ask_again(one)
                asked = time.monotonic()
            self.tally.note(one, self._store(one, association, number))
            self._tell(status(PENDING))
        return self.tally.end

    def _ask_again(self, held: Held) -> None:
        """Let a right or a consent that ended end the transfer. Raises PermissionDenied, Refused."""
        admitted = admit(self.service.assoc)
        with acting(admitted.by):
            try:
                shelf = admitted.shelf(self.destination(admitted))
                shelf.require_open(Resource(kind=Kind.OBJECTS, study=held.study, series=held.series))
            except Http404:
                raise Refused(NOT_AUTHORISED, "The images are no longer there for this tool.") from None

    def _store(self, held: Held, association: Association, number: int) -> int | None:
        """Send one object; return the peer's status, or None where it cannot be given as the peer takes it."""
        originator = None
        if isinstance(self.request, C_MOVE):
            asking = self.service.assoc.requestor.ae_title
            originator = Originator(ae_title=asking, message_id=self.request.MessageID or 1)
        try:
            return hand_over(held, association, number=number % 65_535 + 1, originator=originator)
        except (ArchiveDamaged, FrameRefused, ValueError, RuntimeError) as error:
            log.warning("an object was not sent: %s", type(error).__name__)
            return None

    def _tell(self, end: Dataset, *, is_final: bool = False) -> None:
        answer, tally = self.answer, self.tally
        answer.Status = end.Status
        answer.ErrorComment = end.get("ErrorComment")
        answer.Identifier = None
        # Only what goes on, or was cancelled, has some left (PS3.7 9.1.3.1.6).
        goes_on = end.Status in {PENDING, CANCELLED}
        answer.NumberOfRemainingSuboperations = tally.remaining if goes_on else None
        answer.NumberOfFailedSuboperations = len(tally.failed) + (0 if goes_on else tally.remaining)
        answer.NumberOfWarningSuboperations, answer.NumberOfCompletedSuboperations = tally.warned, tally.completed
        if is_final and end.Status != SUCCESS and tally.failed:
            failed = Dataset()
            failed.FailedSOPInstanceUIDList = tally.failed
            syntax = self.syntax
            data = encode(failed, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
            answer.Identifier = io.BytesIO(data) if data else None
        self.service.dimse.send_msg(answer, self.context.context_id or 1)

    def _keep(self, end: Dataset) -> None:
        """Keep how it ended; who took what is in the trail since before the first byte."""
        if self.admitted is None:
            return
        sent, failed = self.tally.completed + self.tally.warned, len(self.tally.failed)
        after = {"service": self.service_word, "sent": sent, "failed": failed, "status": f"{end.Status:04X}"}
        try:
            self.admitted.tell("retrieval.ended", after=after)
        except DatabaseError:
            log.exception("the end of a retrieval could not be kept")


def _this_line(retrieval: _Retrieval, _held: Sequence[Held]) -> AbstractContextManager[Association]:
    return nullcontext(retrieval.service.assoc)


def _destination_line(retrieval: _Retrieval, held: Sequence[Held]) -> AbstractContextManager[Association]:
    assert retrieval.admitted is not None  # noqa: S101  it was asked before
    to = retrieval.destination(retrieval.admitted)
    assert to is not None  # noqa: S101  a C-MOVE has one, or was refused
    return line(to, ae_title=to.ae_title, contexts=contexts_for(held))


def _resources(shelf: TrialShelf, named: Named) -> Iterable[Resource]:
    if not named.patient:
        return named.resources
    of_patient = list(_studies_of(shelf, named.patient))
    studies = {one.study for one in of_patient}
    return [one for one in named.resources if one.study in studies] if named.resources else of_patient


def _studies_of(shelf: TrialShelf, patient: str) -> Iterator[Resource]:
    offset = 0
    while True:
        question = read_question({"PatientID": [patient], "offset": [str(offset)]}, level=Kind.STUDIES)
        found = shelf.search(Resource(kind=Kind.STUDIES), question)
        yield from (Resource(kind=Kind.OBJECTS, study=row["StudyInstanceUID"]) for row in found.rows)
        if not found.has_more:
            return
        offset += len(found.rows)

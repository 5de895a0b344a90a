"""Storage commitment, push model (PS3.4 annex J): asked by N-ACTION, answered by N-EVENT-REPORT once it was looked."""

import io
import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import close_old_connections, connection
from pydicom import Dataset
from pynetdicom import build_context, build_role, sop_class
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import decode, encode
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class_n import StorageCommitmentServiceClass

from audit.actor import Actor
from audit.context import acting
from imaging.dicom_node import promises
from imaging.dicom_node.asking import NOT_AUTHORISED
from imaging.dicom_node.calling import Unreachable, line
from imaging.dicom_node.handing import is_leaving
from imaging.dicom_node.promises import Promise
from imaging.models import Door
from imaging.services import committing, doors
from imaging.services.committing import Named, Reason
from trials.models import TrialSite

log = logging.getLogger("corelab.dicom")

MODEL, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
_ASK = 1
ALL_KEPT, SOME_NOT_KEPT = 1, 2
# PS3.7 annex C.
PROCESSING_FAILURE, NO_SUCH_OBJECT = 0x0110, 0x0112
NO_SUCH_ARGUMENT, INVALID_ARGUMENT = 0x0114, 0x0115
NO_SUCH_ACTION, RESOURCE_LIMITATION = 0x0123, 0x0213
# Requests that wait for their answer at a time, of all senders.
MOST_WAITING = 16
# How long the peer has to acknowledge a report on the line on which it asked.
REPORT_SECONDS = 10.0
# A peer that listens nowhere now is called again after so many seconds.
CALLED_AGAIN = (0.0, 2.0, 8.0)

Answers = Mapping[Named, Reason | None]
_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="commitment")
_callers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="report")
_room = threading.BoundedSemaphore(MOST_WAITING)


class Declined(Exception):
    """A request that is not taken up, with the status that says why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:04X}")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one sender wants to be told."""

    by: Actor
    site: TrialSite
    promise: Promise

    @property
    def named(self) -> tuple[Named, ...]:
        return self.promise.named


class CommitmentService(StorageCommitmentServiceClass):
    """Answers N-ACTION, then reports on the same line while it stands, else where the sender listens."""

    def _n_action_scp(self, req: N_ACTION, context: PresentationContext) -> None:
        answer = N_ACTION()
        answer.MessageIDBeingRespondedTo = req.MessageID
        answer.AffectedSOPClassUID, answer.AffectedSOPInstanceUID = (
            req.RequestedSOPClassUID,
            req.RequestedSOPInstanceUID,
        )
        answer.ActionTypeID = req.ActionTypeID
        request = None
        try:
            request = _read(self.assoc, req, context)
            answer.Status = 0x0000
        except Declined as declined:
            answer.Status = declined.code
        except Exception:
            log.exception("a request for storage commitment could not be read")
            answer.Status = PROCESSING_FAILURE
        self.dimse.send_msg(answer, context.context_id or 1)
        if request is not None:
            _serve(self.assoc, request, context)


def take_over() -> None:
    """Let the library hand storage commitment to us."""
    sop_class._STORAGE_COMMITMENT_CLASSES.pop("StorageCommitmentPushModel", None)  # noqa: SLF001  its table
    sop_class._SERVICE_CLASSES[MODEL] = CommitmentService  # noqa: SLF001  as above


def _read(association: Any, req: N_ACTION, context: PresentationContext) -> Request:
    """Return what is asked for; a place among those that wait is taken then. Raises Declined."""
    name = str(association.requestor.ae_title).strip()
    by = doors.node(ae_title=name, request_id=uuid.uuid4().hex)
    close_old_connections()
    with acting(by):
        site = doors.sender(name)
    if site is None:
        raise Declined(NOT_AUTHORISED)
    if req.RequestedSOPInstanceUID != INSTANCE:
        raise Declined(NO_SUCH_OBJECT)
    if req.ActionTypeID != _ASK:
        raise Declined(NO_SUCH_ACTION)
    transaction, named = _named(req, context)
    if len(named) > committing.MOST_ASKED or not _room.acquire(blocking=False):
        raise Declined(RESOURCE_LIMITATION)
    try:
        promise = promises.keep(ae_title=name, transaction=transaction, named=named)
    except OSError:
        _room.release()
        raise
    return Request(by=by, site=site, promise=promise)


def _named(req: N_ACTION, context: PresentationContext) -> tuple[str, tuple[Named, ...]]:
    syntax = context.transfer_syntax[0]
    if req.ActionInformation is None:
        raise Declined(NO_SUCH_ARGUMENT)
    told = decode(req.ActionInformation, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    items = told.get("ReferencedSOPSequence") or []
    if "TransactionUID" not in told or not items:
        raise Declined(NO_SUCH_ARGUMENT)
    pairs = [
        (str(item.get("ReferencedSOPClassUID", "")), str(item.get("ReferencedSOPInstanceUID", ""))) for item in items
    ]
    if not told.TransactionUID or not all(all(pair) for pair in pairs):
        raise Declined(INVALID_ARGUMENT)
    named = dict.fromkeys(Named(sop_class=name, instance=uid) for name, uid in pairs)
    return str(told.TransactionUID), tuple(named)


def _serve(association: Association, request: Request, context: PresentationContext) -> None:
    """Look in another thread, so that this line still hears its peer; then report here, or have the sender called."""
    looking = _pool.submit(_look, request)
    while not is_leaving(association):
        try:
            answers = looking.result(timeout=0.1)
        except NotYet:
            continue
        if _report_here(association, request, context, answers):
            _end(request, answers, told="the same association")
            return
        break
    _callers.submit(_call, request, looking)


def begin(found: Sequence[Path]) -> None:
    """Look again for whoever was promised a report by a node that was killed, and have them called."""
    _callers.submit(_resume, found)


def _resume(found: Sequence[Path]) -> None:
    try:
        for promise in promises.left(found):
            _take_up(promise)
    except Exception:
        log.exception("what a killed node had promised waits for the next start")
    finally:
        connection.close()


def _take_up(promise: Promise) -> None:
    by = doors.node(ae_title=promise.ae_title, request_id=uuid.uuid4().hex)
    with acting(by):
        site = doors.sender(promise.ae_title)
    if site is None:
        # Struck off meanwhile: nobody is called who sends here no more.
        promise.end()
        return
    _room.acquire()
    request = Request(by=by, site=site, promise=promise)
    _callers.submit(_call, request, _pool.submit(_look, request))


def _look(request: Request) -> Answers:
    """Judge every object; what cannot be judged is not promised."""
    try:
        with acting(request.by):
            return committing.judge(trial_site=request.site, named=request.named)
    except Exception:
        log.exception("what a sender asked for could not be looked up")
        return dict.fromkeys(request.named, Reason.PROCESSING_FAILURE)
    finally:
        connection.close()


def _report_here(association: Association, request: Request, context: PresentationContext, answers: Answers) -> bool:
    """Report on the line on which the sender asked; whether the sender took it. What it sends meanwhile waits."""
    report = N_EVENT_REPORT()
    report.MessageID = 1
    report.AffectedSOPClassUID, report.AffectedSOPInstanceUID = MODEL, INSTANCE
    report.EventTypeID = event_of(answers)
    syntax = context.transfer_syntax[0]
    told = _told(request, answers)
    data = encode(told, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    report.EventInformation = io.BytesIO(data or b"")
    association.dimse.send_msg(report, context.context_id or 1)
    return _is_acknowledged(association)


def _is_acknowledged(association: Association) -> bool:
    set_aside: list[Any] = []
    until = time.monotonic() + REPORT_SECONDS
    try:
        while time.monotonic() < until:
            leaves = is_leaving(association)  # asked first: a peer that leaves may have answered before
            number, message = association.dimse.get_msg(block=False)
            if isinstance(message, N_EVENT_REPORT) and message.is_valid_response:
                return bool(message.Status == 0)
            if message is not None:
                set_aside.append((number, message))
            elif leaves:
                return False
            else:
                time.sleep(0.01)
        return False
    finally:
        for waiting in set_aside:
            association.dimse.msg_queue.put(waiting)


def _call(request: Request, looking: "Future[Answers]") -> None:
    """Call the sender where its door says that it listens."""
    answers, told = looking.result(), ""
    try:
        with acting(request.by):
            door = Door.objects.filter(trial_site=request.site, host__isnull=False).first()
        for seconds in CALLED_AGAIN if door else ():
            time.sleep(seconds)
            if door is not None and _report_there(door, request, answers):
                told = "an association of its own"
                break
    except Exception:
        log.exception("a sender could not be told what is kept")
    finally:
        _end(request, answers, told=told)
        connection.close()


def _report_there(door: Door, request: Request, answers: Answers) -> bool:
    roles, contexts = [build_role(MODEL, scp_role=True)], [build_context(MODEL)]
    try:
        with line(door, ae_title=request.site.ae_title, contexts=contexts, roles=roles) as association:
            told, _reply = association.send_n_event_report(_told(request, answers), event_of(answers), MODEL, INSTANCE)
    except (Unreachable, ValueError, RuntimeError) as error:
        log.warning("a sender was not told what is kept: %s", type(error).__name__)
        return False
    return bool(told.get("Status") == 0)


def event_of(answers: Answers) -> int:
    return SOME_NOT_KEPT if any(answers.values()) else ALL_KEPT


def _told(request: Request, answers: Answers) -> Dataset:
    """The event's information (PS3.4 table J.3-3): what is kept, and what is not and why."""
    told = Dataset()
    told.TransactionUID = request.promise.transaction
    kept = [_item(one) for one, reason in answers.items() if reason is None]
    lacking = [_item(one, reason) for one, reason in answers.items() if reason is not None]
    if kept:
        told.ReferencedSOPSequence = kept
    if lacking:
        told.FailedSOPSequence = lacking
    return told


def _item(one: Named, reason: Reason | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.sop_class, one.instance
    if reason is not None:
        item.FailureReason = int(reason)
    return item


def _end(request: Request, answers: Answers, *, told: str) -> None:
    _room.release()
    request.promise.end()
    with acting(request.by):
        committing.tell(by=request.by, trial_site=request.site, answers=answers, told=told)

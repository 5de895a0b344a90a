"""How objects are handed over a line: as the peer takes them, each counted by what became of it."""

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import A_ABORT, A_P_ABORT, A_RELEASE
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.status import STATUS_FAILURE, STATUS_SUCCESS, code_to_category

from imaging.dicomweb.shelf import Held
from imaging.fence import copies

SUCCESS, SOME_FAILED, ALL_FAILED = 0x0000, 0xB000, 0xA702
# Within one association; each syntax of each class takes one of the 128 that there are.
_MOST_CONTEXTS = 126
_UNCOMPRESSED = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_META_START, _META_LENGTH = 144, slice(140, 144)
_LOW, _PAUSE_SECONDS = 2, 0.0001


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of each object; counts go into every answer (PS3.7 9.1.3)."""

    total: int = 0
    completed: int = 0
    warned: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def remaining(self) -> int:
        return self.total - self.completed - self.warned - len(self.failed)

    def note(self, held: Held, told: int | None) -> None:
        """Count one by the status that the peer answered; None where it answered nothing of use."""
        category = STATUS_FAILURE if told is None else code_to_category(told)
        if category == STATUS_SUCCESS:
            self.completed += 1
        elif category == STATUS_FAILURE:
            self.failed.append(held.instance)
        else:
            self.warned += 1

    @property
    def end(self) -> int:
        if len(self.failed) == self.total and self.total:
            return ALL_FAILED
        return SOME_FAILED if self.failed or self.warned else SUCCESS


def contexts_for(held: Sequence[Held]) -> list[PresentationContext]:
    """One context for each class as it is stored, and one uncompressed, so that nothing is lost to negotiation."""
    pairs = dict.fromkeys((one.sop_class, one.syntax) for one in held if one.syntax and one.syntax not in _UNCOMPRESSED)
    plain = [build_context(name, list(_UNCOMPRESSED)) for name in dict.fromkeys(one.sop_class for one in held)]
    return (plain + [build_context(name, syntax) for name, syntax in pairs])[:_MOST_CONTEXTS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Originator:
    """Who asked for a C-MOVE, and by which message: its destination is told (PS3.7 9.1.4)."""

    ae_title: str
    message_id: int


def hand_over(held: Held, association: Association, *, number: int, originator: Originator | None) -> int | None:
    """Send one object as the peer takes it; return the peer's status, None where it answered nothing of use.

    Raises FrameRefused, ArchiveDamaged, and ValueError where the peer takes it in no form. Neither reads a data set in
    this process: the archive's own bytes go out, or what the fence made of them.
    """
    context = _context_for(held, association)
    syntax = str(context.transfer_syntax[0])
    data = held.read()
    if syntax != held.syntax:
        data = copies.decoded(data, syntax=syntax)
    request = C_STORE()
    request.MessageID, request.Priority = number, _LOW
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = UID(held.sop_class), UID(held.instance)
    if originator is not None:
        request.MoveOriginatorApplicationEntityTitle = originator.ae_title
        request.MoveOriginatorMessageID = originator.message_id
    request.DataSet = io.BytesIO(_data_set(data))
    return _asked(association, request, context.context_id or 1)


def _context_for(held: Held, association: Association) -> PresentationContext:
    taken = {
        str(context.transfer_syntax[0]): context
        for context in association.accepted_contexts
        if context.abstract_syntax == held.sop_class and context.as_scu
    }
    for syntax in (held.syntax, *map(str, _UNCOMPRESSED)):
        if syntax in taken:
            return taken[syntax]
    raise ValueError("the peer takes this object in no form that we have")


def _data_set(data: bytes) -> memoryview:
    """What stands behind the file meta, which our own writer begins with its length."""
    return memoryview(data)[_META_START + int.from_bytes(data[_META_LENGTH], "little") :]


def _asked(association: Association, request: C_STORE, context_id: int) -> int | None:
    """Send a request and wait for the answer, as `Association.send_c_store` does with a data set that it encodes."""
    line: Any = association
    line._reactor_checkpoint.clear()  # noqa: SLF001  the library's own pause
    try:
        while not line._is_paused:  # noqa: SLF001  as above
            if not association.is_established:
                raise RuntimeError("the line ended before the object was sent")
            time.sleep(_PAUSE_SECONDS)
        line.dimse.send_msg(request, context_id)
        _context, answer = line.dimse.get_msg(block=True)
    finally:
        line._reactor_checkpoint.set()  # noqa: SLF001  as above
    if answer is None:
        line._handle_no_response()  # noqa: SLF001  it ends the association
        return None
    told: int | None = line._check_received_status(answer).get("Status")  # noqa: SLF001  as above
    return told


def is_leaving(association: Association) -> bool:
    """Whether the peer hung up, or wants to; the word itself is left to the association."""
    waiting = association.dul.peek_next_pdu()
    return not association.is_established or isinstance(waiting, (A_RELEASE, A_ABORT, A_P_ABORT))

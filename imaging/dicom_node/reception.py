"""One association's delivery: objects sealed as they come, and answered only once they are durable and recorded."""

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TypeVar

from django.core.exceptions import ValidationError
from django.db import DatabaseError

from deid import Rejected
from imaging import quarantine
from imaging.dicom_node.turns import TURN
from imaging.models import Submission
from imaging.services import doors
from imaging.services.arrivals import LARGEST_OBJECT, Arrival, Register
from imaging.vault import KEPT_SIZE, PART_SIZE, SealedPart, Sealer, Stage

log = logging.getLogger("corelab.dicom")

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
# Refusals that may not stand when the object is sent again, or that are about room.
_TRY_AGAIN = frozenset({"quota", "no-room", "stranger", "closed", "too-large", "wrong-state"})
T = TypeVar("T")


class Desk(Protocol):
    """Whoever speaks to the database for all associations."""

    def ask(self, act: Callable[[Register], T]) -> T: ...

    def record(self, arrival: Arrival) -> None:
        """Return once the file is recorded. Raises what refused it: ValidationError, DatabaseError."""
        ...


class Reception:
    """Opened by its first object, closed with the association. One object at a time."""

    def __init__(self, ae_title: str, desk: Desk) -> None:
        self.by = doors.node(ae_title=ae_title, request_id=uuid.uuid4().hex)
        self.ae_title = ae_title
        self._desk = desk
        self._submission: Submission | None = None
        self._sealer: Sealer | None = None
        self._claim: quarantine.Claim | None = None
        self._number = 0
        self._status = SUCCESS
        # Memory that is used again: only the first `_size` bytes are the object's.
        self._data, self._size = bytearray(), 0
        self._parts: list[SealedPart] = []
        self._is_closed = False
        # Objects of this association so far: taken, and not.
        self.stored = self.refused = 0
        # Why, where an object itself was the reason: sentences, with how often each was said.
        self.reasons: Counter[str] = Counter()
        # The association's thread may close while the line's thread records.
        self._lock = threading.Lock()

    def begin(self, head: bytes, *, status: int = SUCCESS) -> None:
        """Start an object whose first bytes are `head`; with another status than success its bytes are thrown away."""
        self._status, self._parts = status, []
        self._clear()
        self._add(head)

    def more(self, data: memoryview | bytes) -> None:
        """Take bytes of the object; what cannot be taken is told by `end`. Of a large one each full part is sealed."""
        while len(data) and self._status == SUCCESS:
            if self._size == PART_SIZE:
                self._status = self._guarded(self._seal_full_part)
            left = PART_SIZE - self._size
            self._add(data[:left])
            data = data[left:]

    def _add(self, data: memoryview | bytes) -> None:
        begin, self._size = self._size, self._size + len(data)
        if self._size > len(self._data):
            self._data += bytes(self._size - len(self._data))
        # Through a view: the bytearray itself would copy what it is to hold once more on the way.
        memoryview(self._data)[begin : self._size] = data

    def _clear(self) -> None:
        self._size = 0
        if len(self._data) > KEPT_SIZE:
            self._data = bytearray()

    def refuse(self, refusal: Rejected) -> None:
        """Take nothing of this object, which all came, for what it is."""
        if self._status in {SUCCESS, CANNOT_UNDERSTAND}:
            self._status = CANNOT_UNDERSTAND
            self.reasons[refusal.reason] += 1

    def end(self) -> int:
        """Return the DIMSE status: success only for bytes that survive a power cut and stand in the records."""
        if self._status == SUCCESS:
            self._status = self._guarded(self._finish)
        if self._status != SUCCESS:
            self.cut()
        self.stored += self._status == SUCCESS
        self.refused += self._status != SUCCESS
        self._parts = []
        return self._status

    def cut(self) -> None:
        """Leave nothing of an object that does not come to its end."""
        self._clear()
        if self._parts:
            self._forget_parts()

    def free(self) -> None:
        """Give the memory of objects back; no more comes."""
        with self._lock:
            self._data, self._sealer = bytearray(), None

    def close(self) -> None:
        """End the delivery; what comes after is refused. Raises ValidationError where it moved on, DatabaseError."""
        with self._lock:
            is_first, self._is_closed, submission = not self._is_closed, True, self._submission
        if is_first and submission is not None:
            try:
                self._desk.ask(lambda register: register.close(by=self.by, submission=submission))
            finally:
                self._let_go()

    def _guarded(self, act: Callable[[], None]) -> int:
        try:
            act()
        except ValidationError as refusal:
            return _status_of(refusal)
        except (OSError, DatabaseError):
            log.exception("no room for an object, or no database: the sender may try again")
            return OUT_OF_RESOURCES
        except Exception:
            log.exception("an object could not be taken")
            return CANNOT_UNDERSTAND
        return SUCCESS

    def _seal_full_part(self) -> None:
        with self._lock:
            sealer, submission = self._open()
            self._seal(sealer)
            self._size = 0
            arrival = self._arrival(submission)
        if (arrival.room.size or 0) > LARGEST_OBJECT:
            raise ValidationError("larger than one object may be", code="too-large")
        self._desk.ask(lambda register: register.require_room(arrival))

    def _finish(self) -> None:
        """Seal and record; where the delivery was closed or discarded meanwhile, the object begins a new one."""
        with self._lock:
            is_whole = not self._parts
            try:
                self._record()
            except (ValidationError, FileNotFoundError) as refusal:
                if not is_whole or not _is_over(refusal):
                    raise
                self._begin_anew()
                self._record()
            self._clear()
            self._number += 1

    def _seal(self, sealer: Sealer) -> None:
        data = memoryview(self._data)[: self._size]
        self._parts.append(sealer.seal(number=self._number, part=len(self._parts), data=data))

    def _record(self) -> None:
        sealer, submission = self._open()
        self._seal(sealer)
        try:
            self._desk.record(self._arrival(submission))
        except ValidationError:
            raise
        except Exception:
            # Whether it was recorded is not known: its bytes stay, and its number is never used again.
            self._parts, self._number = [], self._number + 1
            raise

    def _begin_anew(self) -> None:
        self._forget_parts()
        self._let_go()
        self._submission, self._sealer, self._number = None, None, 0

    def _open(self) -> tuple[Sealer, Submission]:
        if self._is_closed:
            raise ValidationError("the association has ended", code="closed")
        if self._submission is None or self._sealer is None:
            self._submission = self._desk.ask(lambda register: register.open(by=self.by, ae_title=self.ae_title))
            self._claim = quarantine.claim(self._submission)
            self._sealer = quarantine.sealer(self._submission, while_syncing=TURN.away)
        return self._sealer, self._submission

    def _let_go(self) -> None:
        if self._claim is not None:
            self._claim.end()
            self._claim = None

    def _arrival(self, submission: Submission) -> Arrival:
        return Arrival(
            by=self.by, ae_title=self.ae_title, submission=submission, number=self._number, parts=tuple(self._parts)
        )

    def _forget_parts(self) -> None:
        self._parts = []
        if self._submission is not None:
            quarantine.vault().drop(str(self._submission.pk), self._number, Stage.RECEIVED)


def _is_over(refusal: ValidationError | FileNotFoundError) -> bool:
    """Whether the delivery was closed, or discarded with all that lay in its folder."""
    return isinstance(refusal, FileNotFoundError) or refusal.code == "wrong-state"


def _status_of(refusal: ValidationError) -> int:
    # Its code is a word of ours; its sentence is for people.
    code = getattr(refusal, "code", "")
    log.warning("an object was refused: %s", code)
    return OUT_OF_RESOURCES if code in _TRY_AGAIN else CANNOT_UNDERSTAND

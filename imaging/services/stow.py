"""The DICOMweb door: parts of a request sealed as they come, each answered only once it is durable and recorded."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.context import admit
from deid import Head, Rejected, read_head
from deid.keyed import keyed_digest
from deid.wholeness import Inspector, inspect_file
from imaging import quarantine
from imaging.models import IncomingFile, StowDelivery, Submission
from imaging.services import arrivals, joining, refusing, road, submissions
from imaging.services.pieces import Piece, in_parts
from imaging.vault import PART_SIZE, Stage
from trials.keys import trial_key
from trials.models import SiteToken, TimePoint

log = logging.getLogger("corelab.stow")

State = Submission.State
LARGEST_PART = arrivals.LARGEST_OBJECT
# What is sealed at a time: few syncs for many small parts, little memory.
_BATCH_BYTES = PART_SIZE
_BATCH_PIECES = 64


class Reason(IntEnum):
    """Failure reasons (PS3.4 table B.2-1, PS3.18 annex I)."""

    NOT_AUTHORISED = 0x0124
    OUT_OF_RESOURCES = 0xA700
    OTHER_STUDY = 0xA900
    CANNOT_UNDERSTAND = 0xC000


@dataclass(slots=True)
class Item:
    """What became of one part: `head` where it could be read, `sentence` where it was not taken."""

    head: Head | None = None
    reason: Reason | None = None
    sentence: str = ""
    code: str = ""
    number: int | None = None
    delivery: StowDelivery | None = None

    def fail(self, reason: Reason, sentence: str, *, code: str = "") -> None:
        self.reason, self.sentence, self.code = reason, sentence, code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealing:
    """A piece that waits to be sealed with others."""

    item: Item
    part: int
    data: bytes


@dataclass(slots=True, kw_only=True)
class Reception:
    """The parts of one request. `time_point` and `study` where the sender named them.

    `person` is what a gateway told of whose scans they are (`StowDelivery.person`), only with a time point.
    """

    by: Actor
    token: SiteToken
    time_point: TimePoint | None = None
    study: str = ""
    person: str = ""
    items: list[Item] = field(default_factory=list)
    _open: dict[str, StowDelivery] = field(default_factory=dict)
    _touched: dict[int, StowDelivery] = field(default_factory=dict)
    _waiting: list[_Sealing] = field(default_factory=list)

    def deliveries(self) -> list[StowDelivery]:
        """Every delivery that something of this request went into."""
        return list(self._touched.values())

    def refuse(self, sentence: str) -> None:
        """Note a part that is not looked into at all."""
        item = Item()
        item.fail(Reason.CANNOT_UNDERSTAND, sentence)
        self.items.append(item)

    def take(self, body: Iterable[bytes]) -> None:
        """Take one object, piece by piece; it counts as taken only after `finish`."""
        item, size = Item(), 0
        self.items.append(item)
        inspector: Inspector | None = None
        for part, data in enumerate(in_parts(body)):
            size += len(data)
            if part == 0:
                inspector = self._look_at(item, data)
            elif inspector is not None:
                inspector.feed(data)
            if size > LARGEST_PART:
                sentence = _("This object is larger than one object may be. Nothing of it was kept.")
                item.fail(Reason.OUT_OF_RESOURCES, sentence, code="too-large")
            if item.reason is not None:
                self._forget(item)
                return
            self._waiting.append(_Sealing(item=item, part=part, data=data))
            if sum(len(one.data) for one in self._waiting) >= _BATCH_BYTES:
                self.flush()
        self._end(item, inspector)
        if len(self._waiting) >= _BATCH_PIECES:
            self.flush()

    def _end(self, item: Item, inspector: Inspector | None) -> None:
        """Take back what turns out torn at its end."""
        refusal = inspector.end() if inspector is not None else None
        if refusal is not None:
            item.fail(Reason.CANNOT_UNDERSTAND, refusal.reason, code=refusal.code)
            self._forget(item)

    def _look_at(self, item: Item, data: bytes) -> Inspector | None:
        if not data:
            item.fail(Reason.CANNOT_UNDERSTAND, _("This part is empty. Nothing of it was kept."))
            return None
        try:
            item.head = read_head(data)
            inspector = inspect_file(data)
        except Rejected as rejected:
            item.fail(Reason.CANNOT_UNDERSTAND, rejected.reason, code=rejected.code)
            return None
        if self.study and item.head.study_instance_uid != self.study:
            sentence = _("This object is of another study than the address names. Nothing of it was kept.")
            item.fail(Reason.OTHER_STUDY, sentence)
        return inspector

    def flush(self) -> None:
        """Seal and record what waits; when it returns, each item that did not fail is durable."""
        waiting, self._waiting = self._waiting, []
        by_mark: dict[str, list[_Sealing]] = {}
        for one in waiting:
            if one.item.reason is None:
                by_mark.setdefault(self._mark(one.item), []).append(one)
        for mark, group in by_mark.items():
            self._seal_or_refuse(mark, group)

    def _mark(self, item: Item) -> str:
        """A study is a delivery of its own, unless the sender says for which time point all of it is."""
        if self.time_point is not None or item.head is None:
            return ""
        key = trial_key(self.token.trial_site.trial)
        return keyed_digest(key=key, domain="stow", text=item.head.study_instance_uid).hex()

    def _seal_or_refuse(self, mark: str, group: list[_Sealing]) -> None:
        try:
            self._seal(mark, group)
        except ValidationError as refusal:
            self._refuse(group, _reason_of(refusal), " ".join(refusal.messages), getattr(refusal, "code", "") or "")
        except (OSError, OperationalError):
            log.exception("no room for an object, or no database: the sender may try again")
            sentence = _("There is no room for it now. Nothing of it was kept; send it again later.")
            self._refuse(group, Reason.OUT_OF_RESOURCES, sentence, "no-room")

    def _refuse(self, group: list[_Sealing], reason: Reason, sentence: str, code: str) -> None:
        for one in group:
            one.item.fail(reason, sentence, code=code)
            self._forget(one.item)

    def _seal(self, mark: str, group: list[_Sealing]) -> None:
        try:
            self._seal_into(self._delivery(mark), group)
        except ValidationError as refusal:
            is_begun = any(one.item.number is not None and one.part for one in group)
            if getattr(refusal, "code", "") != "wrong-state" or is_begun:
                raise
            # It was closed or discarded meanwhile: what comes now begins another.
            self._open.pop(mark, None)
            for one in group:
                one.item.number = None
            self._seal_into(self._delivery(mark), group)

    def _seal_into(self, delivery: StowDelivery, group: list[_Sealing]) -> None:
        new = [one.item for one in group if one.item.number is None]
        for number, item in enumerate(new, start=joining.reserve(delivery, len(new)) if new else 0):
            item.number, item.delivery = number, delivery
        pieces = [Piece(number=one.item.number or 0, part=one.part, data=one.data) for one in group]
        submissions.receive(by=self.by, submission=delivery.submission, pieces=pieces)
        self._touched[delivery.pk] = delivery

    def _delivery(self, mark: str) -> StowDelivery:
        if mark not in self._open:
            whose = joining.Whose(time_point=self.time_point, mark=mark, person=self.person)
            self._open[mark] = joining.open_or_join(self.by, self.token, whose)
        return self._open[mark]

    def _forget(self, item: Item) -> None:
        """Leave nothing of an object that is not acknowledged."""
        self._waiting = [one for one in self._waiting if one.item is not item]
        if item.number is not None and item.delivery is not None:
            take_back(by=self.by, submission=item.delivery.submission, numbers=[item.number])

    def abandon(self) -> None:
        """Leave nothing of the whole request: it was not well formed, so nothing of it is acknowledged."""
        self._waiting = []
        for delivery in self.deliveries():
            numbers = [item.number for item in self.items if item.delivery == delivery and item.number is not None]
            take_back(by=self.by, submission=delivery.submission, numbers=numbers)

    def finish(self, *, is_last: bool) -> None:
        """Make everything durable; `is_last` closes the deliveries, which then go on without a quiet time."""
        self.flush()
        if reasons := Counter(item.sentence for item in self.items if item.reason is not None):
            refusing.tell(by=self.by, trial_site=self.token.trial_site, reasons=reasons)
        if is_last:
            for delivery in self.deliveries():
                close(by=self.by, submission=delivery.submission)


def _reason_of(refusal: ValidationError) -> Reason:
    full = {"quota", "no-room", "too-many", "too-large"}
    return Reason.OUT_OF_RESOURCES if getattr(refusal, "code", "") in full else Reason.NOT_AUTHORISED


def take_back(*, by: Actor, submission: Submission, numbers: list[int]) -> None:
    """Remove files that were not acknowledged from an open delivery, with what they counted for."""
    admit(by)
    with quarantine.held(submission):
        if _uncount(submission, numbers):
            for number in numbers:
                quarantine.vault().drop(str(submission.pk), number, Stage.RECEIVED)


@transaction.atomic
def _uncount(submission: Submission, numbers: list[int]) -> bool:
    """Whether the delivery was still open, so that its files could go."""
    row = road.lock(submission)
    if row.state != State.RECEIVING:
        return False
    files = IncomingFile.objects.filter(submission=row, number__in=numbers)
    sizes = list(files.values_list("size", flat=True))
    Submission.objects.filter(pk=row.pk).update(
        bytes_received=F("bytes_received") - sum(sizes), files_received=F("files_received") - len(sizes)
    )
    files.delete()
    return True


def close(*, by: Actor, submission: Submission) -> None:
    """End a delivery whose sender said that this was all; one that moved on already is left alone."""
    try:
        submissions.close_association(by=by, submission=submission)
    except ValidationError as refusal:
        if getattr(refusal, "code", "") != "wrong-state":
            raise

"""Files of machines that lie durably sealed, recorded many in one transaction: what one of them lacks stops no other.

Who may send, and how full a share is, is asked of the database at most every SECONDS; near its end a share is asked for
each file, in the transaction that takes it.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.context import acting
from imaging import quarantine
from imaging.models import Submission
from imaging.services import doors, quotas, reserve, rows, submissions
from imaging.services.doors import Caller
from imaging.services.quotas import SHARED, Level, Room
from imaging.vault import SealedPart
from trials.models import TrialSite

State = Submission.State
# What one object may be, over any door for machines.
LARGEST_OBJECT = 2 * 1024**3
# So long a sender may still be believed after its site was closed, or a share after it was cut.
SECONDS = 2.0
# What other doors may take of a share meanwhile; where less is left, nothing is taken on trust.
AMPLE = Room(size=2**30, files=1000, deliveries=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One file, sealed in all its parts under its number."""

    by: Actor
    ae_title: str
    submission: Submission
    number: int
    parts: Sequence[SealedPart]

    @property
    def room(self) -> Room:
        return Room(size=sum(part.size for part in self.parts), files=1)


@dataclass(slots=True, kw_only=True)
class _Share:
    """How full the shares of a site were, and what we took since."""

    trial_id: int
    levels: Sequence[Level]
    asked_at: float
    taken: Counter[str] = field(default_factory=Counter)

    def is_near_its_end(self, more: Room) -> bool:
        """Whether `more` could be too much, if others took an ample part of what it asks for meanwhile."""
        ample = Room(**{name: self.taken[name] + amount + getattr(AMPLE, name) for name, amount in _amounts(more)})
        return any(level.overrun(ample) for level in self.levels)


class Register:
    """Takes files for machines; one thread at a time."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._senders: dict[str, tuple[float, TrialSite | None]] = {}
        self._shares: dict[int, _Share] = {}

    def known_ae_titles(self, caller: Caller) -> list[str]:
        """Return the names this caller may go by, as the database has it now."""
        # Whoever calls has no name yet.
        with acting(doors.node(ae_title="", request_id=uuid.uuid4().hex)):
            return doors.known_ae_titles(caller)

    def open(self, *, by: Actor, ae_title: str) -> Submission:
        """Begin a delivery. Raises ValidationError: `stranger`, and `quota` where a share is full."""
        more = Room(deliveries=1)
        with acting(by):
            site = self._sender(ae_title)
            self._require_room(by, site, more)
            submission = submissions.start_unassigned(by=by, trial_site=site)
        self._take(site, more)
        return submission

    def require_room(self, arrival: Arrival) -> None:
        """Raise ValidationError (`quota`, `stranger`) where what has come of a file is too much already."""
        with acting(arrival.by):
            self._judge(arrival)

    def close(self, *, by: Actor, submission: Submission) -> None:
        """End a delivery. Raises ValidationError (`wrong-state`) where it has ended."""
        with acting(by):
            submissions.close_association(by=by, submission=submission)

    @transaction.atomic
    def record(self, arrivals: Sequence[Arrival]) -> list[ValidationError | None]:
        """Record in one transaction what may be taken; for each arrival the refusal, None where it is recorded.

        Refusals: `quota`, `stranger`, `wrong-state` where the delivery was closed meanwhile or is full.
        """
        # Every delivery's row is held before any event is told, and always in one order.
        order = sorted(range(len(arrivals)), key=lambda index: str(arrivals[index].submission.pk))
        refusals = dict(zip(order, (self._count(arrivals[index]) for index in order), strict=True))
        taken = [arrival for index, arrival in enumerate(arrivals) if refusals[index] is None]
        for arrival in taken:
            _note(arrival)
        return [refusals[index] for index in range(len(arrivals))]

    def _count(self, arrival: Arrival) -> ValidationError | None:
        with acting(arrival.by):
            try:
                self._judge(arrival)
                _hold(arrival)
            except ValidationError as refusal:
                return refusal
        self._take(arrival.submission.trial_site, arrival.room)
        return None

    def _judge(self, arrival: Arrival) -> None:
        site = self._sender(arrival.ae_title)
        if site.pk != arrival.submission.trial_site_id:
            raise _stranger()
        self._require_room(arrival.by, site, arrival.room)

    def _require_room(self, by: Actor, site: TrialSite, more: Room) -> None:
        if self._share(by, site).is_near_its_end(more) or reserve.is_reached():
            quotas.require_room(by=by, trial_site=site, more=more)

    def _sender(self, ae_title: str) -> TrialSite:
        now = self._clock()
        asked_at, site = self._senders.get(ae_title, (now - SECONDS, None))
        if now - asked_at >= SECONDS:
            site = doors.sender(ae_title)
            self._senders[ae_title] = (now, site)
        if site is None:
            raise _stranger()
        return site

    def _share(self, by: Actor, site: TrialSite) -> _Share:
        now, known = self._clock(), self._shares.get(site.pk)
        if known is None or now - known.asked_at >= SECONDS:
            levels = tuple(quotas.levels(by=by, trial_site=site))
            known = self._shares[site.pk] = _Share(trial_id=site.trial_id, levels=levels, asked_at=now)
        return known

    def _take(self, site: TrialSite, room: Room) -> None:
        """Count it for every site of its trial: that is too much for the others' own shares, never too little."""
        for share in self._shares.values():
            if share.trial_id == site.trial_id:
                share.taken.update(dict(_amounts(room)))


def _amounts(room: Room) -> Iterator[tuple[str, int]]:
    """What is asked for, or taken, of size, files and deliveries."""
    told = ((name, getattr(room, name)) for name in SHARED)
    return ((name, amount) for name, amount in told if amount)


def _hold(arrival: Arrival) -> None:
    """Count the file in its delivery's row, which holds it: one that was closed or discarded takes no more."""
    size = arrival.room.size or 0
    if arrival.number >= quarantine.MAXIMUM_FILES:
        raise ValidationError(_("Too many files in one delivery. Divide it."), code="too-many")
    if not rows.count(submission=arrival.submission, size=size, most=submissions.MAXIMUM_BYTES):
        raise ValidationError(_("This delivery does not take more files. Start a new one."), code="wrong-state")


def _note(arrival: Arrival) -> None:
    parts = arrival.parts
    with acting(arrival.by):
        rows.add(
            submission=arrival.submission,
            number=arrival.number,
            size=arrival.room.size or 0,
            parts=[part.size for part in parts],
            part_hashes=[part.sha256 for part in parts],
            # Of a file in several parts the hash is taken when it is opened.
            sha256=parts[0].sha256 if len(parts) == 1 else "",
        )


def _stranger() -> ValidationError:
    return ValidationError(_("No open site of an open trial sends under this name."), code="stranger")

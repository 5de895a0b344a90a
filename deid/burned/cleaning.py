"""The engine's verb for objects that may carry burned-in text: cleaned, or waiting for a person, or refused."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deid.burned.boxes import Box
from deid.burned.doubts import Waiting
from deid.burned.looking import Eyes
from deid.burned.reader import TextReader, rapid_reader
from deid.burned.treatment import Treated, treat, treat_by_person
from deid.elements import Source, text_of
from deid.engine import clean_source, failing_closed
from deid.model import ClinicalTrial, Policy, Rejected, Rejection
from deid.options import Option
from deid.person import person_of
from deid.result import Cleaned
from deid.risk import look_needed, require_low_risk

_SOP_CLASS = 0x00080016


@dataclass(frozen=True, slots=True)
class Clerk:
    """What cleaning needs beside the object; `keeps` are words (folded) that the trial leaves in pictures."""

    key: bytes
    trial: ClinicalTrial
    policy: Policy
    keeps: frozenset[str] = frozenset()
    reader: Callable[[], TextReader] = rapid_reader
    tick: Callable[[], None] = lambda: None

    def clean(self, source: Source) -> Cleaned | Waiting:
        """Clean a parsed file; one at risk has its pixels treated where the policy has the option. Raises Rejected."""
        who = look_needed(source.item, sop_class_uid=text_of(source.item.get(_SOP_CLASS)))
        if who is None or Option.CLEAN_PIXEL_DATA not in self.policy.options:
            return self._finish(source)
        self._require_cleanable(source)
        with failing_closed():
            treated = treat(source, who=who, eyes=self._eyes(source))
        return self._ended(treated)

    def clean_as_decided(self, source: Source, *, boxes: Iterable[Box]) -> Cleaned | Waiting:
        """Clean a parsed file whose boxes a person decided; it waits again where a name is still read."""
        self._require_cleanable(source)
        with failing_closed():
            treated = treat_by_person(source, boxes=boxes, eyes=self._eyes(source))
        return self._ended(treated)

    def _eyes(self, source: Source) -> Eyes:
        return Eyes(reader=self.reader(), person=person_of(source.item), keeps=self.keeps, tick=self.tick)

    def _require_cleanable(self, source: Source) -> None:
        """Raise Rejected before minutes are spent on the pixels of an object that no review could let through.

        A decision of yesterday holds only while the policy still has the option.
        """
        is_cleanable = Option.CLEAN_PIXEL_DATA in self.policy.options
        require_low_risk(source.item, sop_class_uid=text_of(source.item.get(_SOP_CLASS)), is_looked_at=is_cleanable)

    def _ended(self, treated: Treated) -> Cleaned | Waiting:
        if treated.is_certain:
            return self._finish(treated.source, treated)
        # Its header must be clean, too: what would be refused anyway needs no person.
        self._finish(treated.source, treated)
        return Waiting(boxes=treated.record.boxes, doubts=treated.doubts, frames=treated.record.frames)

    def _finish(self, source: Source, treated: Treated | None = None) -> Cleaned:
        pixels = treated.record if treated else None
        return clean_source(source, key=self.key, trial=self.trial, policy=self.policy, pixels=pixels)


def clean_unreviewed(source: Source, *, clerk: Clerk) -> Cleaned:
    """Clean where nobody reviews: whatever would wait for a person is refused. Raises Rejected."""
    cleaned = clerk.clean(source)
    if isinstance(cleaned, Waiting):
        raise Rejected(
            Rejection.PIXELS_NEED_REVIEW,
            "This picture may show a name or a face, and the machine is not sure that it found everything. "
            "It was not let through. Please look at it yourself, or send it to the core laboratory for review.",
        )
    return cleaned

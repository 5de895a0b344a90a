"""How objects are handed over a line: as the peer takes them, each counted by what became of it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ABORT, A_P_ABORT, A_RELEASE
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.status import STATUS_FAILURE, STATUS_SUCCESS, code_to_category

from imaging.dicomweb import documents
from imaging.dicomweb.shelf import Held

SUCCESS, SOME_FAILED, ALL_FAILED = 0x0000, 0xB000, 0xA702
# Within one association; each syntax of each class takes one of the 128 that there are.
_MOST_CONTEXTS = 126
_UNCOMPRESSED = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


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


def as_taken(held: Held, association: Association) -> Dataset:
    """The object as it is stored where the peer takes that, else decoded. Raises FrameRefused, ArchiveDamaged."""
    data = held.read()
    taken = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if context.abstract_syntax == held.sop_class and context.as_scu
    }
    if held.syntax not in taken and held.syntax not in _UNCOMPRESSED and taken & set(map(str, _UNCOMPRESSED)):
        data = documents.decoded(data)
    return dcmread(io.BytesIO(data))


def is_leaving(association: Association) -> bool:
    """Whether the peer hung up, or wants to; the word itself is left to the association."""
    waiting = association.dul.peek_next_pdu()
    return not association.is_established or isinstance(waiting, (A_RELEASE, A_ABORT, A_P_ABORT))

"""Reading the trail."""

from dataclasses import dataclass

from django.db.models import Model, QuerySet

from audit.chain import GENESIS, HASHED_FIELDS, Fault, first_fault
from audit.models import AuditEvent, Signature


@dataclass(frozen=True, slots=True)
class Head:
    """The last event's sequence and hash: printed in every report."""

    sequence: int
    hash: str


def head() -> Head:
    event = AuditEvent.objects.order_by("-sequence").only("sequence", "hash").first()
    return Head(sequence=event.sequence, hash=event.hash) if event else Head(sequence=0, hash=GENESIS)


def verify() -> Fault | None:
    """The first record of the log that does not hold, or None."""
    rows = AuditEvent.objects.order_by("sequence").values("sequence", "hash", *HASHED_FIELDS)
    return first_fault(rows.iterator(chunk_size=2000))


def history(obj: Model) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(object_type=obj._meta.label, object_id=str(obj.pk))


def signatures(obj: Model) -> QuerySet[Signature]:
    return Signature.objects.filter(object_type=obj._meta.label, object_id=str(obj.pk)).order_by("at")

"""Locked reads and their responses, written as rows: small, and the same every time."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid5

from django.utils import timezone

from audit.meanings import Meaning
from audit.models import Signature
from audit.services import record
from audit.signing import sha256_of
from endpoints.models import Assignment, EndpointResult, Read, Response
from endpoints.services.reads import read_contents
from tests.cast import Cast
from tests.people import actor_for
from trials.models import Subject, User

_NAMESPACE = UUID("8c4e0f8e-3a57-4a39-9d0e-0f0d6c8c5a11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one follow-up says; the sum in mm, the change in percent."""

    sum_mm: str
    change: str
    overall: str


HALVED = (
    Told(sum_mm="52.5", change="-34.4", overall="PR"),
    Told(sum_mm="31.5", change="-60.6", overall="PR"),
)
GROWN = (
    Told(sum_mm="93.0", change="16.3", overall="SD"),
    Told(sum_mm="121.7", change="52.1", overall="PD"),
)


def write_reads(
    cast: Cast, subject: Subject, *, reader: User, told: tuple[Told, ...], best: str, at: dt.datetime | None = None
) -> list[Read]:
    """Write a baseline of 80.0 mm and the follow-ups told, all locked and derived at `at` (now)."""
    moment = at or timezone.now()
    points = subject.time_points.order_by("due_on")
    baseline = Told(sum_mm="80.0", change="", overall="BASELINE")
    reads = []
    for position, (point, one) in enumerate(zip(points, (baseline, *told), strict=False), start=1):
        assignment = Assignment.objects.create(
            time_point=point,
            reader=reader,
            state=Assignment.State.DONE,
            case_code=f"CASE-{subject.pk}-{reader.pk}",
            position=position,
            assigned_at=moment,
        )
        read = _lock(assignment, moment)
        _derive(read, one, moment)
        reads.append(read)
    EndpointResult.objects.create(
        subject=subject,
        reader=reader,
        kind=EndpointResult.Kind.BEST_OVERALL_RESPONSE,
        value=best,
        explanation=f"{best} by rows written for a test.",
        charter=cast.charter,
        criteria_version="recist11-test",
        input_sha256="b" * 64,
        derived_at=moment,
    )
    return reads


def _lock(assignment: Assignment, at: dt.datetime) -> Read:
    read = Read(
        assignment=assignment,
        state=Read.State.LOCKED,
        comment="A free comment that no report may carry.",
        started_at=at,
        locked_at=at,
        signature_id=uuid5(_NAMESPACE, str(assignment.pk)),
    )
    read.record_sha256 = sha256_of(read_contents(read, comment=read.comment))
    read.save(force_insert=True)
    _sign(read, at)
    return read


def _sign(read: Read, at: dt.datetime) -> None:
    reader = read.assignment.reader
    by = actor_for(reader).acting_as("reader")
    trial = read.assignment.time_point.subject.trial_site.trial
    told = record(by=by, act="record.signed", obj=read, trial_code=trial.code)
    Signature.objects.create(
        pk=read.signature_id,
        event_sequence=told.sequence,
        signer_id=by.id,
        printed_name=by.name,
        role=by.role,
        meaning=Meaning.REVIEW,
        method="written for a test",
        object_type=read._meta.label,
        object_id=str(read.pk),
        record_sha256=read.record_sha256,
        at=at,
    )


def _derive(read: Read, one: Told, at: dt.datetime) -> Response:
    is_baseline = one.overall == "BASELINE"
    return Response.objects.create(
        read=read,
        target="" if is_baseline else one.overall,
        non_target="" if is_baseline else "NON-CR/NON-PD",
        new_lesion=False,
        overall=one.overall,
        sum_mm=Decimal(one.sum_mm),
        nadir_mm=Decimal("80.0"),
        change_from_baseline=None if is_baseline else Decimal(one.change),
        explanation=f"The sum is {one.sum_mm} mm, written for a test.",
        criteria_version="recist11-test",
        input_sha256="b" * 64,
        derived_at=at,
    )

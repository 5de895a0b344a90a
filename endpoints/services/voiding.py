"""Voiding the reads of a subject who never validly consented: rows are added, locked reads stay as they were signed."""

from django.utils import timezone

from audit.actor import Actor
from audit.services import record
from endpoints.models import Assignment, Read, ReadVoid
from endpoints.services.cases import trial_code
from trials.models import Subject


def void_reads(*, by: Actor, subject: Subject, reason: str) -> int:
    """Void every read and stop every case of the subject, in the caller's transaction; returns how many reads."""
    reads = Read.objects.filter(assignment__time_point__subject=subject, void__isnull=True)
    found = list(reads.select_related("assignment__time_point__subject__trial_site__trial"))
    for read in found:
        ReadVoid.objects.create(read=read, reason=reason, voided_at=timezone.now(), voided_by=by.id)
        record(by=by, act="read.voided", obj=read, trial_code=trial_code(read.assignment), reason=reason)
    open_cases = Assignment.objects.filter(time_point__subject=subject, state=Assignment.State.OPEN)
    open_cases.update(state=Assignment.State.STOPPED)
    return len(found)

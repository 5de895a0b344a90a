"""Opening a case in its order, and freezing a finished read under the reader's signature."""

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.selectors import Signed
from audit.services import canonical, record, sign, signing
from endpoints.models import Assignment, Lesion, Measurement, Read
from endpoints.selectors.cases import earlier, findings, lesions_of
from endpoints.services import derivation
from endpoints.services.baseline import edit_checks
from endpoints.services.cases import require_draft, require_own, trial_code


@transaction.atomic
def open_read(*, by: Actor, assignment: Assignment) -> Read:
    """Return the reader's draft of a case, begun on first opening.

    Raises ValidationError: `no-consent`, `stopped`, or `order` while an earlier scan of the case is not locked.
    """
    by = require_own(by, assignment)
    if assignment.state == Assignment.State.STOPPED:
        raise ValidationError(_("The coordinator stopped this case; it is not read."), code="stopped")
    if earlier(assignment).exclude(state=Assignment.State.DONE).exists():
        raise ValidationError(
            _("Read and lock the earlier scan of this case first: scans are read in order."), code="order"
        )
    read, made = Read.objects.get_or_create(assignment=assignment, defaults={"started_at": timezone.now()})
    if made:
        record(by=by, act="read.opened", obj=read, trial_code=trial_code(assignment))
    return read


@signing
def lock(*, by: Actor, read: Read, password: str, comment: str, seen: str | None = None) -> Read:
    """Freeze, sign and lock a complete draft, and derive what follows from it; it can never change again (C08, I04).

    `seen` is the `findings_sha256` of what the reader looked at while signing, where a page can tell.
    Raises ValidationError: `locked`, `no-consent`, `incomplete`, `baseline`, `changed`, `wrong-password`, `criteria`.
    """
    by, read = require_draft(by, read)
    _refuse_unfinished(read, seen)
    contents = read_contents(read, comment=comment)
    signature = sign(
        by=by,
        password=password,
        meaning=Meaning.AUTHORSHIP,
        obj=read,
        contents=contents,
        trial_code=trial_code(read.assignment),
    )
    _freeze(read, signature, comment)
    after = {"record_sha256": signature.record_sha256}
    record(by=by, act="read.locked", obj=read, trial_code=trial_code(read.assignment), after=after)
    subject = read.assignment.time_point.subject
    derivation.derive(by=by, subject=subject, reader=read.assignment.reader, at=signature.at)
    return read


def _refuse_unfinished(read: Read, seen: str | None) -> None:
    if missing := [row.lesion.label for row in findings(read) if row.now is None]:
        raise ValidationError(
            _("Say first how these lesions stand: %(labels)s."),
            code="incomplete",
            params={"labels": ", ".join(missing)},
        )
    if blocking := [check.sentence for check in edit_checks(read) if check.blocks]:
        raise ValidationError(blocking, code="baseline")
    if seen is not None and seen != findings_sha256(read):
        raise ValidationError(
            _("The findings changed after this page was shown. Look at them once more, then sign."), code="changed"
        )


def _freeze(read: Read, signature: Signed, comment: str) -> None:
    locked = Read.objects.filter(pk=read.pk, state=Read.State.DRAFT).update(
        state=Read.State.LOCKED,
        comment=comment,
        locked_at=signature.at,
        record_sha256=signature.record_sha256,
        signature_id=signature.pk,
    )
    done = Assignment.objects.filter(pk=read.assignment_id, state=Assignment.State.OPEN).update(
        state=Assignment.State.DONE
    )
    if not (locked and done):
        raise ValidationError(_("This read is locked or stopped already."), code="locked")
    read.refresh_from_db()


def read_contents(read: Read, *, comment: str) -> dict[str, Any]:
    """Return what a signature on this read covers, as canonical data."""
    measured = {row.lesion_id: row for row in Measurement.objects.filter(read=read)}
    return {
        "read": str(read.pk),
        "case": read.assignment.case_code,
        "position": read.assignment.position,
        "comment": comment,
        "lesions": [_lesion_contents(lesion, measured.get(lesion.pk)) for lesion in lesions_of(read)],
    }


def _lesion_contents(lesion: Lesion, row: Measurement | None) -> dict[str, Any]:
    told = {"label": lesion.label, "kind": lesion.kind, "organ": lesion.organ, "is_node": lesion.is_node}
    if row is None:
        return told
    return told | {
        "state": row.state,
        "quantity": row.quantity,
        "value": None if row.value is None else f"{row.value:.1f}",
        "unit": row.unit,
        "geometry": row.geometry,
        "instance_uid": row.instance_uid,
        "frame": row.frame,
    }


def findings_sha256(read: Read) -> str:
    """Name the findings of a draft as they stand, so that a page can tell whether they changed since."""
    return hashlib.sha256(canonical(read_contents(read, comment="")).encode()).hexdigest()

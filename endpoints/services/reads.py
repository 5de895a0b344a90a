"""Opening a case in its order, and freezing a finished read under the reader's signature."""

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.selectors import Signed, signature_of
from audit.services import record
from audit.signing import Offer, Proof, offer, sha256_of, sign, signing, still_stands
from endpoints.models import Assignment, Lesion, Measurement, Read
from endpoints.selectors.cases import earlier, findings, lesions_of
from endpoints.services import derivation
from endpoints.services.baseline import edit_checks
from endpoints.services.cases import require_draft, require_own, trial_code
from trials import closures

MEANINGS = (Meaning.AUTHORSHIP, Meaning.RESPONSIBILITY)


@transaction.atomic
def open_read(*, by: Actor, assignment: Assignment) -> Read:
    """Return the reader's draft of a case, begun on first opening.

    Raises ValidationError: `no-consent`, `stopped`, `closed`, or `order` while an earlier scan is not locked.
    """
    by = require_own(by, assignment)
    if assignment.state == Assignment.State.STOPPED:
        raise ValidationError(_("The coordinator stopped this case; it is not read."), code="stopped")
    if earlier(assignment).exclude(state=Assignment.State.DONE).exists():
        raise ValidationError(
            _("Read and lock the earlier scan of this case first: scans are read in order."), code="order"
        )
    if not Read.objects.filter(assignment=assignment).exists():
        closures.refuse_closed(assignment.time_point.subject.trial_site.trial_id)
    read, made = Read.objects.get_or_create(assignment=assignment, defaults={"started_at": timezone.now()})
    if made:
        record(by=by, act="read.opened", obj=read, trial_code=trial_code(assignment))
    return read


@transaction.atomic
def view(*, by: Actor, read: Read) -> None:
    """Keep that the reader looked at the case once more (A10)."""
    by = require_own(by, read.assignment)
    record(by=by, act="read.viewed", obj=read, trial_code=trial_code(read.assignment))


@transaction.atomic
def offer_lock(*, by: Actor, read: Read, comment: str, seen: str) -> Offer:
    """Return what locking would sign; `seen` is the `findings_sha256` of what the reader looked at.

    Raises ValidationError: `changed` since then, and as `lock` does before the signature.
    """
    by, read = require_draft(by, read)
    if seen != findings_sha256(read):
        raise ValidationError(
            _("The findings changed after this page was shown. Look at them once more, then sign."), code="changed"
        )
    _refuse_unfinished(read)
    return offer(by=by, obj=read, contents=read_contents(read, comment=comment), meanings=MEANINGS)


@signing
def lock(*, by: Actor, read: Read, comment: str, proof: Proof) -> Read:
    """Freeze, sign and lock a complete draft as offered, and derive what follows; it never changes again (C08, I04).

    Raises ValidationError: `locked`, `no-consent`, `incomplete`, `baseline`, `criteria`, and SignatureRefused as
    `audit.signing.sign`.
    """
    by, read = require_draft(by, read)
    _refuse_unfinished(read)
    signature = sign(
        by=by,
        proof=proof,
        obj=read,
        contents=read_contents(read, comment=comment),
        meanings=MEANINGS,
        trial_code=trial_code(read.assignment),
    )
    _freeze(read, signature, comment)
    after = {"record_sha256": signature.record_sha256}
    record(by=by, act="read.locked", obj=read, trial_code=trial_code(read.assignment), after=after)
    subject = read.assignment.time_point.subject
    derivation.derive(by=by, subject=subject, reader=read.assignment.reader, at=signature.at)
    return read


def _refuse_unfinished(read: Read) -> None:
    if missing := [row.lesion.label for row in findings(read) if row.now is None]:
        raise ValidationError(
            _("Say first how these lesions stand: %(labels)s."),
            code="incomplete",
            params={"labels": ", ".join(missing)},
        )
    if blocking := [check.sentence for check in edit_checks(read) if check.blocks]:
        raise ValidationError(blocking, code="baseline")


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
    """Return what a signature on this read covers, as canonical data.

    The reader sees it as it is signed, and must not meet an identifier of the archive: images are named by hash.
    """
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
        "image_sha256": hashlib.sha256(row.instance_uid.encode()).hexdigest() if row.instance_uid else "",
        "frame": row.frame,
    }


def findings_sha256(read: Read) -> str:
    """Name the findings of a draft as they stand, so that a page can tell whether they changed since."""
    return sha256_of(read_contents(read, comment=""))


def is_as_signed(read: Read) -> bool:
    """Whether a locked read still says what its signature covers; a draft has nothing to lose."""
    if read.state == Read.State.DRAFT:
        return True
    signature = signature_of(read.signature_id) if read.signature_id else None
    return still_stands(signature, obj=read, sha256=sha256_of(read_contents(read, comment=read.comment)))

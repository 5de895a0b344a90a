"""The sealed document: printed signature, extract of the trail with its proofs, PAdES seal of this installation."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit import sealing
from audit.actor import Actor, machine
from audit.context import acting
from audit.proofs import extract
from audit.selectors import Signed, history, signature_of, signatures
from audit.services import record
from audit.stamping import stamp_roots
from audit.verifier import Checkpoint
from endpoints.models import Read
from imaging.models import QCDecision
from reports import store
from reports.authority import Authority, open_authority
from reports.contents import SignatureFacts
from reports.document import render
from reports.findings import SealFailed, StampService
from reports.models import Report, SealedDocument
from reports.services import is_as_signed, read

EXTRACT_NAME = "audit.json"
REASON = "Sealed by the installation that made this report."
_logger = logging.getLogger("corelab.reports")


@dataclass(frozen=True, slots=True)
class _Sealed:
    """The document before it is kept: its bytes, and how many events the checkpoint in it covers."""

    pdf: bytes
    checkpoint_size: int


def authority() -> Authority:
    """Open the keys of the seal, made on first use. Raises AuthorityUnusable, CannotSeal."""
    return open_authority(settings.KEYS, origin=sealing.origin(), at=timezone.now())


def stamp_service() -> StampService | None:
    """Return the outside clock that settings name, if any."""
    if not settings.STAMP_URL:
        return None
    return StampService(url=settings.STAMP_URL, roots=stamp_roots())


def sealed_here(pdf: bytes, *, attachments: Mapping[str, bytes], reason: str) -> bytes:
    """Seal a PDF now, with the keys of this installation. Raises SealFailed, AuthorityUnusable, CannotSeal."""
    from reports.seal import seal  # noqa: PLC0415  it loads pyHanko, which no page should wait for

    return seal(
        pdf,
        authority=authority(),
        attachments=attachments,
        at=timezone.now(),
        reason=reason,
        service=stamp_service(),
    )


def seal_released() -> int:
    """Seal every released report that waits for its document; returns how many were sealed.

    A report that cannot be sealed is told to the operator and holds up no other. Raises AuthorityUnusable, CannotSeal.
    """
    waiting = Report.objects.filter(state=Report.State.RELEASED, documents__isnull=True)
    return sum(_try(report) for report in waiting.select_related("trial__sponsor", "charter"))


def _try(report: Report) -> bool:
    try:
        return seal_report(report) is not None
    except (SealFailed, ValidationError) as refused:
        told = refused.messages[0] if isinstance(refused, ValidationError) else str(refused)
        _logger.warning("released report %s waits: %s", report.pk, told)
        return False


def seal_report(report: Report) -> SealedDocument | None:
    """Make the document of a released report, or a new one; None until a checkpoint covers its release.

    None too where somebody else sealed it meanwhile. Raises SealFailed, AuthorityUnusable, CannotSeal, and
    ValidationError (`damaged`) as `services.read`.
    """
    signature = signature_of(report.signature_id) if report.signature_id else None
    if signature is None:
        return None
    if not is_as_signed(report):
        raise SealFailed("The report was not sealed: it no longer says what its release signed. Bring it back.")
    known = report.documents.count()
    told = _extract(report, signature)
    if told is None:
        return None
    by = machine("sealer", source="worker", request_id=f"report-{report.pk}", on_behalf_of=signature.signer_id)
    with acting(by):
        return _keep(by, report, _document(report, signature, told), known=known)


def _document(report: Report, signature: Signed, told: dict[str, Any]) -> _Sealed:
    shown = SignatureFacts(
        printed_name=signature.printed_name,
        at=signature.at,
        meaning=str(signature.get_meaning_display()),
        record_sha256=signature.record_sha256,
    )
    pdf = sealed_here(
        render(read(report), contents_sha256=report.contents_sha256, signature=shown),
        attachments={EXTRACT_NAME: json.dumps(told, indent=1, ensure_ascii=False).encode()},
        reason=REASON,
    )
    return _Sealed(pdf=pdf, checkpoint_size=Checkpoint.parse(told["checkpoint"]["text"]).size)


def _extract(report: Report, signature: Signed) -> dict[str, Any] | None:
    """Show what the printed signers did to report and charter; prove all else under the report, telling nothing of it.

    Whoever built, took or checked the report without signing it has an account name that is no business of a sponsor.
    """
    approvals = list(signatures(report.charter))
    signers = {signature.signer_id, *(approval.signer_id for approval in approvals)}
    by_signers = Q(actor_id__in=signers) | Q(actor_id__startswith="machine:", on_behalf_of__in=signers)
    own = history(report)
    shown = [approval.event_sequence for approval in approvals]
    shown += own.filter(by_signers).values_list("sequence", flat=True)
    withheld = [*own.exclude(by_signers).values_list("sequence", flat=True), *_under(report)]
    return extract(shown=shown, withheld=withheld)


def _under(report: Report) -> list[int]:
    """Return the events of the signatures that the report rests on."""
    reads = Read.objects.filter(
        assignment__time_point__subject__trial_site__trial=report.trial, locked_at__lte=report.built_at
    )
    verdicts = QCDecision.objects.filter(time_point__subject__trial_site__trial=report.trial, at__lte=report.built_at)
    keys = [*reads.values_list("signature_id", flat=True), *verdicts.values_list("signature_id", flat=True)]
    found = [signature_of(key) for key in keys if key]
    return sorted(signature.event_sequence for signature in found if signature)


@transaction.atomic
def _keep(by: Actor, report: Report, sealed: _Sealed, *, known: int) -> SealedDocument | None:
    # The sweep and the task of a release may both be at it: the first document stands.
    Report.objects.select_for_update(of=("self",), no_key=True).get(pk=report.pk)
    if report.documents.count() != known:
        return None
    made = SealedDocument.objects.create(
        report=report,
        pdf_sha256=store.keep(sealed.pdf),
        checkpoint_size=sealed.checkpoint_size,
        sealed_at=timezone.now(),
    )
    after = {
        "number": report.number,
        "pdf_sha256": made.pdf_sha256,
        "checkpoint_size": made.checkpoint_size,
    }
    record(by=by, act="report.sealed", obj=report, trial_code=report.trial.code, after=after)
    return made

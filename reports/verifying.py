"""Telling whether a report that somebody brings is one that was sealed here, in words for whoever brings it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from audit.actor import ACCOUNT, Actor
from audit.context import widened
from audit.sealing import CannotSeal, public_key
from audit.selectors import head
from audit.services import Thing, record
from audit.tree import Tree
from audit.verifier import Checkpoint, Sealed, examine_extract
from reports import sealing
from reports.authority import AuthorityUnusable
from reports.findings import Finding, Inspection
from reports.models import Report, SealedDocument
from reports.services import is_as_signed
from trials import access
from trials.roles import Act

# Many times the largest report; an upload stays in memory.
LARGEST = 20 * 1024 * 1024
# Of a forged extract every entry may be wrong: nobody reads a thousand lines.
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found out about a file; `report` is the one it documents, where the asker may see that, else None."""

    sha256: str
    findings: tuple[Finding, ...]
    report: Report | None

    @property
    def holds(self) -> bool:
        """Tell the bottom line: every single line holds."""
        return all(finding.holds for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Keys:
    """What outsiders need to check a report without us: root certificate (PEM), public key of the trail (32 bytes)."""

    root_pem: bytes
    seal: bytes


def keys() -> Keys:
    """Return the public keys. Raises ValidationError (`no-keys`) where the installation cannot read its own."""
    try:
        return Keys(root_pem=sealing.authority().root_pem, seal=public_key())
    except (AuthorityUnusable, CannotSeal):
        raise ValidationError(
            _(
                "The keys that reports are checked with cannot be read here, so nothing was checked. "
                "Tell the operator: they must come back from their backup."
            ),
            code="no-keys",
        ) from None


def verify(*, by: Actor, pdf: bytes) -> Verification:
    """Look at any bytes at all, and keep that somebody did: the act `report.verified` with hash and outcome.

    Raises ValidationError (`no-keys`) as `keys`; nothing is recorded then.
    """
    ours, sha256 = keys(), hashlib.sha256(pdf).hexdigest()
    found = _inspected(pdf, ours)
    documents = SealedDocument.objects.filter(pdf_sha256=sha256).select_related("report__trial")
    with widened("whoever has a report may ask whether it holds"):
        document = documents.first()
        report = document.report if document else None
        findings = (*found.sentences, *_on_extract(found, ours), *_on_record(report))
    role = access.may(by, Act.REPORT_VIEW, report) if report else None
    told = Verification(sha256=sha256, findings=findings, report=report if role else None)
    _record(by.acting_as(by.role or role or ACCOUNT), told, report)
    return told


def _inspected(pdf: bytes, ours: Keys) -> Inspection:
    from reports.inspection import inspect  # noqa: PLC0415  it loads pyHanko, which no page should wait for

    service = sealing.stamp_service()
    return inspect(pdf, roots=[ours.root_pem], stamp_roots=service.roots if service else ())


@transaction.atomic
def _record(by: Actor, told: Verification, report: Report | None) -> None:
    """Keep the outcome without the sentences: they may repeat a name that a forger wrote into a file."""
    unknown = Thing(kind="reports.UnknownFile", key=told.sha256, name="a file that is no report of ours")
    after = {"sha256": told.sha256, "is_known": report is not None, "holds": told.holds}
    record(
        by=by,
        act="report.verified",
        obj=report or unknown,
        trial_code=report.trial.code if report else "",
        after=after,
    )


def _on_extract(found: Inspection, ours: Keys) -> Iterator[Finding]:
    """Weigh the part of the trail that is attached; of a file that does not hold nothing is handed out."""
    if not found.holds:
        yield _fails(_("The extract of the audit trail was not looked at, since the seal around it does not hold."))
        return
    extract = _parsed(found.files.get(sealing.EXTRACT_NAME, b""))
    faults = examine_extract(extract, ours.seal)
    yield from (_fails(fault.sentence) for fault in faults[:_MOST_FAULTS])
    if not faults:
        shown = sum(entry["event"] is not None for entry in extract["entries"])
        told = {"all": len(extract["entries"]), "shown": shown}
        sentence = _("The attached extract proves that %(all)s records stand in the audit trail, and shows %(shown)s.")
        yield _holds(sentence % told)
        yield _on_checkpoint(Sealed(**extract["checkpoint"]).checkpoint)


def _parsed(extract: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(extract)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _on_checkpoint(checkpoint: Checkpoint) -> Finding:
    """Compare with the tree as it stands here: a log that was cut, or written anew, has another root at that size."""
    is_ours = checkpoint.size <= head().sequence and Tree(size=checkpoint.size).root().hex() == checkpoint.root
    if is_ours:
        return _holds(
            _("The audit trail kept here still begins with the %(size)s records that the report was sealed over.")
            % {"size": checkpoint.size}
        )
    return _fails(
        _(
            "The audit trail kept here no longer begins with the records that the report was sealed over. It was cut, "
            "rewritten, or brought back from an old backup: tell the operator."
        )
    )


def _on_record(report: Report | None) -> Iterator[Finding]:
    """Compare with what is kept here, telling nothing of it but whether it holds."""
    if report is None:
        yield _fails(_("This very file is not known here: no released report has it as its document."))
        return
    yield _holds(_("This very file is known here as the document of a released report."))
    if hashlib.sha256(report.contents.encode()).hexdigest() == report.contents_sha256:
        yield _holds(_("The contents kept here, from which it was made, still have the hash that it prints."))
    else:
        yield _fails(_("The contents kept here, from which it was made, no longer have the hash that it prints."))
    if is_as_signed(report):
        yield _holds(_("The release signature still stands over these contents."))
    else:
        yield _fails(_("Signature void: the contents kept here are no longer those that the release signed."))


def _holds(sentence: str) -> Finding:
    return Finding(holds=True, sentence=sentence)


def _fails(sentence: str) -> Finding:
    return Finding(holds=False, sentence=sentence)

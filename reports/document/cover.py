"""The first page: which trial, which cut-off, who signed what, and how many subjects are accounted for."""

from collections import Counter
from typing import Any

from reportlab.platypus import Spacer, Table, TableStyle

from reports.contents import CharterFacts, Contents, SignatureFacts, Withdrawal
from reports.document import styles, writing
from reports.document.letters import REGULAR
from reports.document.styles import facts, paragraph, table

UNSIGNED = (
    "This report is not released. Nobody has signed it, so it must not be used outside the core laboratory. "
    "The released file carries the signature here."
)


def cover(contents: Contents, *, contents_sha256: str, signature: SignatureFacts | None) -> list[Any]:
    return [
        Spacer(1, 18),
        paragraph(f"Imaging results: {contents.trial.code}", styles.TITLE),
        paragraph(contents.trial.title, styles.SUBTITLE),
        facts(_identity(contents, contents_sha256)),
        paragraph("Signature", styles.HEADING),
        _signature(signature),
        paragraph("Charter in force", styles.HEADING),
        facts(_charter(contents.charter)),
        paragraph("Subjects", styles.HEADING),
        facts(_accounting(contents)),
    ]


def _identity(contents: Contents, contents_sha256: str) -> list[tuple[str, Any]]:
    return [
        ("Report", f"number {contents.number} of trial {contents.trial.code}"),
        ("Protocol", contents.trial.protocol_number),
        ("Sponsor", contents.trial.sponsor),
        ("Cut-off", f"end of {writing.day(contents.cut_off)} (UTC)"),
        ("Contents frozen", writing.moment(contents.frozen_at)),
        ("SHA-256 of the contents", paragraph(contents_sha256, styles.HASH)),
        ("Audit log at freezing", f"event {contents.audit.sequence}"),
        ("", paragraph(contents.audit.hash, styles.HASH)),
    ]


def _signature(signature: SignatureFacts | None) -> Table:
    rows = (
        [[paragraph(UNSIGNED)]]
        if signature is None
        else [
            [paragraph(f"Signed by {signature.printed_name} on {writing.moment(signature.at)}")],
            [paragraph(f"Meaning: {signature.meaning}.")],
            [paragraph("The signature covers the contents with this SHA-256:", styles.SMALL)],
            [paragraph(signature.record_sha256, styles.HASH)],
        ]
    )
    style = TableStyle(
        [
            ("FONT", (0, 0), (-1, -1), REGULAR),
            ("BOX", (0, 0), (-1, -1), 1, styles.INK),
            ("BACKGROUND", (0, 0), (-1, -1), styles.WARNING if signature is None else styles.SHADE),
            ("LEFTPADDING", (0, 0), (-1, -1), 8),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, -1), (-1, -1), 6),
        ]
    )
    return Table(rows, colWidths=[styles.TEXT_WIDTH], style=style)


def _charter(charter: CharterFacts) -> list[tuple[str, Any]]:
    visits = "; ".join(
        f"{v.code} {v.name}, day {v.day} (−{v.window_before}/+{v.window_after})" for v in charter.schedule
    )
    approval = charter.approval
    return [
        ("Version", str(charter.version)),
        ("Approved by", f"{approval.printed_name} on {writing.moment(approval.at)}: {approval.meaning}"),
        ("SHA-256 of the charter", paragraph(charter.document_sha256, styles.HASH)),
        ("Time points", visits),
    ]


def _accounting(contents: Contents) -> list[tuple[str, Any]]:
    counts = contents.counts
    return [
        ("Registered", str(counts.registered)),
        ("With results here", f"{counts.reported} ({counts.locked_reads} locked reads)"),
        ("Without a locked read", _codes(counts.unread, contents.unread)),
        ("Left out", _codes(counts.excluded, [f"{e.subject} ({e.reason})" for e in contents.excluded])),
        (
            "Withdrawn",
            _codes(counts.withdrawn, [_withdrawn(w) for w in contents.withdrawn]),
        ),
    ]


def _withdrawn(withdrawal: Withdrawal) -> str:
    told = [withdrawal.words, writing.day(withdrawal.on)]
    return f"{withdrawal.subject} ({', '.join(part for part in told if part)})"


def _codes(count: int, codes: Any) -> str:
    return f"{count}: {', '.join(codes)}" if count else "0"


def best_responses(contents: Contents) -> list[Any]:
    """Return a table of best overall responses, one row a reader."""
    values = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE", "MISSING")
    rows = []
    for reader in contents.readers:
        mine = [reading for reading in contents.readings if reading.reader == reader]
        counts = Counter(reading.best.value if reading.best else "" for reading in mine)
        rows.append([reader, *(str(counts[value]) for value in values), str(counts[""]), str(len(mine))])
    head = ("Reader", "CR", "PR", "SD", "Non-CR/non-PD", "PD", "NE", "Missing", "None yet", "Subjects")
    return [
        paragraph("Best overall responses", styles.HEADING),
        table(head, rows, widths=(28, 15, 15, 15, 26, 15, 15, 18, 18, 15)),
    ]

"""The last pages: methods, the software that computed, and how anyone can check the file."""

from typing import Any

from reports.contents import Contents
from reports.document import styles
from reports.document.styles import facts, paragraph
from reports.prose import paragraphs

VERIFICATION = paragraphs("""
The file: compute its SHA-256 (for example with “sha256sum”) and compare it
with the hash on the report's page. Every download was recorded there with the hash of the bytes that were
handed out.

The contents: download the contents (JSON) from the report's page; their SHA-256 must be the one on the
first page of this document. This document is made from those contents alone: the same software makes the
same bytes.

The signature: it covers the SHA-256 of the contents. The audit log holds it as the event “record.signed”
with the same hash, the signer's printed name and the meaning.

The audit log: “manage.py verify_audit” recomputes the whole chain. The event with the number on the first
page must still have the hash printed there; a log that was rewritten after this report has another one.

The results: each response names the SHA-256 of its input. The same reads under the same charter and version
of the criteria give the same hash and the same response.
""")


def methods(contents: Contents) -> list[Any]:
    return [paragraph("Methods", styles.HEADING), *(paragraph(words) for words in contents.methods)]


def software(contents: Contents) -> list[Any]:
    rows: list[tuple[str, Any]] = [(part.name, part.version) for part in contents.software]
    return [paragraph("Software", styles.HEADING), facts(rows)]


def verification() -> list[Any]:
    steps = (paragraph(f"{index}. {words}") for index, words in enumerate(VERIFICATION, start=1))
    return [paragraph("How to verify this report", styles.HEADING), *steps]

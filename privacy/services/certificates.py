"""The certificate of an erasure: what was destroyed, what stays and by which law, under the installation's seal."""

import json
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.english import in_english
from audit.selectors import Signed, signature_of
from audit.services import record
from privacy.models import Certificate, Erasure, Tombstone
from privacy.paper import Paper, Section, Table, render
from reports import store
from reports.document import writing
from reports.sealing import sealed_here
from trials import access
from trials.roles import Act

ATTACHMENT = "erasure.json"
REASON = "Certificate of an erasure, sealed by the installation that carried it out."
_MOST_IMAGES = 400


def certify(*, by: Actor, tombstone: Tombstone) -> Certificate:
    """Draw and seal the certificate, and keep its hash. Raises SealFailed, AuthorityUnusable, CannotSeal.

    Outside of the erasure's own transaction: drawing takes a second, and what is gone is gone without paper too.
    """
    by = access.require(by, Act.LEDGER_VIEW, tombstone)
    pdf = sealed_here(draw(tombstone), attachments={ATTACHMENT: tombstone.contents.encode()}, reason=REASON)
    sha256 = store.keep(pdf)
    with transaction.atomic():
        made = Certificate.objects.create(tombstone=tombstone, pdf_sha256=sha256, at=timezone.now())
        after = {"pdf_sha256": sha256, "contents_sha256": tombstone.contents_sha256}
        record(by=by, act="erasure.certified", obj=tombstone, trial_code=tombstone.trial.code, after=after)
    return made


# Decision 0017 tells why no role of ours can shorten it.
_JOURNAL = (
    "destroyed keys and rows are out of service at once; on PostgreSQL their bytes stay in dead rows until VACUUM, in "
    "the write-ahead log until its files are overwritten, and in its archive until that ages out with the backups"
)


@in_english
def draw(tombstone: Tombstone) -> bytes:
    """Return the certificate before it is sealed."""
    told: dict[str, Any] = json.loads(tombstone.contents)
    paper = Paper(
        title="Certificate of erasure",
        subtitle=f"Trial {told['trial']}, erasure {told['id']}",
        head=f"{told['trial']} · certificate of erasure",
        foot=f"contents SHA-256 {tombstone.contents_sha256[:16]}…",
        sections=(_decision(told), _destroyed(told), _stays(told), _images(told), _check(tombstone)),
    )
    return render(paper)


def _decision(told: dict[str, Any]) -> Section:
    return Section(
        heading="Decision",
        facts=(
            ("Subjects", ", ".join(told["subjects"])),
            ("What is destroyed", str(Erasure.Level(told["level"]).label)),
            ("Ground", str(Erasure.Ground(told["ground"]).label)),
            ("Reason", told["reason"]),
            ("Decided", _signer(told["decision_signature"], told["decided_by"])),
            ("Confirmed", _signer(told["confirmation_signature"], told["confirmed_by"])),
        ),
    )


def _signer(key: str, account: str) -> str:
    if not key:
        return f"{account}, by the act that it followed from: a withdrawal (W5), or the decision on images (W6)"
    signature: Signed | None = signature_of(UUID(key))
    if signature is None:
        # The signature went with the database that a restored backup replaced; its trail has it.
        return f"{account}, signature {key}"
    at = writing.moment(signature.at)
    return (
        f"{signature.printed_name}, {at}: {signature.get_meaning_display()}. Signed SHA-256 {signature.record_sha256}"
    )


def _destroyed(told: dict[str, Any]) -> Section:
    gone = told["destroyed"]
    return Section(
        heading="What was destroyed",
        facts=(
            ("Identity vault", gone["identity"]),
            ("Tokens of the person", f"cleared for {len(gone['tokens'])} subject(s) and their deliveries"),
            ("Originals in quarantine", f"keys and files of {len(gone['deliveries'])} deliveries"),
            ("Coded images", f"{len(gone['images'])} objects"),
            ("Backups", "every restored backup repeats this erasure before it serves"),
            ("Journal of the database", _JOURNAL),
        ),
    )


def _stays(told: dict[str, Any]) -> Section:
    rows = tuple((each["what"], each["ground"]) for each in told["stays"])
    return Section(
        heading="What stays, and the law that keeps it",
        tables=(Table(head=("What stays", "Ground"), rows=rows, shares=(3, 2)),),
    )


def _images(told: dict[str, Any]) -> Section:
    images = told["destroyed"]["images"]
    rows = tuple((each["uid"], each["sha256"], str(each["size"])) for each in images[:_MOST_IMAGES])
    more = len(images) - len(rows)
    sentences = (f"{more} more stand in the attached {ATTACHMENT}.",) if more else ()
    if not images:
        return Section(heading="Destroyed images", sentences=("None.",))
    found = Table(head=("UID", "SHA-256", "Bytes"), rows=rows, shares=(5, 6, 1))
    return Section(heading="Destroyed images", sentences=sentences, tables=(found,))


def _check(tombstone: Tombstone) -> Section:
    words = (
        f"The attached file {ATTACHMENT} has the SHA-256 {tombstone.contents_sha256}. The audit trail of the trial "
        "holds the same hash in the act “erasure.done”, and the two decisions or signatures as acts of their own."
    )
    return Section(heading="How to verify this certificate", sentences=(words,))

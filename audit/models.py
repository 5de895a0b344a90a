"""The append-only trail, what seals it, and the signatures: text copies only, no foreign key that could cascade."""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.meanings import Meaning


class TransactionId(models.Func):
    """The number of the writing transaction, on PostgreSQL: the order in which the sealer takes what has ended.

    SQLite has one writer at a time, so the sequence is that order there, and the number stays 0.
    """

    template = "0"
    output_field = models.BigIntegerField()

    def as_postgresql(self, *_told: object, **_more: object) -> tuple[str, list[object]]:
        return "(pg_current_xact_id()::text::bigint)", []


class Layer(models.TextChoices):
    ACT = "act", _("acts")
    ROW = "row", _("values")


class AuditEvent(models.Model):
    """One act, told by a service, or one row written, told by a trigger (21 CFR 11.10(e), EMA 6.2.1).

    Rows are only ever added: database triggers refuse UPDATE, DELETE and TRUNCATE. `at` is the clock of the program
    that acted, `stored_at` that of the database (A07). The hashed bytes are the stored text, never rendered again.
    """

    sequence = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    layer = models.CharField(max_length=3, choices=Layer, default=Layer.ACT)
    at = models.DateTimeField()
    stored_at = models.DateTimeField(db_default=Now())
    actor_id = models.CharField(max_length=150)
    actor_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    on_behalf_of = models.CharField(max_length=150, blank=True)
    act = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(max_length=200)
    trial_code = models.CharField(max_length=40, blank=True)
    before = models.TextField(default="{}")
    after = models.TextField(default="{}")
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64)
    source = models.CharField(max_length=120)
    software_version = models.CharField(max_length=40)
    # Salt and digest of label, before, after and reason: see audit.verifier.
    commitment = models.CharField(max_length=96)

    class Meta:
        ordering = ["sequence"]
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="audit_event_object"),
            models.Index(fields=["trial_code", "sequence"], name="audit_event_trial"),
            # Of acts alone: the many events of rows pass it by at one look.
            models.Index(fields=["act", "at"], condition=models.Q(layer="act"), name="audit_event_acts"),
        ]
        constraints = [
            models.CheckConstraint(condition=~models.Q(actor_id=""), name="audit_event_has_an_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.act}"


class Tile(models.Model):
    """Up to 256 hashes of the sealed tree, in a row: of leaves at level 0, of whole tiles above (C2SP tlog-tiles).

    Derived data: whoever changes it is found by the root. `sequences` names the events behind the leaves, in order.
    """

    level = models.PositiveSmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField()
    sequences = models.JSONField(default=list)
    # The range they lie in, to find the tile of an event.
    lowest = models.BigIntegerField(default=0)
    highest = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "number"], name="audit_tile_stands_once")]

    def __str__(self) -> str:
        return f"{self.level}/{self.number}"


class Checkpoint(models.Model):
    """A signed statement that the first `size` events are these and no others (RFC 6962 root, Ed25519)."""

    size = models.BigIntegerField(primary_key=True)
    text = models.TextField()
    signature = models.CharField(max_length=128)
    # Where the next one begins: the transactions that had ended on PostgreSQL, the last sequence on SQLite.
    horizon = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["size"]

    def __str__(self) -> str:
        return str(self.size)


class Stamp(models.Model):
    """An RFC 3161 token of an outside clock over the text of a checkpoint."""

    size = models.BigIntegerField()
    token = models.BinaryField()
    authority = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.size} {self.at:%Y-%m-%d}"


class Signature(models.Model):
    """A person's signature on one frozen record (21 CFR 11.50): printed name, time, meaning, and what was signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event_sequence = models.BigIntegerField(unique=True)
    # Names the form that was signed, so that none is signed twice; NULL on signatures older than this column.
    ceremony = models.CharField(max_length=32, unique=True, null=True)
    signer_id = models.CharField(max_length=150)
    printed_name = models.CharField(max_length=200)
    organisation = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=40)
    meaning = models.CharField(max_length=20, choices=Meaning)
    method = models.CharField(max_length=40)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64)
    # Canonical JSON as it was shown; "" on signatures older than this column.
    contents = models.TextField(blank=True)
    record_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_signature_object")]

    def __str__(self) -> str:
        return f"{self.printed_name}: {self.meaning}"


class Letter(models.Model):
    """An organisation's letter of non-repudiation, on file before anybody of it signs (21 CFR 11.100(c))."""

    organisation = models.CharField(_("organisation"), max_length=120, unique=True)
    filed_on = models.DateField(_("filed on"))
    document_sha256 = models.CharField(_("SHA-256 of the letter"), max_length=64)
    recorded_by = models.CharField(max_length=150)
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["organisation"]

    def __str__(self) -> str:
        return self.organisation


class Review(models.Model):
    """A planned review of a trial's trail, done: what was looked at, by whom, with which verdict (A15, E6 4.2.3)."""

    class Verdict(models.TextChoices):
        CLEAN = "clean", _("nothing to object to")
        FOLLOW_UP = "follow_up", _("needs follow-up")

    trial_code = models.CharField(max_length=40)
    view = models.CharField(_("view"), max_length=20)
    since = models.DateField(_("from"))
    until = models.DateField(_("until"))
    events_seen = models.PositiveIntegerField()
    verdict = models.CharField(_("verdict"), max_length=20, choices=Verdict)
    findings = models.TextField(_("what was found"))
    reviewer_id = models.CharField(max_length=150)
    reviewer_name = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        ordering = ["trial_code", "-at"]

    def __str__(self) -> str:
        return f"{self.trial_code} {self.at:%Y-%m-%d}"

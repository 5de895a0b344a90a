"""The append-only event log and the signatures: text copies only, no foreign key that could cascade."""

import uuid

from django.db import models

from audit.meanings import Meaning


class AuditEvent(models.Model):
    """One act. Rows are only ever added: database triggers refuse UPDATE, DELETE and TRUNCATE (EMA 6.2.1)."""

    sequence = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_id = models.CharField(max_length=150)
    actor_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    on_behalf_of = models.CharField(max_length=150, blank=True)
    act = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(max_length=200)
    trial_code = models.CharField(max_length=40, blank=True, db_index=True)
    # The stored text is what is hashed; it is never rendered again.
    before = models.TextField(default="{}")
    after = models.TextField(default="{}")
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64)
    source = models.CharField(max_length=20)
    software_version = models.CharField(max_length=40)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["sequence"]
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_event_object")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(actor_id=""), name="audit_event_has_an_actor"),
            models.UniqueConstraint(fields=["previous_hash"], name="audit_event_chain_does_not_fork"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.act}"


class Signature(models.Model):
    """A person's signature on one frozen record (21 CFR 11.50): printed name, time and meaning."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event_hash = models.CharField(max_length=64, unique=True)
    signer_id = models.CharField(max_length=150)
    printed_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    meaning = models.CharField(max_length=20, choices=Meaning)
    method = models.CharField(max_length=40)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64)
    record_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_signature_object")]

    def __str__(self) -> str:
        return f"{self.printed_name}: {self.meaning}"

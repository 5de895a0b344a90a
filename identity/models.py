"""The optional vault of identities, on a database of its own: never beside images.

No foreign key crosses to the other database, no trigger tells values to the trail, and no field is readable without
the master key. Subjects are named by their code alone.
"""

import uuid
from typing import ClassVar

from django.db import models


class MasterMark(models.Model):
    """Which master key wraps now, and proof that it is the one at hand; the row on which every writer waits."""

    key_id = models.PositiveSmallIntegerField()
    proof = models.BinaryField()
    rotated_at = models.DateTimeField()

    ONLY: ClassVar[int] = 1

    def __str__(self) -> str:
        return f"master key {self.key_id}"


class IndexKey(models.Model):
    """The key of one blind index of one trial, wrapped; a rotation of the master key leaves the index as it is."""

    trial_code = models.CharField(max_length=40)
    purpose = models.CharField(max_length=20)
    wrapped_key = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial_code", "purpose"], name="index_key_once_per_trial_and_purpose"),
        ]

    def __str__(self) -> str:
        return f"{self.trial_code} {self.purpose}"


class SubjectKey(models.Model):
    """The data key of one subject, wrapped by the master key; NULL once it is destroyed.

    Apart from what it opens: this table is backed up for 30 days at most, or shredding would not be real.
    """

    trial_code = models.CharField(max_length=40)
    subject_code = models.CharField(max_length=9, unique=True)
    wrapped_key = models.BinaryField(null=True)
    made_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["subject_code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(wrapped_key__isnull=True, destroyed_at__isnull=False)
                | models.Q(wrapped_key__isnull=False, destroyed_at__isnull=True),
                name="subject_key_is_there_or_destroyed",
            ),
        ]

    def __str__(self) -> str:
        return self.subject_code


class Identity(models.Model):
    """Who a subject is, each field sealed under the subject's key in its own place."""

    subject_key = models.OneToOneField(SubjectKey, on_delete=models.PROTECT, related_name="identity")
    name = models.BinaryField()
    birth_date = models.BinaryField()
    sex = models.BinaryField()
    local_number = models.BinaryField()
    contact = models.BinaryField()
    # HMAC over name, birth date and sex together: answers "already registered in this trial?".
    person_index = models.CharField(max_length=64, db_index=True)

    def __str__(self) -> str:
        return self.subject_key.subject_code


class UnlockWindow(models.Model):
    """Leave for one person, in one session, to read one subject's identity for an hour; two people give it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trial_code = models.CharField(max_length=40)
    subject_code = models.CharField(max_length=9)
    reason = models.CharField(max_length=500)
    requester_id = models.CharField(max_length=150)
    requester_name = models.CharField(max_length=150)
    # SHA-256 of the session's key: the key itself would open the session.
    session = models.CharField(max_length=64)
    requested_at = models.DateTimeField()
    approver_id = models.CharField(max_length=150, blank=True)
    approver_name = models.CharField(max_length=150, blank=True)
    # The approval's row among the signatures of the other database.
    signature_id = models.UUIDField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=150, blank=True)
    reads = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-requested_at"]
        indexes = [models.Index(fields=["trial_code", "subject_code"], name="unlock_window_of_subject")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(approver_id=models.F("requester_id")), name="unlock_window_is_by_two_people"
            ),
        ]

    def __str__(self) -> str:
        return self.subject_code

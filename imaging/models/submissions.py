"""A site's delivery on its way through the encrypted quarantine; its state column is the queue."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Submission(models.Model):
    """What a site sent in one go. `wrapped_key` opens its quarantine; empty once the key is destroyed."""

    class State(models.TextChoices):
        RECEIVING = "receiving", _("being received")
        SORTING = "sorting", _("received, is compared with subjects and visits")
        UNASSIGNED = "unassigned", _("waits for a person to name subject and time point")
        RECEIVED = "received", _("received, encrypted, waits to be opened")
        OPENED = "opened", _("opened, waits for de-identification")
        CLEANED = "cleaned", _("de-identified, waits for filing")
        FILED = "filed", _("filed, waits for quality checks")
        CHECKED = "checked", _("filed and checked")
        REVIEW = "review", _("waits for a person to look at its pictures")
        QUARANTINED = "quarantined", _("refused, kept encrypted")
        STALLED = "stalled", _("stopped by a fault of ours, kept encrypted")
        DISCARDED = "discarded", _("discarded")

    class Door(models.TextChoices):
        BROWSER = "browser", _("browser")
        DICOM = "dicom", _("DICOM")
        WEB = "web", _("DICOMweb")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trial_site = models.ForeignKey("trials.TrialSite", on_delete=models.PROTECT, related_name="submissions")
    # NULL while nobody has named subject and time point.
    time_point = models.ForeignKey(
        "trials.TimePoint", on_delete=models.PROTECT, related_name="submissions", null=True, blank=True
    )
    # That which brought these files with those of other persons or visits, where the product parted it.
    parted_from = models.ForeignKey("self", on_delete=models.PROTECT, related_name="parts", null=True, blank=True)
    door = models.CharField(max_length=10, choices=Door)
    state = models.CharField(max_length=20, choices=State, default=State.RECEIVING)
    state_since = models.DateTimeField()
    # A worker's claim; past it, the sweep hands the submission to another.
    leased_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Where a stalled delivery goes on once the operator has mended the fault.
    stalled_in = models.CharField(max_length=20, blank=True)
    # When the last piece came: what is silent too long is closed.
    active_at = models.DateTimeField(default=timezone.now)
    bytes_received = models.BigIntegerField(default=0)
    # Files as they came, without those inside archives.
    files_received = models.IntegerField(default=0, db_default=0)
    wrapped_key = models.BinaryField(editable=False)
    sent_by = models.CharField(max_length=150)
    refusal = models.TextField(blank=True)
    # Keyed tokens of the one person in this delivery, and how they compare with the subject's.
    patient_id_token = models.CharField(max_length=64, blank=True, editable=False)
    person_token = models.CharField(max_length=64, blank=True, editable=False)
    # The same under the common key, and under that of cleaning.
    common_patient_id_token = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    common_person_token = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    own_patient_id_token = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    own_person_token = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    identity = models.CharField(max_length=20, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)

    road: ClassVar[Road] = Road(view=Act.SUBMISSION_VIEW, trial="trial_site__trial", site="trial_site")

    watch: ClassVar[Watch] = Watch(
        quiet=(
            "leased_until",
            "attempts",
            "active_at",
            "state_since",
            "bytes_received",
            "files_received",
            "patient_id_token",
            "person_token",
            "common_patient_id_token",
            "common_person_token",
            "own_patient_id_token",
            "own_person_token",
        )
    )

    class Meta:
        ordering = ["-state_since"]
        indexes = [models.Index(fields=["state", "leased_until"], name="submission_queue")]

    def __str__(self) -> str:
        return f"delivery {str(self.pk)[:8]}"


class IncomingFile(models.Model):
    """One file of a submission; refused ones stay here, encrypted, until a person discards them.

    `facts` are those of the cleaned object, and before that, where nobody had named the subject, what `deid.announce`
    told, keyed and with a moved date; nothing else that is read from the original header is stored.
    """

    class State(models.TextChoices):
        RECEIVED = "received", _("received")
        EXPANDED = "expanded", _("archive, opened")
        CLEANED = "cleaned", _("de-identified")
        FILED = "filed", _("filed")
        WAITING = "waiting", _("waits for a person to look at its picture")
        REFUSED = "refused", _("refused, kept encrypted")
        DISCARDED = "discarded", _("discarded")

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="files")
    number = models.PositiveIntegerField()
    # For a member of an archive: the archive's number.
    inside = models.PositiveIntegerField(null=True, blank=True)
    size = models.BigIntegerField()
    parts = models.JSONField(default=list)
    # SHA-256 of each part as received: a part sent again must be the same.
    part_hashes = models.JSONField(default=list)
    sha256 = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.RECEIVED)
    refusal_code = models.CharField(max_length=40, blank=True)
    refusal = models.TextField(blank=True)
    facts = models.JSONField(default=dict)
    cleaned_parts = models.JSONField(default=list)
    cleaned_sha256 = models.CharField(max_length=64, blank=True)
    # What the site's browser said of a file that it cleaned (imaging.claims); NULL for one that came as it was.
    claim = models.JSONField(null=True, blank=True)

    road: ClassVar[Road] = Road(
        view=Act.SUBMISSION_VIEW, trial="submission__trial_site__trial", site="submission__trial_site"
    )

    watch: ClassVar[Watch] = Watch(quiet=("parts", "part_hashes", "cleaned_parts", "facts", "inside", "size", "claim"))

    class Meta:
        ordering = ["submission_id", "number"]
        constraints = [models.UniqueConstraint(fields=["submission", "number"], name="incoming_file_number_is_unique")]

    def __str__(self) -> str:
        return f"file {self.number}"

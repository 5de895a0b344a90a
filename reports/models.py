"""Frozen reports and who took them."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Report(models.Model):
    """A trial's results frozen at a cut-off: `contents` is canonical JSON, the PDF is made from it alone."""

    class State(models.TextChoices):
        BUILT = "built", _("built, waits for release")
        RELEASED = "released", _("released to the sponsor")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="reports")
    charter = models.ForeignKey("trials.Charter", on_delete=models.PROTECT, related_name="reports")
    number = models.PositiveSmallIntegerField()
    cut_off = models.DateField(_("cut-off"))
    state = models.CharField(max_length=10, choices=State, default=State.BUILT)
    contents = models.TextField(editable=False)
    contents_sha256 = models.CharField(max_length=64)
    pdf_sha256 = models.CharField(max_length=64)
    # The last checkpoint of the audit log when the contents were frozen: how many events, and their root.
    audit_sequence = models.BigIntegerField()
    audit_hash = models.CharField(max_length=64)
    built_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)
    signature_id = models.UUIDField(null=True, blank=True)

    road: ClassVar[Road] = Road(view=Act.REPORT_VIEW, trial="trial")

    watch: ClassVar[Watch] = Watch(digested=("contents",))

    class Meta:
        ordering = ["trial_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="report_number_is_unique"),
            models.CheckConstraint(
                condition=models.Q(state="built") | models.Q(signature_id__isnull=False),
                name="report_released_is_signed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial} report {self.number}"


class SealedDocument(models.Model):
    """The released document under the installation's seal, made once the trail's checkpoint covers its release.

    A later one takes the place of an earlier: the seal may be renewed, the contents never change.
    """

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="documents")
    pdf_sha256 = models.CharField(max_length=64)
    checkpoint_size = models.BigIntegerField()
    sealed_at = models.DateTimeField()

    road: ClassVar[Road] = Road(view=Act.REPORT_VIEW, trial="report__trial")

    class Meta:
        ordering = ["report_id", "-id"]

    def __str__(self) -> str:
        return f"{self.report} sealed {self.sealed_at:%Y-%m-%d}"


class Download(models.Model):
    """Who took a report, when, and the hash of the file they got (A10)."""

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="downloads")
    taken_by = models.CharField(max_length=150)
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    road: ClassVar[Road] = Road(view=Act.REPORT_VIEW, trial="report__trial")

    class Meta:
        ordering = ["report_id", "-id"]

    def __str__(self) -> str:
        return f"{self.taken_by} {self.at:%Y-%m-%d}"

"""What the archive found wrong with itself, and what two images with one identity came to. Rows are kept for good."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.fences.tables import Fence
from trials.roles import Act, Road


class Scrub(models.Model):
    """One walk over every stored object; `cursor` is the SHA-256 up to which it came."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    cursor = models.CharField(max_length=64, blank=True)
    objects_read = models.BigIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    changed = models.IntegerField(default=0)
    missing = models.IntegerField(default=0)
    # SHA-256 of objects that no row names.
    orphans = models.JSONField(default=list)

    watch: ClassVar[Watch] = Watch(quiet=("cursor", "objects_read", "bytes_read", "changed", "missing", "orphans"))

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"scrub {self.pk}"


class Damage(models.Model):
    """An image whose stored bytes are gone or no longer those that were filed."""

    class Kind(models.TextChoices):
        CHANGED = "changed", _("changed on disk")
        MISSING = "missing", _("missing")

    instance = models.ForeignKey("imaging.Instance", on_delete=models.PROTECT, related_name="damages")
    kind = models.CharField(max_length=10, choices=Kind)
    found_at = models.DateTimeField()
    # When a later scrub found the right bytes in its place, or that people had taken the image out.
    mended_at = models.DateTimeField(null=True, blank=True)

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="instance__series__study__time_point__subject__trial_site__trial",
        site="instance__series__study__time_point__subject__trial_site",
    )
    # A reader is told of no trouble with a case.
    fence: ClassVar[Fence] = Fence(blinded=True)

    class Meta:
        ordering = ["-found_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance"], condition=models.Q(mended_at__isnull=True), name="damage_stands_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance}: {self.kind}"


class Conflict(models.Model):
    """A file whose SOP Instance UID is filed already with other content; a person decides, nothing is overwritten."""

    class State(models.TextChoices):
        OPEN = "open", _("waits for a decision")
        KEPT = "kept", _("the filed one stands, the other is discarded")
        ASKED = "asked", _("both set aside, the site was asked")

    instance = models.ForeignKey("imaging.Instance", on_delete=models.PROTECT, related_name="conflicts")
    file = models.OneToOneField("imaging.IncomingFile", on_delete=models.PROTECT, related_name="conflict")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    found_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    reason = models.TextField(blank=True)

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="instance__series__study__time_point__subject__trial_site__trial",
        site="instance__series__study__time_point__subject__trial_site",
    )
    fence: ClassVar[Fence] = Fence(blinded=True)

    watch: ClassVar[Watch] = Watch(reasoned=("state",))

    class Meta:
        ordering = ["instance_id", "id"]

    def __str__(self) -> str:
        return f"two images {self.instance}"

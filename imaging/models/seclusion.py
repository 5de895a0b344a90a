"""Images of a subject who never validly consented: back in the encrypted quarantine, out of every analysis (W6)."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.roles import Act, Road, Role


class Seclusion(models.Model):
    """The taking out of one subject's images. `wrapped_key` opens them; empty once they are destroyed."""

    class State(models.TextChoices):
        MOVING = "moving", _("being taken out of the archive")
        HELD = "held", _("kept encrypted, out of analysis")
        DESTROYED = "destroyed", _("destroyed; hashes are kept")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.OneToOneField("trials.Subject", on_delete=models.PROTECT, related_name="seclusion")
    state = models.CharField(max_length=10, choices=State, default=State.MOVING)
    wrapped_key = models.BinaryField(editable=False)
    reason = models.TextField()
    begun_at = models.DateTimeField()
    begun_by = models.CharField(max_length=150)

    road: ClassVar[Road] = Road(
        view=Act.DESTRUCTION_DECIDE, trial="subject__trial_site__trial", site="subject__trial_site"
    )

    class Meta:
        ordering = ["-begun_at"]

    def __str__(self) -> str:
        return f"images of {self.subject}"


class SecludedInstance(models.Model):
    """The tombstone of one image: its hash stays, whatever becomes of its bytes."""

    seclusion = models.ForeignKey(Seclusion, on_delete=models.PROTECT, related_name="images")
    instance = models.OneToOneField("imaging.Instance", on_delete=models.PROTECT, related_name="secluded")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    parts = models.JSONField(default=list)

    road: ClassVar[Road] = Road(
        view=Act.DESTRUCTION_DECIDE,
        trial="seclusion__subject__trial_site__trial",
        site="seclusion__subject__trial_site",
    )

    class Meta:
        ordering = ["seclusion_id", "number"]

    def __str__(self) -> str:
        return self.sha256[:12]


class SeclusionDecision(models.Model):
    """That the sponsor, or the data protection officer, wants the images destroyed; both together do it."""

    class Side(models.TextChoices):
        SPONSOR = Role.SPONSOR.value, _("sponsor")
        OFFICER = Role.DATA_PROTECTION_OFFICER.value, _("data protection officer")

    seclusion = models.ForeignKey(Seclusion, on_delete=models.PROTECT, related_name="decisions")
    side = models.CharField(max_length=40, choices=Side)
    reason = models.TextField()
    decided_at = models.DateTimeField()
    decided_by = models.CharField(max_length=150)

    road: ClassVar[Road] = Road(
        view=Act.DESTRUCTION_DECIDE,
        trial="seclusion__subject__trial_site__trial",
        site="seclusion__subject__trial_site",
    )

    class Meta:
        ordering = ["seclusion_id", "id"]
        constraints = [models.UniqueConstraint(fields=["seclusion", "side"], name="destruction_decided_once_per_side")]

    def __str__(self) -> str:
        return f"{self.seclusion}: {self.side}"

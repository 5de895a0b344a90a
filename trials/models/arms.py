"""Which arm a subject is in: sealed, in rows of its own, so that no list, history or trail of subjects can tell it."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.fences.tables import Fence
from trials.roles import Act, Road


class SubjectArm(models.Model):
    """The arm as one person recorded it; the latest row of a subject counts, and earlier ones stay (A04)."""

    subject = models.ForeignKey("trials.Subject", on_delete=models.PROTECT, related_name="arms")
    # AES-256-GCM under a key of the trial; the trail tells a digest of this, which nobody can guess from.
    sealed = models.BinaryField(_("sealed arm"))
    reason = models.TextField(_("reason"), blank=True)
    at = models.DateTimeField(_("at"))
    by = models.CharField(_("recorded by"), max_length=150)

    road: ClassVar[Road] = Road(view=Act.ARM_VIEW, trial="subject__trial_site__trial", site="subject__trial_site")

    fence: ClassVar[Fence] = Fence(blinded=True)

    class Meta:
        ordering = ["subject_id", "-id"]

    def __str__(self) -> str:
        return f"arm of {self.subject}"

"""Pictures that wait in quarantine until a person has looked: where text may stand, never what was read there."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class PixelReview(models.Model):
    """One picture that the machine was not sure of, and what a person decided; the latest decision counts.

    Boxes are lists of left, top, right, bottom (pixels of the stored matrix, the last two outside) and their ground.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a person")
        RELEASED = "released", _("released")
        REFUSED = "refused", _("refused")

    file = models.OneToOneField("imaging.IncomingFile", on_delete=models.PROTECT, related_name="pixel_review")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    doubts = models.JSONField(default=list)
    frames = models.PositiveIntegerField(default=1)
    # What nobody takes back, and what would be blanked beside it: first as the machine proposes, then as saved.
    firm = models.JSONField(default=list)
    boxes = models.JSONField(default=list)
    since = models.DateTimeField()
    decided_by = models.CharField(max_length=150, blank=True)
    signature_id = models.UUIDField(null=True, blank=True)
    comment = models.TextField(blank=True)

    # Whoever may look sees the person's name in the picture: nobody else meets these rows.
    road: ClassVar[Road] = Road(
        view=Act.PIXEL_REVIEW, trial="file__submission__trial_site__trial", site="file__submission__trial_site"
    )

    watch: ClassVar[Watch] = Watch()

    class Meta:
        ordering = ["since", "id"]

    def __str__(self) -> str:
        return f"Picture {self.file.number} of {self.file.submission}"

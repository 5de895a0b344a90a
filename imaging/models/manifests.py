"""What a browser said it will send, by content: what comes is compared with it, and what came is not asked again."""

from typing import ClassVar

from django.db import models

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Manifest(models.Model):
    """One announcement of a delivery: files numbered from `first` on, in its order."""

    submission = models.ForeignKey("imaging.Submission", on_delete=models.PROTECT, related_name="manifests")
    first = models.PositiveIntegerField()
    count = models.PositiveIntegerField()
    # Of each file its size, the SHA-256 of its parts, and the place of the claim that the browser makes of it, if any.
    contents = models.JSONField()

    road: ClassVar[Road] = Road(
        view=Act.SUBMISSION_VIEW, trial="submission__trial_site__trial", site="submission__trial_site"
    )

    watch: ClassVar[Watch] = Watch(quiet=("contents",))

    class Meta:
        ordering = ["submission_id", "first"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "first"], name="manifest_numbers_each_file_once"),
        ]

    def __str__(self) -> str:
        return f"{self.count} files of {self.submission}"

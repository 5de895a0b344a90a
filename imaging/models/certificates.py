"""What de-identification did to a delivery, object by object: evidence, kept for good."""

from typing import ClassVar

from django.db import models

from audit.watching.tables import Watch
from trials.roles import Act, Road


class CleaningCertificate(models.Model):
    """The certificate of one delivery, as canonical JSON: digests and counts, no value of any attribute.

    Its SHA-256 stands in the event `delivery.certified`, which the trail's seals cover.
    """

    submission = models.OneToOneField("imaging.Submission", on_delete=models.PROTECT, related_name="certificate")
    contents = models.TextField()
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.SUBMISSION_VIEW, trial="submission__trial_site__trial", site="submission__trial_site"
    )

    watch: ClassVar[Watch] = Watch(digested=("contents",))

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"certificate of {self.submission}"

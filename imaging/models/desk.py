"""What the core laboratory decided on refused files in quarantine, signed. Rows are added, never edited."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class QuarantineDecision(models.Model):
    """A signed decision on the files of one delivery that were refused for one reason; the latest counts."""

    class Verdict(models.TextChoices):
        SENT_BACK = "sent_back", _("sent back: the site was asked, the files stay sealed")
        DESTROYED = "destroyed", _("destroyed")

    submission = models.ForeignKey("imaging.Submission", on_delete=models.PROTECT, related_name="quarantine_decisions")
    # "" where the delivery was refused as a whole.
    refusal_code = models.CharField(max_length=40, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict)
    files = models.PositiveIntegerField()
    reason = models.TextField()
    query = models.ForeignKey(
        "imaging.Query", on_delete=models.PROTECT, related_name="sent_back", null=True, blank=True
    )
    decided_by = models.CharField(max_length=150)
    signature_id = models.UUIDField()
    at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.SUBMISSION_VIEW, trial="submission__trial_site__trial", site="submission__trial_site"
    )

    watch: ClassVar[Watch] = Watch()

    class Meta:
        ordering = ["submission_id", "-id"]

    def __str__(self) -> str:
        return f"{self.submission}: {self.verdict}"

"""Which token a DICOMweb delivery came by, so that the requests of one sending go into one delivery."""

from typing import ClassVar

from django.db import models

from audit.watching.tables import Watch
from trials.roles import Act, Road


class StowDelivery(models.Model):
    """One delivery of one token. `mark` is a keyed token of the study, "" where subject and time point were named."""

    submission = models.OneToOneField("imaging.Submission", on_delete=models.PROTECT, related_name="stow")
    token = models.ForeignKey("trials.SiteToken", on_delete=models.PROTECT, related_name="deliveries")
    mark = models.CharField(max_length=64, blank=True, editable=False)
    # Tokens of the person under the common key (`IdentityTokens.written`), told by a gateway that cleaned the files;
    # "" where the files themselves tell whose they are. Once the delivery is opened, it says that they were told.
    person = models.CharField(max_length=129, blank=True, default="", db_default="", editable=False)
    # The number of the next file: requests that run at once take their own.
    next_number = models.PositiveIntegerField(default=0)

    road: ClassVar[Road] = Road(
        view=Act.SUBMISSION_VIEW, trial="submission__trial_site__trial", site="submission__trial_site"
    )

    watch: ClassVar[Watch] = Watch(quiet=("mark", "person", "next_number"))

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.submission} by token {self.token_id}"

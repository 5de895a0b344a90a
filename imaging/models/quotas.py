"""How much a trial, one of its sites or one of its people may have here, where it differs from the rule for all."""

from typing import ClassVar

from django.db import models

from audit.watching.tables import Watch
from trials.fences.tables import Fence
from trials.roles import Act, Road


class Quota(models.Model):
    """A share of one trial: the trial's own, a site's, or a person's. NULL means what the installation gives to all."""

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="quotas")
    trial_site = models.ForeignKey(
        "trials.TrialSite", on_delete=models.PROTECT, related_name="quotas", null=True, blank=True
    )
    person = models.ForeignKey("trials.User", on_delete=models.PROTECT, related_name="quotas", null=True, blank=True)
    size = models.PositiveBigIntegerField("bytes", null=True, blank=True)
    files = models.PositiveBigIntegerField(null=True, blank=True)
    deliveries = models.PositiveIntegerField("deliveries under way", null=True, blank=True)

    road: ClassVar[Road] = Road(view=Act.TRIAL_EDIT, trial="trial")

    fence: ClassVar[Fence] = Fence(shared=True)

    watch: ClassVar[Watch] = Watch(reasoned=("size", "files", "deliveries"))

    class Meta:
        ordering = ["trial_id", "trial_site_id", "person_id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(trial_site__isnull=True) | models.Q(person__isnull=True),
                name="quota_is_of_one_thing",
            ),
            models.UniqueConstraint(
                fields=["trial"],
                condition=models.Q(trial_site__isnull=True, person__isnull=True),
                name="quota_of_a_trial_once",
            ),
            models.UniqueConstraint(
                fields=["trial_site"], condition=models.Q(trial_site__isnull=False), name="quota_of_a_site_once"
            ),
            models.UniqueConstraint(
                fields=["trial", "person"], condition=models.Q(person__isnull=False), name="quota_of_a_person_once"
            ),
        ]

    def __str__(self) -> str:
        return f"quota in {self.trial}"

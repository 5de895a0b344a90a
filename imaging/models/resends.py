"""A delivery in whose place another is to come: announced, taken back, or done. Nothing of it is ever deleted."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Resend(models.Model):
    """That the next delivery for the same time point, by whichever door, takes the place of `submission`."""

    class State(models.TextChoices):
        ANNOUNCED = "announced", _("announced")
        TAKEN_BACK = "taken_back", _("taken back")
        DONE = "done", _("done")

    submission = models.ForeignKey("imaging.Submission", on_delete=models.PROTECT, related_name="resends")
    state = models.CharField(max_length=10, choices=State, default=State.ANNOUNCED)
    reason = models.TextField()
    announced_at = models.DateTimeField()
    announced_by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)
    # The delivery that took its place; NULL until then.
    successor = models.ForeignKey(
        "imaging.Submission", on_delete=models.PROTECT, related_name="supersedes", null=True, blank=True
    )

    road: ClassVar[Road] = Road(
        view=Act.SUBMISSION_VIEW, trial="submission__trial_site__trial", site="submission__trial_site"
    )

    watch: ClassVar[Watch] = Watch()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["submission"],
                condition=models.Q(state__in=("announced", "done")),
                name="delivery_is_superseded_once",
            ),
        ]

    def __str__(self) -> str:
        return f"resend of {self.submission}"


class SetAside(models.Model):
    """An image of a superseded delivery that did not come again: it stays in the archive, and nobody is shown it."""

    instance = models.ForeignKey("imaging.Instance", on_delete=models.PROTECT, related_name="set_aside")
    resend = models.ForeignKey(Resend, on_delete=models.PROTECT, related_name="images")
    at = models.DateTimeField()
    # When the same image came once more with a later delivery, and stands again.
    lifted_at = models.DateTimeField(null=True, blank=True)

    # Whoever meets an image must meet this row: it is what hides the image.
    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="instance__series__study__time_point__subject__trial_site__trial",
        site="instance__series__study__time_point__subject__trial_site",
    )

    watch: ClassVar[Watch] = Watch()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance"], condition=models.Q(lifted_at__isnull=True), name="image_is_set_aside_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} set aside"

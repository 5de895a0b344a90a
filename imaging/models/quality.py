"""What the machine found, what a person decided, and what the site was asked. Rows are added, never edited."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.fences.tables import Fence
from trials.roles import Act, Road


class QCCheck(models.Model):
    """One finding of one run of the checks on a time point."""

    class Severity(models.TextChoices):
        ERROR = "error", _("error")
        WARNING = "warning", _("warning")
        INFO = "info", _("note")

    time_point = models.ForeignKey("trials.TimePoint", on_delete=models.PROTECT, related_name="qc_checks")
    submission = models.ForeignKey("imaging.Submission", on_delete=models.PROTECT, related_name="qc_checks")
    rule = models.CharField(max_length=40)
    severity = models.CharField(max_length=10, choices=Severity)
    series_uid = models.CharField(max_length=64, blank=True)
    value = models.CharField(max_length=120, blank=True)
    limit = models.CharField(max_length=120, blank=True)
    sentence = models.TextField()
    at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="time_point__subject__trial_site__trial",
        site="time_point__subject__trial_site",
    )

    fence: ClassVar[Fence] = Fence(blinded=True)

    class Meta:
        ordering = ["time_point_id", "id"]

    def __str__(self) -> str:
        return self.rule


class QCDecision(models.Model):
    """A person's verdict on a time point, signed. The latest counts."""

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", _("accept for reading")
        QUERIED = "queried", _("ask the site")
        REFUSED = "refused", _("refuse")

    time_point = models.ForeignKey("trials.TimePoint", on_delete=models.PROTECT, related_name="qc_decisions")
    verdict = models.CharField(max_length=10, choices=Verdict)
    comment = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150)
    signature_id = models.UUIDField()
    at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="time_point__subject__trial_site__trial",
        site="time_point__subject__trial_site",
    )

    fence: ClassVar[Fence] = Fence(blinded=True)

    class Meta:
        ordering = ["time_point_id", "-id"]

    def __str__(self) -> str:
        return f"{self.time_point}: {self.verdict}"


class Query(models.Model):
    """A question to a site about a time point."""

    class State(models.TextChoices):
        OPEN = "open", _("waits for the site")
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed")

    time_point = models.ForeignKey("trials.TimePoint", on_delete=models.PROTECT, related_name="queries")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="time_point__subject__trial_site__trial",
        site="time_point__subject__trial_site",
    )

    fence: ClassVar[Fence] = Fence(blinded=True)

    class Meta:
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return f"query on {self.time_point}"


class QueryMessage(models.Model):
    query = models.ForeignKey(Query, on_delete=models.PROTECT, related_name="messages")
    author = models.CharField(max_length=200)
    text = models.TextField()
    at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="query__time_point__subject__trial_site__trial",
        site="query__time_point__subject__trial_site",
    )

    class Meta:
        ordering = ["query_id", "id"]

    def __str__(self) -> str:
        return f"{self.query}, {self.at:%Y-%m-%d}"

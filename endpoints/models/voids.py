"""Reads that count no more: a row beside the locked read, which itself never changes."""

from typing import ClassVar

from django.db import models

from trials.roles import Act, Road


class ReadVoid(models.Model):
    """That a read is void, and why: its subject never validly consented (W6)."""

    read = models.OneToOneField("endpoints.Read", on_delete=models.PROTECT, related_name="void")
    reason = models.TextField()
    voided_at = models.DateTimeField()
    voided_by = models.CharField(max_length=150)

    road: ClassVar[Road] = Road(
        view=Act.RESULT_VIEW,
        trial="read__assignment__time_point__subject__trial_site__trial",
        site="read__assignment__time_point__subject__trial_site",
    )

    class Meta:
        ordering = ["read_id"]

    def __str__(self) -> str:
        return f"void: {self.read}"

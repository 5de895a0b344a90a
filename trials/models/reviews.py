"""Periodic reviews of who may what in a trial: what somebody looked at, decided and signed (C02, E6 4.3.8)."""

import uuid
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.roles import Act, Road

# Fixed for ever: the key of a review follows from its trial and number, so that it can be named before it is signed.
_NAMES = uuid.UUID("5b0e3a54-9d0e-5c0b-8a55-1f6a2c0d4e77")


def key_of(*, trial_id: int, number: int) -> uuid.UUID:
    """Return the primary key of a trial's review of this number, counted from 1."""
    return uuid.uuid5(_NAMES, f"{trial_id}:{number}")


class AccessReview(models.Model):
    """One signed review of every role of a trial; rows are only ever added."""

    id = models.UUIDField(primary_key=True, editable=False)
    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="access_reviews")
    number = models.PositiveIntegerField(_("number"))
    # As it was signed: a row for each seat with its facts, flags, decision and reason.
    contents: "models.JSONField[Any]" = models.JSONField(_("contents"))
    reviewer_id = models.CharField(_("account"), max_length=150)
    reviewer_name = models.CharField(_("reviewed by"), max_length=200)
    record_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField(_("at"))
    kept = models.PositiveIntegerField(_("kept"))
    ended = models.PositiveIntegerField(_("ended"))

    road: ClassVar[Road] = Road(view=Act.ACCESS_VIEW, trial="trial")

    class Meta:
        ordering = ["trial_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["trial", "number"], name="access_review_is_numbered_once")]

    def __str__(self) -> str:
        return f"{self.trial} access review {self.number}"

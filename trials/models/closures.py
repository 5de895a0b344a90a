"""Closing a trial's data for edits before they are analysed, and opening them again for a time (C09, E6 3.16.1(r))."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.fences.tables import Fence
from trials.roles import Act, Road

# Fixed for ever: the key of a step follows from its trial and number, so that it can be named before it is signed.
_NAMES = uuid.UUID("0f0c7a52-3f6f-5c34-9a34-3c8b0d6f1e21")


def key_of(*, trial_id: int, number: int) -> uuid.UUID:
    """Return the primary key of a trial's step of this number, counted from 1."""
    return uuid.uuid5(_NAMES, f"{trial_id}:{number}")


class Closure(models.Model):
    """One signed step: closed, asked to be opened again, or opened again by another person; rows are only added."""

    class Kind(models.TextChoices):
        CLOSED = "closed", _("closed for edits")
        ASKED = "asked", _("opening again asked for")
        OPENED = "opened", _("opened again for a time")

    id = models.UUIDField(primary_key=True, editable=False)
    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="closures")
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("step"), max_length=10, choices=Kind)
    # Of a closing: the last day whose data are analysed.
    cut_off = models.DateField(_("cut-off"), null=True, blank=True)
    # Of an opening: how long it is asked for, and when it ends by itself.
    hours = models.PositiveSmallIntegerField(_("hours"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    reason = models.TextField(_("reason"))
    by = models.CharField(_("account"), max_length=150)
    by_name = models.CharField(_("signed by"), max_length=200)
    record_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField(_("at"))

    road: ClassVar[Road] = Road(view=Act.TRIAL_VIEW, trial="trial")

    fence: ClassVar[Fence] = Fence(shared=True)

    class Meta:
        ordering = ["trial_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="closure_is_numbered_once"),
            models.CheckConstraint(
                condition=models.Q(kind="closed", cut_off__isnull=False)
                | models.Q(kind="asked", hours__isnull=False)
                | models.Q(kind="opened", hours__isnull=False, until__isnull=False),
                name="closure_says_what_its_step_needs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial} {self.kind} {self.number}"

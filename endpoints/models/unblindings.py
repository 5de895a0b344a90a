"""The register of unblindings: what became known to whom, what it means for reads, what was done (C10, E6 4.1.4)."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road

# Fixed for ever: the key of an entry follows from its trial and number, so that it can be named before it is signed.
_NAMES = uuid.UUID("8c7f1f9e-52d1-5d39-9a0a-2f7c3c9a7b10")


def key_of(*, trial_id: int, number: int) -> uuid.UUID:
    """Return the primary key of a trial's entry of this number, counted from 1."""
    return uuid.uuid5(_NAMES, f"{trial_id}:{number}")


class Unblinding(models.Model):
    """One signed entry; rows are only ever added."""

    class Kind(models.TextChoices):
        PLANNED = "planned", _("planned")
        ACCIDENTAL = "accidental", _("accidental")
        EMERGENCY = "emergency", _("emergency")

    id = models.UUIDField(primary_key=True, editable=False)
    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="unblindings")
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    happened_on = models.DateField(_("happened on"))
    who = models.CharField(_("who learned of it, and from whom"), max_length=500)
    known = models.TextField(_("what kind of thing became known"))
    impact = models.TextField(_("impact on reads and analysis"))
    action = models.TextField(_("action taken"))
    # Every subject and reader it touches, as codes and account names; the pairs are rows of their own.
    subjects: "models.JSONField[list[str]]" = models.JSONField(_("subjects"), default=list)
    readers: "models.JSONField[list[str]]" = models.JSONField(_("readers"), default=list)
    by = models.CharField(_("account"), max_length=150)
    by_name = models.CharField(_("signed by"), max_length=200)
    record_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField(_("at"))

    road: ClassVar[Road] = Road(view=Act.UNBLINDING_VIEW, trial="trial")

    class Meta:
        ordering = ["trial_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["trial", "number"], name="unblinding_is_numbered_once")]

    def __str__(self) -> str:
        return f"{self.trial} unblinding {self.number}"


class UnblindedCase(models.Model):
    """One reader and one subject of an entry: what is unread stays shut until a person decides."""

    class Decision(models.TextChoices):
        WAITING = "waiting", _("waits for a decision")
        GO_ON = "go_on", _("reads on")
        STOP = "stop", _("reads this subject no more")

    unblinding = models.ForeignKey(Unblinding, on_delete=models.PROTECT, related_name="cases")
    subject = models.ForeignKey("trials.Subject", on_delete=models.PROTECT, related_name="unblinded")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="unblinded")
    decision = models.CharField(_("decision"), max_length=10, choices=Decision, default=Decision.WAITING)
    reason = models.TextField(_("reason"), blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)

    road: ClassVar[Road] = Road(view=Act.UNBLINDING_VIEW, trial="unblinding__trial")

    watch: ClassVar[Watch] = Watch(reasoned=("unblinding_id", "subject_id", "reader_id", "decision", "reason"))

    class Meta:
        ordering = ["unblinding_id", "subject_id", "reader_id"]
        constraints = [
            models.UniqueConstraint(fields=["unblinding", "subject", "reader"], name="unblinded_case_once_per_entry"),
            models.CheckConstraint(
                condition=models.Q(decision="waiting", decided_at__isnull=True)
                | (~models.Q(decision="waiting") & models.Q(decided_at__isnull=False) & ~models.Q(reason="")),
                name="unblinded_case_decided_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unblinding}: {self.subject}"

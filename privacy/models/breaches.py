"""The file of breaches (GDPR 33(5)): what happened, from when the clock runs, and every step since."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.roles import Act, Road


class Breach(models.Model):
    """A personal data breach in one trial; corrections and steps are entries."""

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="breaches")
    title = models.CharField(_("what happened, in one line"), max_length=200)
    known_at = models.DateTimeField(_("known since (UTC)"))
    # Codes between single spaces, one at each end too, as in the ledger.
    subjects = models.TextField(_("affected subjects"), blank=True)
    opened_by = models.CharField(max_length=150)
    opened_at = models.DateTimeField()

    road: ClassVar[Road] = Road(view=Act.BREACH_HANDLE, trial="trial")

    class Meta:
        ordering = ["-known_at"]
        verbose_name = _("breach")

    def __str__(self) -> str:
        return self.title


class BreachEntry(models.Model):
    """One step or fact. The first that tells the authority stops the clock."""

    class Kind(models.TextChoices):
        FACTS = "facts", _("facts and likely consequences")
        MEASURE = "measure", _("measure taken or planned")
        AUTHORITY = "authority", _("authority told (article 33)")
        NO_NOTICE = "no-notice", _("authority not told: no risk to people, and why")
        PERSONS = "persons", _("persons told (article 34)")
        CLOSED = "closed", _("closed")

    breach = models.ForeignKey(Breach, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    happened_at = models.DateTimeField(_("done at (UTC)"))
    text = models.TextField(_("what"))
    recorded_by = models.CharField(max_length=150)
    recorded_at = models.DateTimeField()

    road: ClassVar[Road] = Road(view=Act.BREACH_HANDLE, trial="breach__trial")

    class Meta:
        ordering = ["breach_id", "id"]
        verbose_name = _("entry of a breach")

    def __str__(self) -> str:
        return f"{self.breach}: {self.get_kind_display()}"

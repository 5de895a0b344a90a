"""The ledger of what left the core laboratory: who received what, about whom, and why (GDPR 15(1)(c), 30(1)(d), 33)."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.roles import Act, Road


class Disclosure(models.Model):
    """One export that left. Rows are added, never edited."""

    class Kind(models.TextChoices):
        REPORT = "report", _("report")
        RESULTS = "results", _("results as data")
        TRAIL = "trail", _("audit trail")
        ACCESS = "access", _("access package for the subject")
        SECONDARY = "secondary", _("secondary use")
        IMAGES = "images", _("images")

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="disclosures")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    recipient = models.CharField(_("recipient"), max_length=200)
    purpose = models.CharField(_("purpose"), max_length=300)
    what = models.CharField(_("what was handed out"), max_length=200)
    sha256 = models.CharField("SHA-256", max_length=64)
    # Codes between single spaces, one at each end too: both databases find a code in it without a table of pairs.
    subjects = models.TextField(_("subjects"), blank=True)
    modules = models.JSONField(_("modules of consent"), default=list)
    permit = models.CharField(_("permit"), max_length=60, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.CharField(_("handed out by"), max_length=150)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    class Meta:
        ordering = ["-id"]
        verbose_name = _("disclosure")

    def __str__(self) -> str:
        return f"{self.what} → {self.recipient}"

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the subjects it was about."""
        return tuple(self.subjects.split())

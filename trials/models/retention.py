"""How long a trial's records must be kept, by which rule, and from which day that counts."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road

# Regulation (EU) 536/2014, article 58: the master file is archived for at least 25 years after the end of the trial.
LEGAL_YEARS = 25
MOST_YEARS = 100


class Retention(models.Model):
    """The clock of one trial. Until a trial has ended its records are kept without end."""

    trial = models.OneToOneField("trials.Trial", on_delete=models.PROTECT, related_name="retention")
    years = models.PositiveSmallIntegerField(
        _("years after the end of the trial"),
        default=LEGAL_YEARS,
        validators=[MinValueValidator(LEGAL_YEARS), MaxValueValidator(MOST_YEARS)],
    )
    rule = models.CharField(_("legal rule"), max_length=200)
    # NULL while the trial goes on.
    ended_on = models.DateField(_("last day of the trial"), null=True, blank=True)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    watch: ClassVar[Watch] = Watch(reasoned=("years", "rule", "ended_on"))

    class Meta:
        ordering = ["trial_id"]
        verbose_name = _("retention clock")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(years__gte=LEGAL_YEARS, years__lte=MOST_YEARS), name="retention_is_legal"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial}: {self.years}"

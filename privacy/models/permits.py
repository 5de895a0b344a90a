"""Permits of secondary use: each with a key of its own, so that no two recipients can join what they were given."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Permit(models.Model):
    """A data permit (EHDS 68) for one trial: who may use its coded data, for what, until when."""

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="permits")
    number = models.CharField(_("permit number"), max_length=60)
    recipient = models.CharField(_("recipient"), max_length=200)
    purpose = models.CharField(_("purpose"), max_length=300)
    valid_until = models.DateField(_("valid until"))
    # AES key wrap of 32 random bytes; see trials.keys.
    wrapped_key = models.BinaryField(editable=False)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    watch: ClassVar[Watch] = Watch(reasoned=("number", "recipient", "purpose", "valid_until"))

    class Meta:
        ordering = ["trial_id", "number"]
        verbose_name = _("permit of secondary use")
        constraints = [models.UniqueConstraint(fields=["trial", "number"], name="permit_number_is_unique")]

    def __str__(self) -> str:
        return self.number

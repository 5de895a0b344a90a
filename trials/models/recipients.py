"""Who receives files of a trial, each with a key of its own, so that no two of them can join what they hold."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Recipient(models.Model):
    """A sponsor, a pool of readers, a holder of a permit for secondary use: somebody files go out to."""

    class Kind(models.TextChoices):
        SPONSOR = "sponsor", _("sponsor")
        READERS = "readers", _("pool of readers")
        SECONDARY = "secondary", _("holder of a permit for secondary use")
        OTHER = "other", _("other")

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="recipients")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    name = models.CharField(_("name"), max_length=120)
    # AES key wrap of 32 random bytes; see trials.keys.
    wrapped_key = models.BinaryField(editable=False)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    watch: ClassVar[Watch] = Watch(reasoned=("trial_id", "kind", "name", "wrapped_key"))

    class Meta:
        ordering = ["trial_id", "kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "name"], name="recipient_name_is_unique"),
        ]

    def __str__(self) -> str:
        return self.name

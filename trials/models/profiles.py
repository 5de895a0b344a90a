"""The de-identification profile of a charter: which rules beside the Basic Profile, frozen with the charter."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class DeidProfile(models.Model):
    """What a trial chose of PS3.15; version and signature are those of the charter.

    A charter without one de-identifies by the product's own profile.
    """

    charter = models.OneToOneField("trials.Charter", on_delete=models.PROTECT, related_name="profile")
    # As `deid.choices` tells and reads them.
    options = models.JSONField(_("options"), default=list, blank=True)
    unknown_objects = models.CharField(_("kinds of objects that the standard's tables do not know"), max_length=10)
    words = models.JSONField(_("words that may stay in descriptions"), default=list, blank=True)
    tags = models.JSONField(_("single attributes"), default=list, blank=True)
    # SHA-256 of the choices that somebody last tried on an object; "" before.
    tried_sha256 = models.CharField(max_length=64, blank=True)

    road: ClassVar[Road] = Road(view=Act.CHARTER_VIEW, trial="charter__trial")

    watch: ClassVar[Watch] = Watch(reasoned=("options", "unknown_objects", "words", "tags"))

    class Meta:
        ordering = ["charter_id"]
        verbose_name = _("de-identification profile")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(unknown_objects__in=("refuse", "generic")), name="deid_profile_knows_what_to_do"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charter.trial} profile v{self.charter.version}"

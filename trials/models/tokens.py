"""What a machine of a hospital shows instead of a password when it sends: a secret of one site in one trial."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class SiteToken(models.Model):
    """A token as it is known here: by its digest alone. It may send for its site until it ends or is revoked."""

    trial_site = models.ForeignKey("trials.TrialSite", on_delete=models.PROTECT, related_name="tokens")
    label = models.CharField(_("sending system"), max_length=80)
    # SHA-256 (hex) of the token, which is random: what stands here opens nothing.
    digest = models.CharField(max_length=64, unique=True)
    granted_at = models.DateTimeField()
    granted_by = models.CharField(max_length=150)
    reason = models.TextField()
    ends_on = models.DateField(_("last day"))
    # NULL: in force.
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=150, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    road: ClassVar[Road] = Road(view=Act.SENDING_GRANT, trial="trial_site__trial", site="trial_site")

    watch: ClassVar[Watch] = Watch(quiet=("last_used_at",), digested=("digest",), reasoned=("revoked_at",))

    class Meta:
        ordering = ["trial_site_id", "-granted_at"]

    def __str__(self) -> str:
        return f"{self.trial_site} {self.label}"

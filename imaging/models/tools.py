"""The core lab's own DICOM tools: who may ask the archive, for which trial, in whose name, until when."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Tool(models.Model):
    """One tool in one trial. It may do what its `holder` may, from its networks and by its certificate alone.

    With `host` and `port` it listens, too: then images may be moved to it, and nowhere else.
    """

    class Purpose(models.TextChoices):
        READ = "read", _("looks at images")
        COMPUTE = "compute", _("computes from images")
        EXPORT = "export", _("hands images on to the sponsor")

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="tools")
    label = models.CharField(_("tool"), max_length=80)
    ae_title = models.CharField(_("DICOM AE title"), max_length=16)
    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tools")
    purpose = models.CharField(max_length=10, choices=Purpose)
    # SHA-256 of the certificate as DER, in hex; "" only where the node speaks no TLS.
    certificate_sha256 = models.CharField(max_length=64, blank=True)
    # As CIDR, never empty: ["192.0.2.0/24"].
    networks = models.JSONField()
    host = models.GenericIPAddressField(null=True, blank=True)
    port = models.PositiveIntegerField(null=True, blank=True)
    granted_at = models.DateTimeField()
    granted_by = models.CharField(max_length=150)
    reason = models.TextField()
    ends_on = models.DateField(_("last day"))
    # NULL: in force.
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=150, blank=True)

    road: ClassVar[Road] = Road(view=Act.TOOL_GRANT, trial="trial")

    watch: ClassVar[Watch] = Watch(reasoned=("revoked_at",))

    class Meta:
        ordering = ["trial_id", "-granted_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["ae_title"], condition=models.Q(revoked_at__isnull=True), name="tool_ae_title_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(host__isnull=True, port__isnull=True)
                | models.Q(host__isnull=False, port__gt=0, port__lt=65536),
                name="tool_listens_at_host_and_port",
            ),
        ]

    def __str__(self) -> str:
        return self.label

"""How a site's DICOM sender must come, beside its name."""

from typing import ClassVar

from django.db import models

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Door(models.Model):
    """What binds a site's AE title: a TLS client certificate, and the networks it calls from. Empty binds nothing.

    `host` and `port` are where its sender listens for reports of storage commitment, where it does.
    """

    trial_site = models.OneToOneField("trials.TrialSite", on_delete=models.PROTECT, related_name="dicom_door")
    # SHA-256 of the certificate as DER, in hex.
    certificate_sha256 = models.CharField(max_length=64, blank=True)
    # As CIDR: ["192.0.2.0/24"].
    networks = models.JSONField(default=list, blank=True)
    host = models.GenericIPAddressField(null=True, blank=True)
    port = models.PositiveIntegerField(null=True, blank=True)

    road: ClassVar[Road] = Road(view=Act.SITE_VIEW, trial="trial_site__trial", site="trial_site")

    watch: ClassVar[Watch] = Watch(reasoned=("certificate_sha256", "networks", "host", "port"))

    class Meta:
        ordering = ["trial_site_id"]

    def __str__(self) -> str:
        return f"DICOM door of {self.trial_site}"

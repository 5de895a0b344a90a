"""What a site may know of its DICOM line: the last calls of its sender, and our own calls to it (C-ECHO)."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road

_ROAD = Road(view=Act.SITE_VIEW, trial="trial_site__trial", site="trial_site")


class Call(models.Model):
    """One association that named a site's AE title. The newest of each site are kept; no identity is among them."""

    class Result(models.TextChoices):
        STORED = "stored", _("images were taken")
        PARTLY = "partly", _("some images were taken, some were not")
        REFUSED = "refused", _("no image was taken")
        QUIET = "quiet", _("answered; no image was sent")
        NOT_BOUND = "not_bound", _("turned away: another address or certificate than registered, or the site is closed")
        WRONG_NAME = "wrong_name", _("turned away: it called us by another AE title than ours")
        TOO_MANY = "too_many", _("turned away: too many associations at a time")

    trial_site = models.ForeignKey("trials.TrialSite", on_delete=models.PROTECT, related_name="calls")
    ae_title = models.CharField(max_length=16)
    address = models.GenericIPAddressField()
    at = models.DateTimeField()
    result = models.CharField(max_length=10, choices=Result)
    stored = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)

    road: ClassVar[Road] = _ROAD
    watch: ClassVar[Watch] = Watch()

    class Meta:
        ordering = ["trial_site_id", "-id"]

    def __str__(self) -> str:
        return f"call of {self.trial_site}"


class Echo(models.Model):
    """A C-ECHO that somebody asked for, to where the site's door says that it listens; the node makes it."""

    class Result(models.TextChoices):
        WAITING = "waiting", _("is being tried")
        ANSWERED = "answered", _("It answered: the line works in this direction.")
        NO_LINE = (
            "no_line",
            _(
                "Nobody answered at that address and port. Is the receiver running, and does the firewall let us "
                "through to it?"
            ),
        )
        REJECTED = (
            "rejected",
            _(
                "Somebody answered and turned us away. Are our AE title and address entered there, and is its own AE "
                "title the one that is registered here?"
            ),
        )
        NOT_THE_ONE = "not_the_one", _("Somebody answered, with another certificate than the one registered here.")
        NO_DICOM = (
            "no_dicom",
            _(
                "Something listens there and did not answer in DICOM. Is that the DICOM port, and is TLS on at both "
                "ends or at neither?"
            ),
        )
        NO_ECHO = "no_echo", _("It took the call and does not answer a C-ECHO. Is verification switched on there?")
        NOT_TRIED = "not_tried", _("Our DICOM node did not try in time. Tell the operator of this installation.")

    trial_site = models.ForeignKey("trials.TrialSite", on_delete=models.PROTECT, related_name="echoes")
    host = models.GenericIPAddressField()
    port = models.PositiveIntegerField()
    ae_title = models.CharField(max_length=16)
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150)
    result = models.CharField(max_length=12, choices=Result, default=Result.WAITING)
    ended_at = models.DateTimeField(null=True, blank=True)

    road: ClassVar[Road] = _ROAD
    watch: ClassVar[Watch] = Watch()

    class Meta:
        ordering = ["trial_site_id", "-id"]

    def __str__(self) -> str:
        return f"echo to {self.trial_site}"

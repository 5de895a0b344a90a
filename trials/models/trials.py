"""Trials and their sites: the two objects that rights stand on."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase

from audit.watching.tables import Watch
from trials.roles import SITE_ROLES, Act, Road, Role


class Trial(models.Model):
    """A clinical trial as the core lab runs it."""

    class State(models.TextChoices):
        PREPARING = "preparing", _("being prepared")
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    class KeyScheme(models.TextChoices):
        PER_TRIAL = "trial", _("one key for all subjects")
        PER_SUBJECT = "subject", _("a key for each subject")

    code = models.SlugField(_("short code"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=200)
    protocol_number = models.CharField(_("protocol number"), max_length=60)
    sponsor = models.ForeignKey("trials.Sponsor", on_delete=models.PROTECT, related_name="trials")
    state = models.CharField(max_length=20, choices=State, default=State.PREPARING)
    # AES key wrap of 32 random bytes; see trials.keys.
    wrapped_key = models.BinaryField(editable=False)
    # By which key scans are cleaned; the database refuses another one, for what is filed hangs on it (decision 0034).
    key_scheme = models.CharField(
        max_length=10,
        choices=KeyScheme,
        default=KeyScheme.PER_SUBJECT,
        db_default=KeyScheme.PER_TRIAL.value,
        editable=False,
    )

    road: ClassVar[Road] = Road(view=Act.TRIAL_VIEW, trial="self")

    watch: ClassVar[Watch] = Watch(reasoned=("code", "title", "protocol_number", "sponsor_id"))

    class Meta:
        ordering = ["code"]
        # One right a role: what the role may do stands in trials.roles, not in the database.
        permissions = [(f"as_{role}", role.value) for role in Role if role not in SITE_ROLES]

    def __str__(self) -> str:
        return self.code


class Site(models.Model):
    """A hospital, known to the installation."""

    code = models.SlugField(_("site code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=120)
    time_zone = models.CharField(_("time zone"), max_length=40, default="UTC")

    watch: ClassVar[Watch] = Watch(reasoned=("code", "name", "time_zone"))

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class TrialSite(models.Model):
    """A hospital in one trial: with its number, its state and its DICOM name."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="sites")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="trial_sites")
    number = models.CharField(_("number in the trial"), max_length=10)
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    ae_title = models.CharField(_("DICOM AE title of the sender"), max_length=16, blank=True)

    road: ClassVar[Road] = Road(view=Act.SITE_VIEW, trial="trial", site="self")

    watch: ClassVar[Watch] = Watch(reasoned=("site_id", "number", "ae_title"))

    class Meta:
        ordering = ["trial_id", "number"]
        permissions = [(f"as_{role}", role.value) for role in Role if role in SITE_ROLES]
        constraints = [
            models.UniqueConstraint(fields=["trial", "site"], name="trial_site_once_per_trial"),
            models.UniqueConstraint(fields=["trial", "number"], name="trial_site_number_is_unique"),
            models.UniqueConstraint(
                fields=["ae_title"], condition=~models.Q(ae_title=""), name="trial_site_ae_title_is_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial}/{self.number}"


class TrialGroupObjectPermission(GroupObjectPermissionBase):
    """Guardian's rights on trials, by real foreign keys: no text keys, so the database can join and index."""

    content_object = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="group_rights")


class TrialSiteGroupObjectPermission(GroupObjectPermissionBase):
    """Guardian's rights on the sites of trials."""

    content_object = models.ForeignKey(TrialSite, on_delete=models.CASCADE, related_name="group_rights")

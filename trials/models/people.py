"""People, the organisations behind trials, and who holds which role where and when."""

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import SITE_ROLES, Act, Road, Role


class User(AbstractUser):
    """An account of one person. Being superuser opens the operator's pages and no trial data."""

    # Whose letter of non-repudiation covers this person's signatures (21 CFR 11.100(c)).
    organisation = models.CharField(_("organisation"), max_length=120, blank=True)
    may_create_trials = models.BooleanField(_("may create trials"), default=False)
    # Somebody else knows the password: it opens the page that changes it, and signs nothing (11.200(a)(2)).
    must_change_password = models.BooleanField(default=False, editable=False)
    # The operator took this person's factors away: new ones sign nothing until a colleague says whose they are.
    awaits_vouching = models.BooleanField(default=False, editable=False)

    # What pages speak to this person; empty: what their browser asks for.
    language = models.CharField(_("language"), max_length=10, blank=True, default="", db_default="")

    # When somebody came in is told by an act, a language is a taste; a password is never told.
    watch: ClassVar[Watch] = Watch(quiet=("last_login", "language"), digested=("password",))

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Sponsor(models.Model):
    name = models.CharField(_("name"), max_length=120, unique=True)

    watch: ClassVar[Watch] = Watch(reasoned=("name",))

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role on a trial or on one of its sites, from a day to a day (ICH E6(R3) 4.3.8)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="memberships")
    trial_site = models.ForeignKey(
        "trials.TrialSite", on_delete=models.PROTECT, related_name="memberships", null=True, blank=True
    )
    role = models.CharField(max_length=30, choices=[(role.value, role.name.replace("_", " ").lower()) for role in Role])
    starts = models.DateField(_("from"))
    # NULL: open-ended.
    ends = models.DateField(_("until"), null=True, blank=True)
    # Account names, or those of machines: text, so that the row says it whatever becomes of the account.
    granted_by = models.CharField(_("granted by"), max_length=150, blank=True)
    reason = models.CharField(_("granted because"), max_length=500, blank=True)
    ended_by = models.CharField(_("ended by"), max_length=150, blank=True)

    road: ClassVar[Road] = Road(view=Act.MEMBER_VIEW, trial="trial", site="trial_site", owner="user")

    watch: ClassVar[Watch] = Watch(
        reasoned=(
            "user_id",
            "trial_id",
            "trial_site_id",
            "role",
            "starts",
            "ends",
            "granted_by",
            "reason",
            "ended_by",
        )
    )

    class Meta:
        ordering = ["trial_id", "role", "user_id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=sorted(SITE_ROLES), trial_site__isnull=False)
                | (~models.Q(role__in=sorted(SITE_ROLES)) & models.Q(trial_site__isnull=True)),
                name="membership_stands_on_a_site_for_roles_of_a_site",
            ),
            models.CheckConstraint(
                condition=models.Q(ends__isnull=True) | models.Q(ends__gte=models.F("starts")),
                name="membership_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~models.Q(role=Role.INSPECTOR) | models.Q(ends__isnull=False),
                name="membership_of_an_inspector_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user.get_username()}: {self.role}"

"""How an account comes in: its open and ended sessions, and the identities elsewhere that are linked to it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch


class AccountSession(models.Model):
    """One session of one account, from sign-in to its end. Whether a browser's session is good is told here alone."""

    class End(models.TextChoices):
        SIGNED_OUT = "signed_out", _("signed out")
        IDLE = "idle", _("not used for too long")
        ABSOLUTE = "absolute", _("open for too long")
        BY_HOLDER = "by_holder", _("ended from another session")
        BY_OPERATOR = "by_operator", _("ended by the operator")
        PASSWORD = "password", _("the password changed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="account_sessions")
    started_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    # "" where a proxy stands in front.
    address = models.CharField(max_length=45, blank=True)
    # In words of ours, such as "Firefox on Linux": what a browser tells of itself would name one machine among many.
    browser = models.CharField(max_length=60, blank=True)
    # NULL: open.
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=20, choices=End.choices, blank=True)

    # Where somebody sat may go one day; the trail keeps that they came and went.
    watch: ClassVar[Watch] = Watch(quiet=("last_seen_at", "address", "browser"))

    class Meta:
        ordering = ["-last_seen_at"]
        indexes = [
            models.Index(fields=["user"], name="account_session_open", condition=models.Q(ended_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"session of account {self.user_id}"


class ProviderLink(models.Model):
    """An identity at the house's sign-in service (OIDC issuer and subject) that opens one account of ours."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provider_links")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(_("subject"), max_length=255)
    linked_at = models.DateTimeField()
    linked_by = models.CharField(max_length=150)
    last_used_at = models.DateTimeField(null=True, blank=True)

    watch: ClassVar[Watch] = Watch(quiet=("last_used_at",), digested=("subject",))

    class Meta:
        ordering = ["linked_at"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_elsewhere_opens_one_account"),
            models.UniqueConstraint(fields=["user", "issuer"], name="account_has_one_identity_at_an_issuer"),
        ]

    def __str__(self) -> str:
        return f"link of account {self.user_id}"

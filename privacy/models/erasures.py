"""Decisions to erase, what was destroyed, and the certificates that say so."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.roles import Act, Road


class Erasure(models.Model):
    """A decision of two people. Without a subject it is about every subject of a trial that need not be kept."""

    class Level(models.TextChoices):
        LINK = "link", _("the link to the person: identity, tokens, originals")
        EVERYTHING = "everything", _("the link to the person, and the coded images too")
        IMAGES = "images", _("the images, which lay out of analysis")

    class Ground(models.TextChoices):
        NO_LONGER_NEEDED = "17(1)(a)", _("no longer needed for its purpose (17(1)(a))")
        CONSENT_WITHDRAWN = "17(1)(b)", _("consent withdrawn, no other legal ground (17(1)(b))")
        OBJECTION = "17(1)(c)", _("the person objected (17(1)(c))")
        UNLAWFUL = "17(1)(d)", _("processed unlawfully, as without valid consent (17(1)(d))")
        LEGAL_DUTY = "17(1)(e)", _("a law demands it (17(1)(e))")
        RETENTION_OVER = "5(1)(e)", _("the time of retention is over (5(1)(e))")

    class State(models.TextChoices):
        PROPOSED = "proposed", _("decided, waits for the second person")
        DONE = "done", _("carried out")
        DROPPED = "dropped", _("dropped")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="erasures")
    subject = models.ForeignKey(
        "trials.Subject", on_delete=models.PROTECT, related_name="erasures", null=True, blank=True
    )
    level = models.CharField(_("what is destroyed"), max_length=12, choices=Level)
    ground = models.CharField(_("ground"), max_length=10, choices=Ground)
    reason = models.TextField(_("reason"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PROPOSED)
    decided_by = models.CharField(_("decided by"), max_length=150)
    decided_at = models.DateTimeField(_("decided at"))
    # NULL where it followed from an act that was recorded by itself: a withdrawal (W5), a decision on images (W6).
    decision_signature_id = models.UUIDField(null=True, blank=True)
    confirmed_by = models.CharField(_("confirmed by"), max_length=150, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    confirmation_signature_id = models.UUIDField(null=True, blank=True)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    class Meta:
        ordering = ["-decided_at"]
        verbose_name = _("erasure")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="done")
                | models.Q(confirmation_signature_id__isnull=False)
                | models.Q(decision_signature_id__isnull=True, level="link", ground="17(1)(b)")
                | models.Q(decision_signature_id__isnull=True, level="images", ground="17(1)(d)"),
                name="erasure_done_is_confirmed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject or self.trial}: {self.get_level_display()}"


class Tombstone(models.Model):
    """What an erasure destroyed: appended, never changed, and written to a file outside the database as well.

    `contents` is the canonical JSON that the certificate prints: codes, hashes and counts, no identity.
    """

    # That of the erasure.
    id = models.UUIDField(primary_key=True, editable=False)
    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="tombstones")
    contents = models.TextField()
    contents_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    class Meta:
        ordering = ["-at"]
        verbose_name = _("tombstone")

    def __str__(self) -> str:
        return f"erasure {str(self.pk)[:8]}"


class Certificate(models.Model):
    """The sealed document about a tombstone, by the hash of its file."""

    tombstone = models.ForeignKey(Tombstone, on_delete=models.PROTECT, related_name="certificates")
    pdf_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="tombstone__trial")

    class Meta:
        ordering = ["-id"]
        verbose_name = _("certificate of erasure")

    def __str__(self) -> str:
        return f"certificate of {self.tombstone}"

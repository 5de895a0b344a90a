"""What a subject asked for, and when it was answered (GDPR 12(3): within one month)."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Request(models.Model):
    """One request of a subject, known by code alone; it comes through the site, which knows the person."""

    class Kind(models.TextChoices):
        ACCESS = "access", _("access to the data (article 15)")
        RECTIFICATION = "rectification", _("rectification (article 16)")
        ERASURE = "erasure", _("erasure (article 17)")
        RESTRICTION = "restriction", _("restriction of use (article 18)")
        OBJECTION = "objection", _("objection (article 21)")
        OPT_OUT = "opt-out", _("opt-out of secondary use (EHDS, article 71)")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        GRANTED = "granted", _("granted")
        PARTLY = "partly", _("granted in part")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("taken back by the subject")

    subject = models.ForeignKey("trials.Subject", on_delete=models.PROTECT, related_name="requests")
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    received_on = models.DateField(_("received on"))
    due_on = models.DateField(_("due on"))
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.OPEN)
    answer = models.TextField(_("answer"), blank=True)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    answered_by = models.CharField(_("answered by"), max_length=150, blank=True)
    recorded_by = models.CharField(_("recorded by"), max_length=150)
    recorded_at = models.DateTimeField(_("recorded at"))

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="subject__trial_site__trial")

    watch: ClassVar[Watch] = Watch(reasoned=("subject_id", "kind", "received_on", "due_on"))

    class Meta:
        ordering = ["due_on", "id"]
        verbose_name = _("request of a subject")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open", answered_at__isnull=True)
                | (~models.Q(state="open") & models.Q(answered_at__isnull=False) & ~models.Q(answer="")),
                name="request_closed_has_an_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.get_kind_display()}"


class RequestExtension(models.Model):
    """More time for one request, once: why, and the day on which the person was told so (GDPR 12(3))."""

    request = models.OneToOneField(Request, on_delete=models.PROTECT, related_name="extension")
    months = models.PositiveSmallIntegerField(_("further months"))
    reason = models.TextField(_("reason"))
    told_on = models.DateField(_("the person was told on"))
    due_before = models.DateField(_("due before"))
    due_on = models.DateField(_("due now"))
    by = models.CharField(_("recorded by"), max_length=150)
    at = models.DateTimeField(_("recorded at"))

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="request__subject__trial_site__trial")

    class Meta:
        ordering = ["request_id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(months__gte=1, months__lte=2, told_on__lte=models.F("due_before")),
                name="request_extension_is_legal",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request}: +{self.months}"

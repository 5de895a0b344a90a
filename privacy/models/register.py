"""What the law wants to be written down about a trial and no software can know (GDPR 6, 9, 28, 30, 35).

An empty duty field is allowed while somebody writes; the record and the assessment made from it refuse one.
"""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Register(models.Model):
    """The duty fields of one trial."""

    trial = models.OneToOneField("trials.Trial", on_delete=models.PROTECT, related_name="register")
    controller = models.TextField(_("controller: name and contact"), blank=True)
    joint_controller = models.TextField(_("joint controllers, or “none”"), blank=True)
    representative = models.TextField(_("representative in the Union, or why none is needed"), blank=True)
    officer = models.TextField(_("data protection officer: contact"), blank=True)
    core_lab = models.TextField(_("this core laboratory as processor: name and contact"), blank=True)
    rights_contact = models.TextField(_("where subjects turn to with their rights"), blank=True)
    authority = models.TextField(_("supervisory authority"), blank=True)
    without_processors = models.BooleanField(_("no other processor is used"), default=False)
    without_transfers = models.BooleanField(_("nothing goes to a third country"), default=False)
    need = models.TextField(_("assessment: why this is needed and in proportion"), blank=True)
    residual_risk = models.TextField(_("assessment: the risk that remains"), blank=True)
    officer_opinion = models.TextField(_("assessment: opinion of the data protection officer"), blank=True)
    review_on = models.DateField(_("assessment: to be reviewed on"), null=True, blank=True)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    watch: ClassVar[Watch] = Watch(
        reasoned=(
            "controller",
            "joint_controller",
            "representative",
            "officer",
            "core_lab",
            "rights_contact",
            "authority",
            "without_processors",
            "without_transfers",
            "need",
            "residual_risk",
            "officer_opinion",
            "review_on",
        )
    )

    class Meta:
        ordering = ["trial_id"]
        verbose_name = _("register")

    def __str__(self) -> str:
        return f"register of {self.trial}"


class Processor(models.Model):
    """Whoever works on our behalf, with contract and place (article 28)."""

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="processors")
    name = models.CharField(_("name and contact"), max_length=200)
    task = models.CharField(_("what it does"), max_length=200)
    contract = models.CharField(_("contract"), max_length=200)
    place = models.CharField(_("place of processing"), max_length=120)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    watch: ClassVar[Watch] = Watch(reasoned=("name", "task", "contract", "place"))

    class Meta:
        ordering = ["trial_id", "name"]
        verbose_name = _("processor")
        constraints = [models.UniqueConstraint(fields=["trial", "name"], name="processor_once_per_trial")]

    def __str__(self) -> str:
        return self.name


class Transfer(models.Model):
    """What goes to a third country, and what protects it there (articles 44 to 49)."""

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="transfers")
    recipient = models.CharField(_("recipient"), max_length=200)
    country = models.CharField(_("country"), max_length=80)
    safeguard = models.CharField(_("safeguard"), max_length=200)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    watch: ClassVar[Watch] = Watch(reasoned=("recipient", "country", "safeguard"))

    class Meta:
        ordering = ["trial_id", "recipient"]
        verbose_name = _("transfer")
        constraints = [
            models.UniqueConstraint(fields=["trial", "recipient", "country"], name="transfer_once_per_trial"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} ({self.country})"


class LegalBasis(models.Model):
    """On what ground data are processed for one purpose: apart from the consent to take part (EDPB 3/2019)."""

    class Purpose(models.TextChoices):
        RESEARCH = "research", _("imaging results of this trial (primary use)")
        RELIABILITY = "reliability", _("reliability, safety, inspection and archive (primary use)")
        SECONDARY = "secondary", _("other research (secondary use)")

    class Article6(models.TextChoices):
        CONSENT = "6(1)(a)", _("consent (6(1)(a))")
        LEGAL_DUTY = "6(1)(c)", _("legal obligation (6(1)(c))")
        PUBLIC_TASK = "6(1)(e)", _("task in the public interest (6(1)(e))")
        INTEREST = "6(1)(f)", _("legitimate interest (6(1)(f))")

    class Article9(models.TextChoices):
        CONSENT = "9(2)(a)", _("explicit consent (9(2)(a))")
        PUBLIC_HEALTH = "9(2)(i)", _("public interest in public health (9(2)(i))")
        RESEARCH = "9(2)(j)", _("scientific research (9(2)(j))")

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="legal_bases")
    purpose = models.CharField(_("purpose"), max_length=12, choices=Purpose)
    article_6 = models.CharField(_("article 6"), max_length=10, choices=Article6)
    article_9 = models.CharField(_("article 9"), max_length=10, choices=Article9)

    road: ClassVar[Road] = Road(view=Act.LEDGER_VIEW, trial="trial")

    watch: ClassVar[Watch] = Watch(reasoned=("purpose", "article_6", "article_9"))

    class Meta:
        ordering = ["trial_id", "id"]
        verbose_name = _("legal basis")
        constraints = [models.UniqueConstraint(fields=["trial", "purpose"], name="legal_basis_once_per_purpose")]

    def __str__(self) -> str:
        return str(self.get_purpose_display())

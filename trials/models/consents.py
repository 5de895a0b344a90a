"""Consent forms, where ethics committees approved them, and what subjects agreed to. Rows are added, never edited."""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.agreement import Allowed, Event, Level, Module, Reconsent
from trials.fences.tables import Fence
from trials.models.subjects import FIRST_DAY, LAST_DAY
from trials.roles import Act, Road

LANGUAGE = RegexValidator(r"^[a-z]{2,3}(-[A-Z]{2})?\Z", _("A language is written as es, or es-MX."))
SHA256 = RegexValidator(r"^[0-9a-f]{64}\Z", _("A SHA-256 has 64 characters, of 0-9 and a-f."))


class ConsentForm(models.Model):
    """One version of a trial's consent form; its text stays with the site. It never changes: another follows."""

    class Scope(models.TextChoices):
        IMAGING = Module.IMAGING.value, _("images are sent to and read by the core laboratory")
        COMPUTING = Module.COMPUTING.value, _("measures are computed from the images by software")
        SPONSOR_EXPORT = Module.SPONSOR_EXPORT.value, _("coded results and images go to the sponsor")
        SECONDARY = Module.SECONDARY.value, _("coded images may be used for other research")

    class Again(models.TextChoices):
        NONE = Reconsent.NONE.value, _("nobody who signed an earlier version must sign this one")
        ASK = Reconsent.ASK.value, _("who signed an earlier version is asked again; scans go on meanwhile")
        BLOCK = Reconsent.BLOCK.value, _("who signed an earlier version must sign before the next scan")

    class Basis(models.TextChoices):
        """On what the data of a module are processed, apart from the consent to take part (EDPB 3/2019)."""

        CONSENT = "consent", _("GDPR 6(1)(a), 9(2)(a): explicit consent")
        LEGAL_DUTY = "legal_duty", _("GDPR 6(1)(c), 9(2)(i): legal duty, reliability and safety")
        PUBLIC_INTEREST = "public_interest", _("GDPR 6(1)(e), 9(2)(i): public interest in public health")
        RESEARCH = "research", _("GDPR 6(1)(f), 9(2)(j): legitimate interest, scientific research")

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="consent_forms")
    version = models.CharField(_("version"), max_length=20)
    approved_on = models.DateField(_("approved by the ethics committee on"))
    scopes = models.JSONField(_("scopes it asks for"), default=list)
    # Of the scopes, those without which nobody can take part.
    mandatory = models.JSONField(_("without these nobody can take part"), default=list)
    # Of each scope, a Basis: purposes are told apart, primary from secondary use, too (P01).
    bases = models.JSONField(_("legal basis of each"), default=dict)
    # NULL: it does not expire.
    valid_days = models.PositiveIntegerField(_("valid for so many days"), null=True, blank=True)
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="superseded_by", null=True, blank=True
    )
    reconsent = models.CharField(_("those who signed earlier"), max_length=10, choices=Again, default=Again.NONE)

    road: ClassVar[Road] = Road(view=Act.CHARTER_VIEW, trial="trial")

    fence: ClassVar[Fence] = Fence(shared=True)

    class Meta:
        ordering = ["trial_id", "-approved_on", "-id"]
        constraints = [models.UniqueConstraint(fields=["trial", "version"], name="consent_form_version_is_unique")]

    def __str__(self) -> str:
        return self.version


class ConsentFormApproval(models.Model):
    """The ethics approval of a form version for one site and language: from that day on it may be signed there."""

    form = models.ForeignKey(ConsentForm, on_delete=models.PROTECT, related_name="approvals")
    trial_site = models.ForeignKey("trials.TrialSite", on_delete=models.PROTECT, related_name="consent_approvals")
    language = models.CharField(_("language"), max_length=6, validators=[LANGUAGE])
    approved_on = models.DateField(_("approved for this site on"))
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=150)

    road: ClassVar[Road] = Road(view=Act.SITE_VIEW, trial="form__trial", site="trial_site")

    class Meta:
        ordering = ["form_id", "trial_site_id", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["form", "trial_site", "language"], name="consent_form_approved_once_per_site_and_language"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.form} {self.language}"


class Consent(models.Model):
    """One act of a consent's life: asked, signed, refused, checked by a second person, taken back (GDPR 7(1), 7(3)).

    Of a signed paper its scan's SHA-256 and page count stand here, never the scan: it bears a name.
    """

    class Kind(models.TextChoices):
        ASKED = Event.ASKED.value, _("asked")
        GIVEN = Event.GIVEN.value, _("given")
        REFUSED = Event.REFUSED.value, _("refused")
        CONFIRMED = Event.CONFIRMED.value, _("confirmed by a second person")
        REJECTED = Event.REJECTED.value, _("check failed")
        WITHDRAWN = Event.WITHDRAWN.value, _("withdrawn")

    class Level(models.TextChoices):
        W1 = Level.W1.value, _("W1: leaves the treatment; imaging goes on")
        W2 = Level.W2.value, _("W2: no more procedures; scans of routine care may still be collected")
        W3 = Level.W3.value, _("W3: nothing more is collected; what is stored stays for the trial")
        W4 = Level.W4.value, _("W4: as W3, and no secondary use any more")
        W5 = Level.W5.value, _("W5: as W4, and the link to the person is erased")
        W6 = Level.W6.value, _("W6: there never was a valid consent; everything leaves the analysis")

    class Check(models.TextChoices):
        SIGNED = "signed", _("it is signed by the subject and by who informed them")
        DATED = "dated", _("both signatures are dated by hand")
        VERSION = "version", _("it is the right version, in the right language")
        MODULES = "modules", _("the boxes ticked are those recorded here")

    subject = models.ForeignKey("trials.Subject", on_delete=models.PROTECT, related_name="consents")
    form = models.ForeignKey(ConsentForm, on_delete=models.PROTECT, related_name="consents")
    kind = models.CharField(max_length=20, choices=Kind)
    scopes = models.JSONField(default=list)
    # "" for one who withdrew single modules, or before levels were recorded.
    level = models.CharField(max_length=2, choices=Level, blank=True)
    language = models.CharField(max_length=6, blank=True)
    on = models.DateField(_("date"))
    scan_sha256 = models.CharField(max_length=64, blank=True)
    scan_pages = models.PositiveSmallIntegerField(null=True, blank=True)
    checks = models.JSONField(default=list)
    # The paper that a check is about.
    of = models.ForeignKey("self", on_delete=models.PROTECT, related_name="judged_by", null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=150)

    road: ClassVar[Road] = Road(view=Act.SUBJECT_VIEW, trial="subject__trial_site__trial", site="subject__trial_site")

    class Meta:
        ordering = ["subject_id", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(on__gte=FIRST_DAY, on__lte=LAST_DAY), name="consent_day_is_plausible"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.kind}"


class CollectionAllowance(models.Model):
    """What the site confirmed of one time point after a withdrawal, so that its scan may still come (W2, W3)."""

    class Kind(models.TextChoices):
        FOLLOW_UP = Allowed.FOLLOW_UP.value, _("the scan was made in routine care, not as a procedure of the trial")
        EARLIER = Allowed.EARLIER.value, _("the scan was acquired before the withdrawal; the investigator confirms it")

    time_point = models.ForeignKey("trials.TimePoint", on_delete=models.PROTECT, related_name="allowances")
    # It counts under this withdrawal alone.
    withdrawal = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="allowances")
    kind = models.CharField(max_length=10, choices=Kind)
    reason = models.TextField()
    confirmed_at = models.DateTimeField()
    confirmed_by = models.CharField(max_length=150)

    road: ClassVar[Road] = Road(
        view=Act.SUBJECT_VIEW, trial="time_point__subject__trial_site__trial", site="time_point__subject__trial_site"
    )

    class Meta:
        ordering = ["time_point_id", "-id"]

    def __str__(self) -> str:
        return f"{self.time_point} {self.kind}"


class Restriction(models.Model):
    """A stop on using what is stored of a subject, or its end (GDPR 18); the latest row counts."""

    class Kind(models.TextChoices):
        RESTRICTED = "restricted", _("restricted")
        LIFTED = "lifted", _("lifted")

    class Ground(models.TextChoices):
        ACCURACY = "accuracy", _("18(1)(a): the person contests that the data are right")
        UNLAWFUL = "unlawful", _("18(1)(b): unlawful, but the person wants it kept rather than erased")
        CLAIMS = "claims", _("18(1)(c): the person needs it for a legal claim")
        OBJECTION = "objection", _("18(1)(d): the person objected, and it is being weighed")

    subject = models.ForeignKey("trials.Subject", on_delete=models.PROTECT, related_name="restrictions")
    kind = models.CharField(max_length=10, choices=Kind)
    ground = models.CharField(max_length=10, choices=Ground, blank=True)
    reason = models.TextField()
    at = models.DateTimeField()
    decided_by = models.CharField(max_length=150)

    road: ClassVar[Road] = Road(view=Act.SUBJECT_VIEW, trial="subject__trial_site__trial", site="subject__trial_site")

    class Meta:
        ordering = ["subject_id", "-id"]

    def __str__(self) -> str:
        return f"{self.subject} {self.kind}"

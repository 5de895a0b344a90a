"""The imaging charter: schedule, required series, criteria and de-identification, versioned and frozen by approval."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.fences.tables import Fence
from trials.roles import Act, Road


class Charter(models.Model):
    """One version of a trial's imaging charter (FDA imaging endpoints guidance 2018)."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        APPROVED = "approved", _("approved")
        SUPERSEDED = "superseded", _("superseded")

    class Criteria(models.TextChoices):
        RECIST11 = "recist11", _("RECIST 1.1")

    trial = models.ForeignKey("trials.Trial", on_delete=models.PROTECT, related_name="charters")
    version = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=20, choices=State, default=State.DRAFT)
    criteria = models.CharField(_("response criteria"), max_length=20, choices=Criteria, default=Criteria.RECIST11)
    confirmation_required = models.BooleanField(_("responses need confirmation"), default=True)
    confirmation_days = models.PositiveSmallIntegerField(_("days to a confirming scan, at least"), default=28)
    minimum_sd_days = models.PositiveSmallIntegerField(_("days until stable disease counts, at least"), default=42)
    volumetry = models.BooleanField(_("volumes from segmentations"), default=True)
    radiomics = models.BooleanField(_("radiomics from segmentations"), default=False)
    measures_suv = models.BooleanField(
        _("standardised uptake values (SUV) are measured in PET images"), default=False, db_default=False
    )
    retain_patient_characteristics = models.BooleanField(
        _("keep age, sex, weight and size in the images (needed for SUV)"), default=False
    )
    # SHA-256 of the frozen contents, set by approval.
    document_sha256 = models.CharField(max_length=64, blank=True)

    road: ClassVar[Road] = Road(view=Act.CHARTER_VIEW, trial="trial")

    fence: ClassVar[Fence] = Fence(shared=True)

    watch: ClassVar[Watch] = Watch(
        reasoned=(
            "criteria",
            "confirmation_required",
            "confirmation_days",
            "minimum_sd_days",
            "volumetry",
            "radiomics",
            "measures_suv",
            "retain_patient_characteristics",
        )
    )

    class Meta:
        ordering = ["trial_id", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "version"], name="charter_version_is_unique"),
            models.UniqueConstraint(
                fields=["trial"], condition=models.Q(state="approved"), name="charter_one_approved_per_trial"
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft") | ~models.Q(document_sha256=""),
                name="charter_frozen_has_a_digest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial} charter v{self.version}"


class ScheduledTimePoint(models.Model):
    """An imaging visit that the charter plans: its day counts from the subject's day zero."""

    charter = models.ForeignKey(Charter, on_delete=models.CASCADE, related_name="time_points")
    code = models.CharField(_("code"), max_length=16)
    name = models.CharField(_("name"), max_length=60)
    day = models.SmallIntegerField(_("planned day"))
    window_before = models.PositiveSmallIntegerField(_("days before allowed"), default=7)
    window_after = models.PositiveSmallIntegerField(_("days after allowed"), default=7)

    road: ClassVar[Road] = Road(view=Act.CHARTER_VIEW, trial="charter__trial")

    watch: ClassVar[Watch] = Watch(reasoned=("code", "name", "day", "window_before", "window_after"))

    class Meta:
        ordering = ["charter_id", "day"]
        constraints = [
            models.UniqueConstraint(fields=["charter", "code"], name="scheduled_time_point_code_is_unique"),
            models.UniqueConstraint(fields=["charter", "day"], name="scheduled_time_point_day_is_unique"),
        ]

    def __str__(self) -> str:
        return self.code


class ImagingRequirement(models.Model):
    """A series that a time point must bring."""

    scheduled = models.ForeignKey(ScheduledTimePoint, on_delete=models.CASCADE, related_name="requirements")
    name = models.CharField(_("name"), max_length=60)
    modality = models.CharField(_("DICOM modality"), max_length=16)
    body_part = models.CharField(_("body part (DICOM), if it must match"), max_length=16, blank=True)
    minimum_slices = models.PositiveSmallIntegerField(_("slices, at least"), default=1)
    # NULL: any thickness.
    maximum_slice_thickness = models.DecimalField(
        _("slice thickness in mm, at most"), max_digits=5, decimal_places=2, null=True, blank=True
    )
    required = models.BooleanField(_("required"), default=True)

    road: ClassVar[Road] = Road(view=Act.CHARTER_VIEW, trial="scheduled__charter__trial")

    watch: ClassVar[Watch] = Watch(
        reasoned=("name", "modality", "body_part", "minimum_slices", "maximum_slice_thickness", "required")
    )

    class Meta:
        ordering = ["scheduled_id", "name"]
        constraints = [
            models.UniqueConstraint(fields=["scheduled", "name"], name="imaging_requirement_name_is_unique"),
        ]

    def __str__(self) -> str:
        return self.name

"""What is computed: volumes and features from segmentations, responses and endpoints from locked reads.

Rows are added; each carries the version of what computed it and the hash of what went in.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.roles import Act, Road


class Segmentation(models.Model):
    """One segment of a filed DICOM SEG or one ROI of an RTSTRUCT, measured on the series it was drawn on."""

    instance = models.ForeignKey("imaging.Instance", on_delete=models.PROTECT, related_name="segmentations")
    series = models.ForeignKey("imaging.Series", on_delete=models.PROTECT, related_name="segmentations")
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=64)
    voxels = models.PositiveIntegerField()
    volume_ml = models.DecimalField(max_digits=12, decimal_places=4)
    # NULL for an empty or one-voxel mask.
    longest_axial_mm = models.DecimalField(max_digits=7, decimal_places=1, null=True, blank=True)
    short_axis_mm = models.DecimalField(max_digits=7, decimal_places=1, null=True, blank=True)
    # {"instance_uid", "slice", "long": [[r, c], [r, c]], "short": [[r, c], [r, c]]} of the slice measured on.
    geometry = models.JSONField(default=dict)
    software = models.JSONField(default=dict)
    input_sha256 = models.CharField(max_length=64)
    computed_at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.RESULT_VIEW,
        trial="series__study__time_point__subject__trial_site__trial",
        site="series__study__time_point__subject__trial_site",
    )

    watch: ClassVar[Watch] = Watch(digested=("geometry",))

    class Meta:
        ordering = ["instance_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["instance", "number"], name="segmentation_once_per_segment"),
        ]

    def __str__(self) -> str:
        return f"segment {self.number}"


class SegmentationRun(models.Model):
    """The measuring of one SEG or RTSTRUCT object: its state is the queue, its sentence says why nothing was measured.

    A refusal stands for one software version, so that a better one tries again.
    """

    class State(models.TextChoices):
        MEASURING = "measuring", _("being measured")
        MEASURED = "measured", _("measured")
        REFUSED = "refused", _("could not be measured")

    instance = models.OneToOneField("imaging.Instance", on_delete=models.PROTECT, related_name="segmentation_run")
    state = models.CharField(max_length=10, choices=State, default=State.MEASURING)
    # A worker's claim; past it, another may take over.
    leased_until = models.DateTimeField()
    cause = models.CharField(max_length=40, blank=True)
    refusal = models.TextField(blank=True)
    software_version = models.CharField(max_length=40)

    road: ClassVar[Road] = Road(
        view=Act.RESULT_VIEW,
        trial="instance__series__study__time_point__subject__trial_site__trial",
        site="instance__series__study__time_point__subject__trial_site",
    )

    watch: ClassVar[Watch] = Watch(quiet=("leased_until",))

    class Meta:
        ordering = ["instance_id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="refused") | ~models.Q(refusal=""), name="segmentation_refused_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"measuring of {self.instance_id}"


class RadiomicsRun(models.Model):
    """Features of one segmentation, with the settings' hash and the versions beside the values.

    `refusal` says why there are no values, where there are none.
    """

    segmentation = models.ForeignKey(Segmentation, on_delete=models.PROTECT, related_name="radiomics_runs")
    settings_sha256 = models.CharField(max_length=64)
    settings = models.JSONField()
    input_sha256 = models.CharField(max_length=64)
    versions = models.JSONField()
    values = models.JSONField(default=dict)
    refusal = models.TextField(blank=True)
    computed_at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.RESULT_VIEW,
        trial="segmentation__series__study__time_point__subject__trial_site__trial",
        site="segmentation__series__study__time_point__subject__trial_site",
    )

    watch: ClassVar[Watch] = Watch(digested=("settings", "values"))

    class Meta:
        ordering = ["segmentation_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["segmentation", "settings_sha256", "input_sha256"],
                name="radiomics_run_once_per_settings_and_input",
            ),
        ]

    def __str__(self) -> str:
        return f"radiomics of {self.segmentation}"


class Response(models.Model):
    """The response at one time point by one locked read. Derived anew when later reads lock; the latest row counts."""

    class Value(models.TextChoices):
        CR = "CR", _("complete response")
        PR = "PR", _("partial response")
        SD = "SD", _("stable disease")
        PD = "PD", _("progressive disease")
        NE = "NE", _("not evaluable")
        NON_CR_NON_PD = "NON-CR/NON-PD", _("neither complete response nor progression")
        BASELINE = "BASELINE", _("baseline")

    read = models.ForeignKey("endpoints.Read", on_delete=models.PROTECT, related_name="responses")
    target = models.CharField(max_length=16)
    non_target = models.CharField(max_length=16)
    new_lesion = models.BooleanField()
    overall = models.CharField(max_length=16, choices=Value)
    # NULL where a target was not evaluable, or none exists.
    sum_mm = models.DecimalField(max_digits=7, decimal_places=1, null=True, blank=True)
    nadir_mm = models.DecimalField(max_digits=7, decimal_places=1, null=True, blank=True)
    change_from_baseline = models.DecimalField(max_digits=7, decimal_places=1, null=True, blank=True)
    explanation = models.TextField()
    criteria_version = models.CharField(max_length=40)
    input_sha256 = models.CharField(max_length=64)
    derived_at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.RESULT_VIEW,
        trial="read__assignment__time_point__subject__trial_site__trial",
        site="read__assignment__time_point__subject__trial_site",
    )

    class Meta:
        ordering = ["read_id", "-id"]

    def __str__(self) -> str:
        return self.overall


class EndpointResult(models.Model):
    """A subject's endpoint by one reader, for example the best overall response. The latest row counts."""

    class Kind(models.TextChoices):
        BEST_OVERALL_RESPONSE = "best_overall_response", _("best overall response")

    subject = models.ForeignKey("trials.Subject", on_delete=models.PROTECT, related_name="endpoint_results")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="endpoint_results")
    kind = models.CharField(max_length=40, choices=Kind)
    value = models.CharField(max_length=40)
    explanation = models.TextField()
    charter = models.ForeignKey("trials.Charter", on_delete=models.PROTECT, related_name="endpoint_results")
    criteria_version = models.CharField(max_length=40)
    input_sha256 = models.CharField(max_length=64)
    derived_at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.RESULT_VIEW, trial="subject__trial_site__trial", site="subject__trial_site", owner="reader"
    )

    class Meta:
        ordering = ["subject_id", "-id"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"

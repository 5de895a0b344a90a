"""The clean archive: DICOM's Study, Series and Instance, under their mapped UIDs, by content hash."""

from typing import ClassVar

from django.db import models

from audit.watching.tables import Watch
from imaging.models.resends import SetAside
from trials.fences.tables import Fence
from trials.roles import Act, Road


class Study(models.Model):
    """A DICOM study of one time point; `study_day` counts true days from the subject's day zero."""

    time_point = models.ForeignKey("trials.TimePoint", on_delete=models.PROTECT, related_name="studies")
    uid = models.CharField(max_length=64, unique=True)
    study_day = models.IntegerField(null=True, blank=True)

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="time_point__subject__trial_site__trial",
        site="time_point__subject__trial_site",
    )

    fence: ClassVar[Fence] = Fence(anchored=True)

    class Meta:
        ordering = ["time_point_id", "id"]

    def __str__(self) -> str:
        return f"study {self.pk}"


class Series(models.Model):
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="series")
    uid = models.CharField(max_length=64, unique=True)
    modality = models.CharField(max_length=16)
    number = models.IntegerField(null=True, blank=True)
    body_part = models.CharField(max_length=16, blank=True)
    frame_of_reference_uid = models.CharField(max_length=64, blank=True)

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="study__time_point__subject__trial_site__trial",
        site="study__time_point__subject__trial_site",
    )

    fence: ClassVar[Fence] = Fence(anchored=True)

    class Meta:
        ordering = ["study_id", "number", "id"]

    def __str__(self) -> str:
        return f"series {self.number if self.number is not None else self.pk} ({self.modality})"


class Standing(models.Manager["Instance"]):
    """Leaves out what was set aside when another delivery took the place of its own: nobody works with those."""

    def get_queryset(self) -> models.QuerySet["Instance"]:
        from_superseded = SetAside.objects.filter(lifted_at__isnull=True).order_by()
        return super().get_queryset().exclude(pk__in=from_superseded.values("instance"))


class Instance(models.Model):
    """One clean object: `sha256` is its address in the archive, `received_sha256` what the site sent (I02)."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="instances")
    submission = models.ForeignKey("imaging.Submission", on_delete=models.PROTECT, related_name="instances")
    uid = models.CharField(max_length=64, unique=True)
    sop_class_uid = models.CharField(max_length=64)
    number = models.IntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, db_index=True)
    received_sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    facts = models.JSONField(default=dict)
    engine_version = models.CharField(max_length=40)
    policy_digest = models.CharField(max_length=64)

    road: ClassVar[Road] = Road(
        view=Act.SCAN_VIEW,
        trial="series__study__time_point__subject__trial_site__trial",
        site="series__study__time_point__subject__trial_site",
    )

    fence: ClassVar[Fence] = Fence(anchored=True)

    watch: ClassVar[Watch] = Watch(digested=("facts",))

    # What pages, checks, readers and tools work with; `every` is for those who keep, count and erase bytes.
    objects: ClassVar[models.Manager["Instance"]] = Standing()
    every: ClassVar[models.Manager["Instance"]] = models.Manager()

    class Meta:
        ordering = ["series_id", "number", "id"]
        # Searches count images by series, and are answered from these alone.
        indexes = [
            models.Index(fields=["number", "series"], name="instance_by_number"),
            models.Index(fields=["sop_class_uid", "series"], name="instance_by_class"),
        ]

    def __str__(self) -> str:
        return self.uid

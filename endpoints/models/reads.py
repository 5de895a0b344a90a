"""Who reads which case, and what was seen and measured. A reader reaches a case through an assignment alone."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from trials.fences.tables import Fence
from trials.roles import Act, Road


class Assignment(models.Model):
    """A time point given to a reader; the reader sees `case_code` and `position`, never the subject."""

    class State(models.TextChoices):
        OPEN = "open", _("to read")
        DONE = "done", _("read and locked")
        STOPPED = "stopped", _("stopped")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    time_point = models.ForeignKey("trials.TimePoint", on_delete=models.PROTECT, related_name="assignments")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    case_code = models.CharField(max_length=20)
    # 1 is the subject's baseline; reads go in this order.
    position = models.PositiveSmallIntegerField()
    assigned_at = models.DateTimeField()

    road: ClassVar[Road] = Road(
        view=Act.READ_VIEW,
        trial="time_point__subject__trial_site__trial",
        site="time_point__subject__trial_site",
        owner="reader",
    )

    fence: ClassVar[Fence] = Fence(anchored=True)

    class Meta:
        ordering = ["case_code", "position"]
        constraints = [
            models.UniqueConstraint(fields=["time_point", "reader"], name="assignment_once_per_reader"),
        ]

    def __str__(self) -> str:
        return f"{self.case_code} #{self.position}"


class Read(models.Model):
    """A reader's work on one assignment: a draft until locked and signed, then evidence."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LOCKED = "locked", _("locked")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, related_name="read")
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    comment = models.TextField(blank=True)
    started_at = models.DateTimeField()
    locked_at = models.DateTimeField(null=True, blank=True)
    # Set by locking: what exactly was signed.
    record_sha256 = models.CharField(max_length=64, blank=True)
    signature_id = models.UUIDField(null=True, blank=True)

    road: ClassVar[Road] = Road(
        view=Act.READ_VIEW,
        trial="assignment__time_point__subject__trial_site__trial",
        site="assignment__time_point__subject__trial_site",
        owner="assignment__reader",
    )

    class Meta:
        ordering = ["started_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="draft") | models.Q(locked_at__isnull=False, signature_id__isnull=False),
                name="read_locked_is_signed",
            ),
        ]

    def __str__(self) -> str:
        return f"read of {self.assignment}"


class Lesion(models.Model):
    """A finding a reader follows through a subject's time points: T01, N01, NEW01 and so on."""

    class Kind(models.TextChoices):
        TARGET = "target", _("target")
        NON_TARGET = "non_target", _("non-target")
        NEW = "new", _("new")

    subject = models.ForeignKey("trials.Subject", on_delete=models.PROTECT, related_name="lesions")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="lesions")
    # The read in which it was first named.
    found_in = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="found")
    kind = models.CharField(max_length=12, choices=Kind)
    label = models.CharField(max_length=8)
    organ = models.CharField(_("organ"), max_length=60)
    is_node = models.BooleanField(_("lymph node"), default=False)

    road: ClassVar[Road] = Road(
        view=Act.READ_VIEW, trial="subject__trial_site__trial", site="subject__trial_site", owner="reader"
    )

    class Meta:
        ordering = ["subject_id", "kind", "label"]
        constraints = [
            models.UniqueConstraint(fields=["subject", "reader", "label"], name="lesion_label_is_unique"),
        ]

    def __str__(self) -> str:
        return self.label


class Measurement(models.Model):
    """What a read says of a lesion. `geometry` is [[row, column], [row, column]] in pixels of `instance_uid`."""

    class State(models.TextChoices):
        MEASURED = "measured", _("measured")
        TOO_SMALL = "too_small", _("present, too small to measure")
        PRESENT = "present", _("present")
        ABSENT = "absent", _("gone")
        PROGRESSED = "progressed", _("unequivocally progressed")
        EQUIVOCAL = "equivocal", _("new, equivocal")
        UNEQUIVOCAL = "unequivocal", _("new, unequivocal")
        NOT_EVALUATED = "not_evaluated", _("not evaluable")

    class Quantity(models.TextChoices):
        LONGEST_DIAMETER = "longest_diameter", _("longest diameter")
        SHORT_AXIS = "short_axis", _("short axis")
        NONE = "none", _("none")

    read = models.ForeignKey(Read, on_delete=models.PROTECT, related_name="measurements")
    lesion = models.ForeignKey(Lesion, on_delete=models.PROTECT, related_name="measurements")
    state = models.CharField(max_length=16, choices=State)
    quantity = models.CharField(max_length=20, choices=Quantity, default=Quantity.NONE)
    # NULL unless measured.
    value = models.DecimalField(max_digits=7, decimal_places=1, null=True, blank=True)
    unit = models.CharField(max_length=8, blank=True)
    geometry = models.JSONField(default=list)
    instance_uid = models.CharField(max_length=64, blank=True)
    frame = models.PositiveIntegerField(default=0)

    road: ClassVar[Road] = Road(
        view=Act.READ_VIEW,
        trial="read__assignment__time_point__subject__trial_site__trial",
        site="read__assignment__time_point__subject__trial_site",
        owner="read__assignment__reader",
    )

    class Meta:
        ordering = ["read_id", "lesion_id"]
        constraints = [
            models.UniqueConstraint(fields=["read", "lesion"], name="measurement_once_per_read_and_lesion"),
            models.CheckConstraint(
                condition=models.Q(state="measured", value__isnull=False, unit="mm")
                | (~models.Q(state="measured") & models.Q(value__isnull=True, unit="")),
                name="measurement_has_a_value_only_when_measured",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lesion}: {self.state}"

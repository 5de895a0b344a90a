"""Pseudonymised subjects and their time points. No name and no birth date has a field anywhere."""

import datetime as dt
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.watching.tables import Watch
from trials.fences.tables import Fence
from trials.roles import Act, Road

# Days outside are typing errors; the arithmetic of visits must never leave the calendar.
FIRST_DAY = dt.date(1990, 1, 1)
LAST_DAY = dt.date(2199, 12, 31)


class Subject(models.Model):
    """A person in a trial, known by a random code alone (GDPR 4(5))."""

    class State(models.TextChoices):
        ENROLLED = "enrolled", _("enrolled")
        WITHDRAWN = "withdrawn", _("withdrawn")

    trial_site = models.ForeignKey("trials.TrialSite", on_delete=models.PROTECT, related_name="subjects")
    code = models.CharField(
        max_length=9,
        unique=True,
        editable=False,
        validators=[RegexValidator(r"^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$")],
    )
    day_zero = models.DateField(_("day zero (enrolment or first treatment)"))
    state = models.CharField(max_length=20, choices=State, default=State.ENROLLED)
    # Keyed tokens that answer "same person?" and nothing else; empty until the first delivery.
    patient_id_token = models.CharField(max_length=64, blank=True, editable=False)
    person_token = models.CharField(max_length=64, blank=True, editable=False)
    # The same under the subject's common key, which every way has (decision 0044).
    common_patient_id_token = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    common_person_token = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    # The same under the key that the subject is cleaned by: what a browser told before (decision 0034).
    own_patient_id_token = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    own_person_token = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    road: ClassVar[Road] = Road(view=Act.SUBJECT_VIEW, trial="trial_site__trial", site="trial_site")

    watch: ClassVar[Watch] = Watch(
        # Tokens tell who is the same person: an erased one must leave no trace.
        quiet=(
            "patient_id_token",
            "person_token",
            "common_patient_id_token",
            "common_person_token",
            "own_patient_id_token",
            "own_person_token",
        ),
        reasoned=("trial_site_id", "code", "day_zero"),
    )

    class Meta:
        ordering = ["trial_site_id", "code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(day_zero__gte=FIRST_DAY, day_zero__lte=LAST_DAY),
                name="subject_day_zero_is_plausible",
                violation_error_message=_("Day zero lies outside any trial's time."),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class TimePoint(models.Model):
    """A subject's imaging visit, expected by the charter under which it was planned."""

    class State(models.TextChoices):
        EXPECTED = "expected", _("expected")
        RECEIVED = "received", _("received, waits for quality control")
        QUERIED = "queried", _("waits for the site")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused by quality control")

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="time_points")
    scheduled = models.ForeignKey("trials.ScheduledTimePoint", on_delete=models.PROTECT, related_name="time_points")
    due_on = models.DateField(_("due on"))
    state = models.CharField(max_length=20, choices=State, default=State.EXPECTED)

    road: ClassVar[Road] = Road(view=Act.SUBJECT_VIEW, trial="subject__trial_site__trial", site="subject__trial_site")

    fence: ClassVar[Fence] = Fence(anchored=True)

    watch: ClassVar[Watch] = Watch(reasoned=("due_on",))

    class Meta:
        ordering = ["subject_id", "due_on"]
        constraints = [
            models.UniqueConstraint(fields=["subject", "scheduled"], name="time_point_once_per_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.scheduled.code}"

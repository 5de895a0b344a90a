"""The study day of a time point: of its images where they tell it, else as planned."""

from dataclasses import dataclass

from django.db.models import Min

from imaging.models import Study
from imaging.selectors import image_series_of
from trials.models import TimePoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Days from the subject's day zero; `is_planned` where the images are silent and the schedule is taken."""

    day: int
    is_planned: bool


def day_of(time_point: TimePoint) -> Day:
    """Return the day of the earliest study that holds images, since a visit may span days (RECIST 1.1 4.4)."""
    imaged = Study.objects.filter(series__in=image_series_of(time_point))
    earliest = imaged.aggregate(day=Min("study_day"))["day"]
    if earliest is None:
        return Day(day=time_point.scheduled.day, is_planned=True)
    return Day(day=int(earliest), is_planned=False)

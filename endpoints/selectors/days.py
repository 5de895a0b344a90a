"""The study day of a time point: of its images where they tell it, else as planned."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Min

from imaging.selectors import DERIVED, standing_series
from trials.models import TimePoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Days from the subject's day zero; `is_planned` where the images are silent and the schedule is taken."""

    day: int
    is_planned: bool


def day_of(time_point: TimePoint) -> Day:
    """Return the day of the earliest study that holds images, since a visit may span days (RECIST 1.1 4.4)."""
    return days_of([time_point])[time_point.pk]


def days_of(time_points: Iterable[TimePoint]) -> dict[int, Day]:
    """Return the day of each of many time points, by key: as `day_of`, in one question."""
    chosen = list(time_points)
    imaged = standing_series().exclude(modality__in=DERIVED).filter(study__time_point__in=chosen)
    earliest = dict(imaged.order_by().values_list("study__time_point").annotate(Min("study__study_day")))
    return {each.pk: _day(each, earliest.get(each.pk)) for each in chosen}


def _day(time_point: TimePoint, imaged: int | None) -> Day:
    day = time_point.scheduled.day if imaged is None else int(imaged)
    return Day(day=day, is_planned=imaged is None)

"""Reading deliveries and the clean archive: what pages and upper floors ask for."""

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from imaging.archive import load
from imaging.models import Instance, QCCheck, QCDecision, Query, Series, Submission, Tool
from trials.models import TimePoint, Trial, TrialSite

# Row and column direction, and the first voxel (PS3.3 C.7.6.2).
_COSINES, _COORDINATES = 6, 3
# Series that hold no picture of their own, only something drawn or said about others.
DERIVED = ("SEG", "RTSTRUCT", "SR", "PR", "KO", "REG", "RTPLAN", "RTDOSE")


def series_of(time_point: TimePoint) -> QuerySet[Series]:
    return Series.objects.filter(study__time_point=time_point).select_related("study").prefetch_related("instances")


def image_series_of(time_point: TimePoint) -> QuerySet[Series]:
    """The series a reader can look at."""
    return series_of(time_point).exclude(modality__in=DERIVED)


def instances_of(series: Series) -> list[Instance]:
    """Instances in reading order: along the slice normal where there is geometry, else by number."""
    return sorted(series.instances.all(), key=_reading_order)


def _reading_order(instance: Instance) -> tuple[float, int, str]:
    facts = instance.facts
    orientation, position = facts.get("orientation") or [], facts.get("position") or []
    has_geometry = (len(orientation), len(position)) == (_COSINES, _COORDINATES)
    along = _along_normal(orientation, position) if has_geometry else 0.0
    return along, instance.number or 0, instance.uid


def _along_normal(orientation: list[float], position: list[float]) -> float:
    row, column = orientation[:3], orientation[3:]
    normal = (
        row[1] * column[2] - row[2] * column[1],
        row[2] * column[0] - row[0] * column[2],
        row[0] * column[1] - row[1] * column[0],
    )
    return sum(part * place for part, place in zip(normal, position, strict=True))


def files_of(series: Series) -> list[bytes]:
    """The checked bytes of a series in reading order."""
    return [load(instance.sha256) for instance in instances_of(series)]


def submissions_of(trial: Trial) -> QuerySet[Submission]:
    return Submission.objects.filter(trial_site__trial=trial).select_related(
        "trial_site__trial", "trial_site__site", "time_point__subject", "time_point__scheduled"
    )


def latest_findings(time_point: TimePoint) -> QuerySet[QCCheck]:
    """The findings of the newest run of the checks."""
    newest = time_point.qc_checks.order_by("-id").values_list("at", flat=True)[:1]
    return time_point.qc_checks.filter(at__in=newest)


def latest_decision(time_point: TimePoint) -> QCDecision | None:
    return time_point.qc_decisions.order_by("-id").first()


def open_queries(trial: Trial) -> QuerySet[Query]:
    return Query.objects.filter(time_point__subject__trial_site__trial=trial, state=Query.State.OPEN).select_related(
        "time_point__subject", "time_point__scheduled"
    )


def tools_in_force() -> QuerySet[Tool]:
    """The DICOM tools that may call now. Where a site's sender has the same name, nobody knows who calls."""
    rows = Tool.objects.filter(revoked_at__isnull=True, ends_on__gte=timezone.localdate(), holder__is_active=True)
    is_sender = Exists(TrialSite.objects.filter(ae_title=OuterRef("ae_title")))
    return rows.exclude(is_sender).select_related("trial", "holder")

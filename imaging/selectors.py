"""Reading deliveries and the clean archive: what pages and upper floors ask for."""

import hashlib
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from audit.services import canonical
from imaging.archive import load
from imaging.models import (
    IncomingFile,
    Instance,
    QCCheck,
    QCDecision,
    Query,
    Resend,
    Series,
    SetAside,
    Study,
    Submission,
    Tool,
)
from trials.models import TimePoint, Trial, TrialSite

# Row and column direction, and the first voxel (PS3.3 C.7.6.2).
_COSINES, _COORDINATES = 6, 3
# Series that hold no picture of their own, only something drawn or said about others.
DERIVED = ("SEG", "RTSTRUCT", "SR", "PR", "KO", "REG", "RTPLAN", "RTDOSE")


def standing_series() -> QuerySet[Series]:
    """All but the series of which every image was set aside, when another delivery took the place of its own."""
    touched = SetAside.objects.filter(lifted_at__isnull=True).order_by().values("instance__series")
    return Series.objects.exclude(Q(pk__in=touched) & ~Exists(Instance.objects.filter(series=OuterRef("pk"))))


def standing_studies() -> QuerySet[Study]:
    """As `standing_series`."""
    touched = SetAside.objects.filter(lifted_at__isnull=True).order_by().values("instance__series__study")
    return Study.objects.exclude(Q(pk__in=touched) & ~Exists(Instance.objects.filter(series__study=OuterRef("pk"))))


def series_of(time_point: TimePoint) -> QuerySet[Series]:
    return standing_series().filter(study__time_point=time_point).select_related("study").prefetch_related("instances")


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


def filed_objects(submission: Submission) -> list[dict[str, Any]]:
    """Of each filed object its number, its SOP Instance UID, and the SHA-256 of what came and of what was filed."""
    return [
        {
            "number": file.number,
            "sop_instance_uid": file.facts["sop_instance_uid"],
            "received_sha256": file.sha256,
            "filed_sha256": file.cleaned_sha256,
        }
        for file in submission.files.filter(state=IncomingFile.State.FILED).order_by("number")
    ]


def digest_of_filed(submission: Submission) -> str:
    """SHA-256 over delivery and filed objects: what the trail, and so its signed checkpoints, say of a receipt."""
    told = {"delivery": str(submission.pk), "filed": filed_objects(submission)}
    return hashlib.sha256(canonical(told).encode()).hexdigest()


def submissions_of(trial: Trial) -> QuerySet[Submission]:
    rows = Submission.objects.filter(trial_site__trial=trial).select_related(
        "trial_site__trial", "trial_site__site", "time_point__subject", "time_point__scheduled"
    )
    return marked(rows)


def marked(rows: QuerySet[Submission]) -> QuerySet[Submission]:
    """Deliveries, each with `is_superseded`: whether another took its place."""
    done = Resend.objects.filter(submission=OuterRef("pk"), state=Resend.State.DONE)
    return rows.annotate(is_superseded=Exists(done))


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

"""Searching the clean archive of a trial for DICOMweb: a page of rows in a fixed number of database queries."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet

from audit.actor import Actor
from deid import shift_days
from imaging.dicomweb.questions import Question, days, has_wildcard, pattern, uids
from imaging.dicomweb.resources import Kind, Resource
from imaging.dicomweb.shelf import Found
from imaging.models import Instance, Series, Study
from trials import access
from trials.keys import trial_key
from trials.models import Subject, Trial

R = TypeVar("R", bound=Model)
# The road from each level up to the study, and to the series.
_TO_STUDY = {Kind.STUDIES: "", Kind.SERIES: "study__", Kind.INSTANCES: "series__study__"}
_TO_SERIES = {Kind.SERIES: "", Kind.INSTANCES: "series__"}
_COLUMNS_OF_SERIES = {"SeriesInstanceUID": "uid", "Modality": "modality", "SeriesNumber": "number"}
_COLUMNS_OF_INSTANCE = {"SOPInstanceUID": "uid", "SOPClassUID": "sop_class_uid", "InstanceNumber": "number"}
# What the column of a number holds.
_MOST_DIGITS = 9


class Calendar:
    """Days as the archived objects tell them: moved, by each subject's own shift."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self._key = trial_key(trial)
        self._shifts: dict[str, int] = {}

    def told(self, study_day: int | None, *, day_zero: dt.date, code: str) -> dt.date | None:
        """Return the moved day of a study; None where its images have no date."""
        if study_day is None:
            return None
        if code not in self._shifts:
            self._shifts[code] = shift_days(self._key, code)
        return day_zero + dt.timedelta(days=study_day + self._shifts[code])


def search(trial: Trial, rows: QuerySet[Any], resource: Resource, question: Question) -> Found:
    """Return a page; `rows` are those of the level that the actor may see. Raises BadQuestion."""
    calendar = Calendar(trial)
    fitting = _matching(rows, _named(resource, question), calendar)
    # One more than asked tells whether there are more.
    page = list(fitting.order_by("pk")[question.offset : question.offset + question.limit + 1])
    describe: dict[Kind, Callable[..., list[dict[str, Any]]]] = {
        Kind.STUDIES: _studies,
        Kind.SERIES: _series,
        Kind.INSTANCES: _instances,
    }
    told = describe[question.level](page[: question.limit], calendar)
    return Found(rows=told, has_more=len(page) > question.limit)


def patients(by: Actor, trial: Trial, question: Question) -> Found:
    """Return a page of subjects whose images the actor may see, as patients under their codes. Raises BadQuestion."""
    seen = access.visible(by, Study.objects.filter(time_point__subject__trial_site__trial=trial)).order_by()
    rows = Subject.objects.filter(pk__in=seen.values("time_point__subject"))
    for text in question.matches.values():
        rows = rows.filter(_text("code", text))
    page = list(rows.order_by("pk")[question.offset : question.offset + question.limit + 1])
    counts = dict(seen.filter(time_point__subject__in=page).values_list("time_point__subject").annotate(Count("pk")))
    told = [
        {"PatientID": one.code, "PatientName": one.code, "NumberOfPatientRelatedStudies": counts[one.pk]}
        for one in page[: question.limit]
    ]
    return Found(rows=told, has_more=len(page) > question.limit)


def _named(resource: Resource, question: Question) -> Question:
    """The question with the UIDs that the address names, which stand above those that are asked for."""
    named = {"StudyInstanceUID": resource.study, "SeriesInstanceUID": resource.series}
    matches = dict(question.matches) | {name: uid for name, uid in named.items() if uid}
    return question.with_matches(matches)


def _matching(rows: QuerySet[R], question: Question, calendar: Calendar) -> QuerySet[R]:
    level, matches = question.level, question.matches
    study, wanted = _TO_STUDY[level], Q()
    if "AccessionNumber" in matches:
        # No object here has one.
        return rows.none()
    for name in ("PatientID", "PatientName"):
        if name in matches:
            wanted &= _text(f"{study}time_point__subject__code", matches[name])
    if "StudyInstanceUID" in matches:
        wanted &= Q(**{f"{study}uid__in": uids(matches["StudyInstanceUID"])})
    if "ModalitiesInStudy" in matches:
        series = Series.objects.filter(_text("modality", matches["ModalitiesInStudy"]), study=OuterRef(f"{study}pk"))
        wanted &= Q(Exists(series))
    if "StudyDate" in matches:
        wanted &= Q(**{f"{study}pk__in": _on(matches["StudyDate"], calendar)})
    if level in _TO_SERIES:
        wanted &= _columns(_COLUMNS_OF_SERIES, _TO_SERIES[level], question)
    if level is Kind.INSTANCES:
        wanted &= _columns(_COLUMNS_OF_INSTANCE, "", question)
    return rows.filter(wanted)


def _columns(columns: dict[str, str], prefix: str, question: Question) -> Q:
    wanted = Q()
    for name, column in columns.items():
        if (text := question.matches.get(name)) is None:
            continue
        if column == "number":
            is_number = text.isdecimal() and len(text) <= _MOST_DIGITS
            wanted &= Q(**{f"{prefix}number": int(text)}) if is_number else Q(pk__in=())
        elif name.endswith("UID"):
            wanted &= Q(**{f"{prefix}{column}__in": uids(text)})
        else:
            wanted &= _text(f"{prefix}{column}", text)
    return wanted


def _text(column: str, text: str) -> Q:
    return Q(**{f"{column}__regex": pattern(text)}) if has_wildcard(text) else Q(**{column: text})


def _on(text: str, calendar: Calendar) -> list[int]:
    """Keys of the trial's studies whose moved day is asked for: each subject's days are moved by another number."""
    first, last = days(text)
    subject = "time_point__subject__"
    asked = Study.objects.filter(time_point__subject__trial_site__trial=calendar.trial).order_by()
    rows = asked.values_list("pk", "study_day", f"{subject}day_zero", f"{subject}code")
    told = ((pk, calendar.told(day, day_zero=zero, code=code)) for pk, day, zero, code in rows)
    return [pk for pk, day in told if day is not None and first <= day <= last]


def _studies(page: Sequence[Study], calendar: Calendar) -> list[dict[str, Any]]:
    modalities, counts = _in_studies(page)
    return [
        _of_study(study, calendar)
        | {
            "ModalitiesInStudy": sorted(set(modalities[study.pk])),
            "NumberOfStudyRelatedSeries": len(modalities[study.pk]),
            "NumberOfStudyRelatedInstances": counts[study.pk],
        }
        for study in page
    ]


def _in_studies(page: Iterable[Study]) -> tuple[dict[int, list[str]], dict[int, int]]:
    """The modality of every series, and the number of objects, by study."""
    modalities: dict[int, list[str]] = defaultdict(list)
    counts: dict[int, int] = defaultdict(int)
    rows = Series.objects.filter(study__in=[study.pk for study in page]).annotate(size=Count("instances"))
    for study, modality, size in rows.order_by().values_list("study_id", "modality", "size"):
        modalities[study].append(modality)
        counts[study] += size
    return modalities, counts


def _of_study(study: Study, calendar: Calendar) -> dict[str, Any]:
    subject = study.time_point.subject
    day = calendar.told(study.study_day, day_zero=subject.day_zero, code=subject.code)
    return {
        "StudyDate": day.strftime("%Y%m%d") if day else "",
        "StudyTime": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "PatientName": subject.code,
        "PatientID": subject.code,
        "PatientBirthDate": "",
        "PatientSex": "",
        "StudyInstanceUID": study.uid,
        "StudyID": "",
        "ClinicalTrialProtocolID": subject.trial_site.trial.protocol_number,
        "ClinicalTrialTimePointID": study.time_point.scheduled.code,
    }


def _series(page: Sequence[Series], calendar: Calendar) -> list[dict[str, Any]]:
    sizes = dict(
        Instance.objects.filter(series__in=[one.pk for one in page])
        .order_by()
        .values_list("series")
        .annotate(Count("pk"))
    )
    return [_of_series(one, calendar) | {"NumberOfSeriesRelatedInstances": sizes.get(one.pk, 0)} for one in page]


def _of_series(series: Series, calendar: Calendar) -> dict[str, Any]:
    return _of_study(series.study, calendar) | {
        "Modality": series.modality,
        "SeriesInstanceUID": series.uid,
        "SeriesNumber": series.number,
        "BodyPartExamined": series.body_part,
    }


def _instances(page: Sequence[Instance], calendar: Calendar) -> list[dict[str, Any]]:
    return [_of_series(one.series, calendar) | of_instance(one) for one in page]


def of_instance(instance: Instance) -> dict[str, Any]:
    """What a search tells of the object itself."""
    return {
        "SOPClassUID": instance.sop_class_uid,
        "SOPInstanceUID": instance.uid,
        "InstanceNumber": instance.number,
        "Rows": instance.facts.get("rows") or None,
        "Columns": instance.facts.get("columns") or None,
        "NumberOfFrames": instance.facts.get("frames") or None,
    }

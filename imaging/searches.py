"""Searching the clean archive of a trial for DICOMweb: a page of rows in a fixed number of database queries."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet

from audit.actor import Actor
from deid import shift_days
from imaging.dicomweb.questions import Question, days, has_wildcard, pattern, uids
from imaging.dicomweb.resources import Kind, Resource
from imaging.dicomweb.shelf import Found
from imaging.models import Instance, Series, Study
from trials import access
from trials.keys import cleaning_key
from trials.models import Subject, Trial

R = TypeVar("R", bound=Model)
Seen = Callable[[Kind], QuerySet[Any]]
_OF_STUDY = ("time_point__subject__trial_site__trial", "time_point__scheduled")
# The road from each level up to the study, and to the series.
_TO_STUDY = {Kind.STUDIES: "", Kind.SERIES: "study__", Kind.INSTANCES: "series__study__"}
_TO_SERIES = {Kind.SERIES: "", Kind.INSTANCES: "series__"}
_COLUMNS_OF_SERIES = {"SeriesInstanceUID": "uid", "Modality": "modality", "SeriesNumber": "number"}
_COLUMNS_OF_INSTANCE = {"SOPInstanceUID": "uid", "SOPClassUID": "sop_class_uid", "InstanceNumber": "number"}
# What the column of a number holds.
_MOST_DIGITS = 9
# So many keys stand in a statement one by one.
_NAMED = 500


class Calendar:
    """Days as the archived objects tell them: moved, by each subject's own shift."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self._shifts: dict[str, int] = {}

    def told(self, study_day: int | None, *, day_zero: dt.date, code: str) -> dt.date | None:
        """Return the moved day of a study; None where its images have no date."""
        if study_day is None:
            return None
        if code not in self._shifts:
            self._shifts[code] = shift_days(cleaning_key(self.trial, subject_code=code), code)
        return day_zero + dt.timedelta(days=study_day + self._shifts[code])


def search(trial: Trial, seen: Seen, resource: Resource, question: Question) -> Found:
    """Return a page; `seen` gives the rows of a level that the actor may see. Raises BadQuestion.

    Images come by series, all else by key: an order in which a late page is found without sorting what stands before.
    """
    calendar, asked = Calendar(trial), _named(resource, question)
    is_of_images = question.level is Kind.INSTANCES and not {"SOPInstanceUID", "AccessionNumber"} & asked.matches.keys()
    # One more than asked tells whether there are more.
    page = _images(seen, asked, calendar) if is_of_images else _page(seen(question.level), asked, calendar)
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


def _page(rows: QuerySet[R], question: Question, calendar: Calendar) -> list[R]:
    here = slice(question.offset, question.offset + question.limit + 1)
    if "StudyDate" not in question.matches:
        return list(_matching(rows, question).order_by("pk")[here])
    keys = _keys(rows, question, calendar)[here]
    return list(rows.model._default_manager.filter(pk__in=keys).order_by("pk"))  # noqa: SLF001  Django's public name


def _keys(rows: QuerySet[R], question: Question, calendar: Calendar) -> list[int]:
    """Keys of the fitting rows in order. Days are judged here: each subject's are moved by another number.

    Thousands of keys beside the road to the trial would make SQLite try each for each.
    """
    fitting = _matching(rows, question).order_by("pk")
    if "StudyDate" not in question.matches:
        return list(fitting.values_list("pk", flat=True))
    study = f"{_TO_STUDY[question.level]}pk"
    wanted = _on(question.matches["StudyDate"], calendar)
    return [key for key, of in fitting.values_list("pk", study) if of in wanted]


def _images(seen: Seen, question: Question, calendar: Calendar) -> list[Instance]:
    """Find the series in which the page lies by counting, then its images alone: a trial holds them by the million."""
    series = _keys(seen(Kind.SERIES), _of_series_alone(question), calendar)
    wanted = _columns(_COLUMNS_OF_INSTANCE, "", question)
    last = question.offset + question.limit
    # A series has one image at least, unless it was emptied: hardly ever are more of them counted than the page needs.
    counts = _counted(series if wanted else series[: last + 1], wanted)
    if not wanted and sum(counts.values()) <= last < len(series):
        counts = _counted(series, wanted)
    chosen, first = _walk(series, counts, question)
    rows = seen(Kind.INSTANCES).filter(wanted, series__in=chosen).order_by("series_id", "pk")
    return list(rows[first : first + question.limit + 1])


def _of_series_alone(question: Question) -> Question:
    """What is asked of studies and series."""
    kept = {name: text for name, text in question.matches.items() if name not in _COLUMNS_OF_INSTANCE}
    return replace(question, level=Kind.SERIES, matches=kept)


def _counted(series: Sequence[int], wanted: Q) -> dict[int, int]:
    if not series:
        return {}
    # Few are named, many are bounded: what lies between and is not theirs is not looked at again.
    bounds = {"series__gte": series[0], "series__lte": series[-1]}
    of_them = {"series__in": series} if len(series) <= _NAMED else bounds
    rows = Instance.objects.filter(wanted, **of_them).order_by()
    return dict(rows.values_list("series_id").annotate(Count("pk")))


def _walk(series: Iterable[int], counts: Mapping[int, int], question: Question) -> tuple[list[int], int]:
    """The series that the page lies in, and how many of the first one's images stand before it."""
    chosen: list[int] = []
    first = passed = 0
    for key in series:
        size = counts.get(key, 0)
        if passed + size > question.offset and size:
            first = first if chosen else question.offset - passed
            chosen.append(key)
        passed += size
        if passed > question.offset + question.limit:
            break
    return chosen, first


def _named(resource: Resource, question: Question) -> Question:
    """The question with the UIDs that the address names, which stand above those that are asked for."""
    named = {"StudyInstanceUID": resource.study, "SeriesInstanceUID": resource.series}
    matches = dict(question.matches) | {name: uid for name, uid in named.items() if uid}
    return question.with_matches(matches)


def _matching(rows: QuerySet[R], question: Question) -> QuerySet[R]:
    """The rows that fit in all but the day."""
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


def _on(text: str, calendar: Calendar) -> set[int]:
    """Keys of the trial's studies whose moved day is asked for."""
    first, last = days(text)
    subject = "time_point__subject__"
    asked = Study.objects.filter(time_point__subject__trial_site__trial=calendar.trial).order_by()
    rows = asked.values_list("pk", "study_day", f"{subject}day_zero", f"{subject}code")
    told = ((pk, calendar.told(day, day_zero=zero, code=code)) for pk, day, zero, code in rows)
    return {pk for pk, day in told if day is not None and first <= day <= last}


def _studies(page: Sequence[Study], calendar: Calendar) -> list[dict[str, Any]]:
    modalities, counts = _in_studies(page)
    told = _told_studies([study.pk for study in page], calendar)
    return [
        told[study.pk]
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
    rows = Instance.objects.filter(series__study__in=[study.pk for study in page]).order_by()
    counted = rows.values_list("series__study_id", "series_id", "series__modality").annotate(Count("pk"))
    for study, _one, modality, size in counted:
        modalities[study].append(modality)
        counts[study] += size
    return modalities, counts


def _told_studies(keys: Iterable[int], calendar: Calendar) -> dict[int, dict[str, Any]]:
    """What is told of each study: once, however many series and images of it stand on a page."""
    rows = Study.objects.filter(pk__in=set(keys)).order_by().select_related(*_OF_STUDY)
    return {study.pk: _of_study(study, calendar) for study in rows}


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
    told = _told_series(page, calendar)
    return [told[one.pk] | {"NumberOfSeriesRelatedInstances": sizes.get(one.pk, 0)} for one in page]


def _told_series(rows: Sequence[Series], calendar: Calendar) -> dict[int, dict[str, Any]]:
    studies = _told_studies([one.study_id for one in rows], calendar)
    return {
        one.pk: studies[one.study_id]
        | {
            "Modality": one.modality,
            "SeriesInstanceUID": one.uid,
            "SeriesNumber": one.number,
            "BodyPartExamined": one.body_part,
        }
        for one in rows
    }


def _instances(page: Sequence[Instance], calendar: Calendar) -> list[dict[str, Any]]:
    series = Series.objects.filter(pk__in={one.series_id for one in page}).order_by()
    told = _told_series(list(series), calendar)
    return [told[one.series_id] | of_instance(one) for one in page]


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

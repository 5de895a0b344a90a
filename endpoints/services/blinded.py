"""A blinded case as DICOMweb: the same pictures under names made for this one assignment, and nothing beside them."""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404

from audit.actor import Actor
from audit.context import acting
from deid import map_uid
from endpoints.models import Assignment, Read
from endpoints.services.cases import require_own
from imaging.archive import load
from imaging.dicomweb.blinding import Guise
from imaging.dicomweb.questions import Question, fits
from imaging.dicomweb.resources import Kind, Resource
from imaging.dicomweb.shelf import Found, Held
from imaging.fence import copies
from imaging.models import Instance, Series
from imaging.searches import of_instance
from imaging.selectors import image_series_of, instances_of
from imaging.services.retrieval import Taken, require_there, tell
from trials.keys import trial_key

# One study holds all of a case: how the archive divides it tells of days.
_STUDY = "study"
_ROAD = "time_point__subject__trial_site__trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """An image of the case, with the names it goes by."""

    instance: Instance
    modality: str
    guise: Guise


@dataclass(frozen=True, kw_only=True)
class BlindShelf:
    """The images of one opened case; that the case is the reader's own was asked before."""

    by: Actor
    read: Read

    @cached_property
    def _key(self) -> bytes:
        trial = self.read.assignment.time_point.subject.trial_site.trial
        told = f"reader-uids:{self.read.assignment_id}".encode()
        return hmac.new(trial_key(trial), told, hashlib.sha256).digest()

    @cached_property
    def _places(self) -> list[_Place]:
        series = image_series_of(self.read.assignment.time_point)
        return [place for number, one in enumerate(series, start=1) for place in self._of_series(one, number)]

    def _of_series(self, series: Series, number: int) -> Iterator[_Place]:
        first = Guise(
            code=self.read.assignment.case_code,
            study_uid=map_uid(self._key, _STUDY),
            series_uid=map_uid(self._key, series.uid),
            series_number=number,
            instance_uid="",
            instance_number=0,
            map_uid=partial(map_uid, self._key),
        )
        for position, instance in enumerate(instances_of(series), start=1):
            own = replace(first, instance_uid=map_uid(self._key, instance.uid), instance_number=position)
            yield _Place(instance=instance, modality=series.modality, guise=own)

    def search(self, resource: Resource, question: Question) -> Found:
        """Return the page asked for; in reading order, as on the reader's own page."""
        rows = [row for row in self._rows(question.level, self._of(resource)) if fits(row, question)]
        page = rows[question.offset : question.offset + question.limit]
        return Found(rows=page, has_more=len(rows) > question.offset + question.limit)

    def _of(self, resource: Resource) -> list[_Place]:
        named = (resource.study, resource.series, resource.instance)
        return [place for place in self._places if _is_named(place.guise, named)]

    def _rows(self, level: Kind, places: Sequence[_Place]) -> list[dict[str, Any]]:
        if level is Kind.INSTANCES:
            return [self._instance_row(place) for place in places]
        firsts = {place.guise.series_uid: place for place in reversed(places)}
        in_order = sorted(firsts.values(), key=lambda place: place.guise.series_number)
        if level is Kind.SERIES:
            return [self._series_row(place) for place in in_order]
        return [self._study_row()] if places else []

    def _study_row(self) -> dict[str, Any]:
        code, series = self.read.assignment.case_code, {place.guise.series_uid for place in self._places}
        empty = dict.fromkeys(
            ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate", "PatientSex"),
            "",
        )
        return empty | {
            "PatientName": code,
            "PatientID": code,
            "StudyInstanceUID": map_uid(self._key, _STUDY),
            "StudyID": "",
            "ModalitiesInStudy": sorted({place.modality for place in self._places}),
            "NumberOfStudyRelatedSeries": len(series),
            "NumberOfStudyRelatedInstances": len(self._places),
        }

    def _series_row(self, place: _Place) -> dict[str, Any]:
        mine = [each for each in self._places if each.guise.series_uid == place.guise.series_uid]
        return self._study_row() | {
            "Modality": place.modality,
            "SeriesInstanceUID": place.guise.series_uid,
            "SeriesNumber": place.guise.series_number,
            "NumberOfSeriesRelatedInstances": len(mine),
        }

    def _instance_row(self, place: _Place) -> dict[str, Any]:
        own = {"SOPInstanceUID": place.guise.instance_uid, "InstanceNumber": place.guise.instance_number}
        told = {"Modality": place.modality, "SeriesInstanceUID": place.guise.series_uid}
        number = {"SeriesNumber": place.guise.series_number}
        return self._study_row() | told | number | of_instance(place.instance) | own

    def objects(self, resource: Resource) -> Sequence[Held]:
        """Return the images named, each blinded as it is read. Raises Http404, ObjectMissing."""
        found = self._of(resource)
        if not found:
            raise Http404
        return [self._held(place) for place in found]

    def _held(self, place: _Place) -> Held:
        require_there(place.instance)
        return Held(
            sop_class=place.instance.sop_class_uid,
            study=place.guise.study_uid,
            series=place.guise.series_uid,
            instance=place.guise.instance_uid,
            syntax=str(place.instance.facts.get("transfer_syntax_uid", "")),
            sha256=place.instance.sha256,
            read=lambda: copies.blind(load(place.instance.sha256), place.guise),
        )

    def require_open(self, resource: Resource) -> None:
        """Ask anew whether the case is the reader's to read. Raises Http404, PermissionDenied."""
        by = replace(self.by, memo={})
        with acting(by):
            try:
                require_own(by, Assignment.objects.select_related(_ROAD).get(pk=self.read.assignment_id))
            except ValidationError as refusal:
                raise PermissionDenied(" ".join(refusal.messages)) from None
        if not self._of(resource):
            raise Http404

    def note(self, resource: Resource, held: Sequence[Held]) -> None:
        """Keep that the reader took images of the case."""
        by = require_own(self.by, self.read.assignment)
        tell(by=by, obj=self.read, resource=resource, taken=Taken(self.read.assignment.time_point.subject, held))


def _is_named(guise: Guise, named: tuple[str, str, str]) -> bool:
    own = (guise.study_uid, guise.series_uid, guise.instance_uid)
    return all(not asked or asked == uid for asked, uid in zip(named, own, strict=True))

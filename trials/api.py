"""Records of the trials floor at /api/, for scripts: the same rows as on the pages, never more.

Lists are read only. A single record also takes PATCH: a correction, with its reason, by the same services as the pages.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actor import Actor
from trials import access
from trials.http import ActorRequest
from trials.models import Subject, TimePoint, Trial, TrialSite
from trials.roles import Act
from trials.services import corrections
from trials.services.consent import is_restricted, standing_of
from trials.services.corrections import SiteChange, SubjectChange, TrialChange

M = TypeVar("M", bound=Model)
C = TypeVar("C", Trial, TrialSite, Subject)
# What tells which hospital a site is: its sender's title is mostly the hospital's name.
_NAMING = frozenset({"hospital", "ae_title"})
# How the answer is cut into pages; every other parameter must be one of the list's filters.
_PAGING = frozenset({"limit", "offset"})
# Of the unknown keys of a body, so many are named, each by so many characters.
_SHOWN, _LONGEST_NAME = 5, 60


class TrialRecord(serializers.ModelSerializer[Trial]):
    sponsor = serializers.CharField(source="sponsor.name")

    class Meta:
        model = Trial
        fields = ["code", "title", "protocol_number", "sponsor", "state"]


class SiteRecord(serializers.ModelSerializer[TrialSite]):
    code = serializers.CharField(source="site.code")
    hospital = serializers.CharField(source="site.name")
    time_zone = serializers.CharField(source="site.time_zone")

    class Meta:
        model = TrialSite
        fields = ["id", "number", "code", "hospital", "time_zone", "ae_title", "state"]

    def to_representation(self, instance: TrialSite) -> dict[str, Any]:
        """Leave out what names the hospital where the asker knows sites by number and code alone."""
        told = super().to_representation(instance)
        if not self.context.get("names_sites"):
            told = {name: value for name, value in told.items() if name not in _NAMING}
        return told


class SubjectRecord(serializers.ModelSerializer[Subject]):
    site = serializers.CharField(source="trial_site.number")

    class Meta:
        model = Subject
        fields = ["code", "site", "day_zero", "state"]


class SubjectDetailRecord(SubjectRecord):
    """One subject, with where its consent stands by module, its withdrawal and whether its use is restricted."""

    consent = serializers.SerializerMethodField()
    withdrawal = serializers.SerializerMethodField()
    is_restricted = serializers.SerializerMethodField()

    class Meta(SubjectRecord.Meta):
        fields = [*SubjectRecord.Meta.fields, "consent", "withdrawal", "is_restricted"]

    def get_consent(self, subject: Subject) -> dict[str, str]:
        return {module.value: each.state.value for module, each in standing_of(subject).modules.items()}

    def get_withdrawal(self, subject: Subject) -> dict[str, str] | None:
        standing = standing_of(subject)
        if standing.level is None or standing.withdrawn_on is None:
            return None
        return {"level": standing.level.value, "on": standing.withdrawn_on.isoformat()}

    def get_is_restricted(self, subject: Subject) -> bool:
        return is_restricted(subject)


class TimePointRecord(serializers.ModelSerializer[TimePoint]):
    subject = serializers.CharField(source="subject.code")
    site = serializers.CharField(source="subject.trial_site.number")
    code = serializers.CharField(source="scheduled.code")

    class Meta:
        model = TimePoint
        fields = ["id", "subject", "site", "code", "due_on", "state"]


class NoFilter(serializers.Serializer[Any]):
    """No filter: any parameter is a mistake."""


class SubjectFilter(serializers.Serializer[Any]):
    site = serializers.CharField(source="trial_site__number", required=False)
    state = serializers.ChoiceField(choices=Subject.State.choices, required=False)


class TimePointFilter(serializers.Serializer[Any]):
    subject = serializers.CharField(source="subject__code", required=False)
    site = serializers.CharField(source="subject__trial_site__number", required=False)
    code = serializers.CharField(source="scheduled__code", required=False)
    state = serializers.ChoiceField(choices=TimePoint.State.choices, required=False)
    due_from = serializers.DateField(source="due_on__gte", required=False)
    due_until = serializers.DateField(source="due_on__lte", required=False)


class Records(generics.ListAPIView[M]):
    """A list whose filters are named one by one; an unknown one is refused, never ignored."""

    filter_class: type[serializers.Serializer[Any]] = NoFilter

    @property
    def asker(self) -> ActorRequest:
        return cast("ActorRequest", self.request)  # it hands on what it does not know to the one with the actor

    def narrowed(self, rows: QuerySet[M]) -> QuerySet[M]:
        told = self.filter_class(data=self.request.query_params)
        unknown = set(self.request.query_params) - set(told.fields) - _PAGING
        if unknown:
            raise serializers.ValidationError(
                _("These filters do not exist here: %(names)s.") % {"names": ", ".join(sorted(unknown))}
            )
        told.is_valid(raise_exception=True)
        return access.visible(self.asker.actor, rows.filter(**told.validated_data))


class TrialList(Records[Trial]):
    serializer_class = TrialRecord

    def get_queryset(self) -> QuerySet[Trial]:
        return self.narrowed(Trial.objects.select_related("sponsor"))


class SiteList(Records[TrialSite]):
    serializer_class = SiteRecord

    def get_queryset(self) -> QuerySet[TrialSite]:
        trial = access.trial_for(self.asker.actor, self.kwargs["code"], Act.SITE_VIEW)
        return self.narrowed(TrialSite.objects.filter(trial=trial).select_related("site"))

    def get_serializer_context(self) -> dict[str, Any]:
        trial = access.visible_trial(self.asker.actor, self.kwargs["code"])
        names_sites = access.may_name_sites(self.asker.actor, trial)
        return {**super().get_serializer_context(), "names_sites": names_sites}


class SubjectList(Records[Subject]):
    serializer_class = SubjectRecord
    filter_class = SubjectFilter

    def get_queryset(self) -> QuerySet[Subject]:
        trial = access.trial_for(self.asker.actor, self.kwargs["code"], Act.SUBJECT_VIEW)
        return self.narrowed(Subject.objects.filter(trial_site__trial=trial).select_related("trial_site"))


class TimePointList(Records[TimePoint]):
    serializer_class = TimePointRecord
    filter_class = TimePointFilter

    def get_queryset(self) -> QuerySet[TimePoint]:
        trial = access.trial_for(self.asker.actor, self.kwargs["code"], Act.SUBJECT_VIEW)
        rows = TimePoint.objects.filter(subject__trial_site__trial=trial)
        return self.narrowed(rows.select_related("subject__trial_site", "scheduled"))


class Correction(serializers.Serializer[Any]):
    """What a PATCH says beside the new values; `seen` is that of the record it was made from."""

    reason = serializers.CharField(max_length=500)
    seen = serializers.CharField(max_length=64, required=False)


class TrialCorrection(Correction):
    title = serializers.CharField(max_length=200, required=False)
    protocol_number = serializers.CharField(max_length=60, required=False)


class SiteCorrection(Correction):
    number = serializers.CharField(max_length=10, required=False)
    ae_title = serializers.CharField(max_length=16, required=False, allow_blank=True)
    hospital = serializers.CharField(max_length=120, required=False)
    time_zone = serializers.CharField(max_length=40, required=False)


class SubjectCorrection(Correction):
    day_zero = serializers.DateField(required=False)
    site = serializers.CharField(required=False)  # taken to be answered: no subject moves


def _shown(names: set[str]) -> list[str]:
    """Name a few keys of a body; they may be anything, even what no encoding takes."""
    return sorted(ascii(name)[:_LONGEST_NAME] for name in names)[:_SHOWN]


class Record(APIView, ABC, Generic[C]):
    """One record: GET gives it with `seen`, which names its values; PATCH corrects some of them."""

    act: Act
    record_class: type[serializers.ModelSerializer[C]]
    correction_class: type[Correction]

    @property
    def actor(self) -> Actor:
        return cast("ActorRequest", self.request).actor

    @abstractmethod
    def find(self) -> C:
        """Return the record of the address. Raises Http404 and PermissionDenied as `trials.access`."""

    @abstractmethod
    def correct(self, row: C, *, values: dict[str, Any], told: dict[str, str]) -> C:
        """Correct it by its service; `told` are the fields of Correction that were sent."""

    def get(self, _request: Request, **_address: Any) -> Response:
        return self._answer(self.find())

    def patch(self, request: Request, **_address: Any) -> Response:
        """Answer the record as it is now; 400 without a reason, for an unknown field, or where nothing differs."""
        row = self.find()
        access.require(self.actor, self.act, row)
        values = self._read(request)
        told = {name: values.pop(name) for name in ("reason", "seen") if name in values}
        return self._answer(self.correct(row, values=values, told=told))

    def _read(self, request: Request) -> dict[str, Any]:
        told = self.correction_class(data=request.data)
        unknown = set(request.data) - set(told.fields) if isinstance(request.data, Mapping) else set()
        if unknown:
            raise serializers.ValidationError(
                _("These values do not exist here or do not change: %(names)s.") % {"names": ", ".join(_shown(unknown))}
            )
        told.is_valid(raise_exception=True)
        return dict(told.validated_data)

    def _answer(self, row: C) -> Response:
        return Response({**self.record_class(row, context=self.context_of(row)).data, "seen": corrections.seen_of(row)})

    def context_of(self, _row: C) -> dict[str, Any]:
        """What the record's class must know of the asker."""
        return {}


class TrialDetail(Record[Trial]):
    act = Act.TRIAL_EDIT
    record_class = TrialRecord
    correction_class = TrialCorrection

    def find(self) -> Trial:
        return access.visible_trial(self.actor, self.kwargs["code"])

    def correct(self, row: Trial, *, values: dict[str, Any], told: dict[str, str]) -> Trial:
        return corrections.correct_trial(by=self.actor, trial=row, change=TrialChange(**values), **told)


class SiteDetail(Record[TrialSite]):
    act = Act.TRIAL_EDIT
    record_class = SiteRecord
    correction_class = SiteCorrection

    def find(self) -> TrialSite:
        trial = access.trial_for(self.actor, self.kwargs["code"], Act.SITE_VIEW)
        rows = access.visible(self.actor, TrialSite.objects.filter(trial=trial).select_related("site", "trial"))
        return get_object_or_404(rows, pk=self.kwargs["pk"])

    def correct(self, row: TrialSite, *, values: dict[str, Any], told: dict[str, str]) -> TrialSite:
        return corrections.correct_site(by=self.actor, trial_site=row, change=SiteChange(**values), **told)

    def context_of(self, row: TrialSite) -> dict[str, Any]:
        return {"names_sites": access.may_name_sites(self.actor, row.trial)}


class SubjectDetail(Record[Subject]):
    act = Act.SUBJECT_REGISTER
    record_class = SubjectDetailRecord
    correction_class = SubjectCorrection

    def find(self) -> Subject:
        trial = access.trial_for(self.actor, self.kwargs["code"], Act.SUBJECT_VIEW)
        subject = access.visible_subject(self.actor, self.kwargs["subject"])
        if subject.trial_site.trial_id != trial.pk:
            raise Http404
        return subject

    def correct(self, row: Subject, *, values: dict[str, Any], told: dict[str, str]) -> Subject:
        return corrections.correct_subject(by=self.actor, subject=row, change=SubjectChange(**values), **told)

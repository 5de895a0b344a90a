"""Read-only records of the trials floor at /api/, for scripts: the same rows as on the pages, never more."""

from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework import generics, serializers

from trials import access
from trials.http import ActorRequest
from trials.models import Subject, TimePoint, Trial
from trials.roles import Act

M = TypeVar("M", bound=Model)
# How the answer is cut into pages; every other parameter must be one of the list's filters.
_PAGING = frozenset({"limit", "offset"})


class TrialRecord(serializers.ModelSerializer[Trial]):
    sponsor = serializers.CharField(source="sponsor.name")

    class Meta:
        model = Trial
        fields = ["code", "title", "protocol_number", "sponsor", "state"]


class SubjectRecord(serializers.ModelSerializer[Subject]):
    site = serializers.CharField(source="trial_site.number")

    class Meta:
        model = Subject
        fields = ["code", "site", "day_zero", "state"]


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
        # DRF's request hands on what it does not know to the one that carries the actor.
        return cast("ActorRequest", self.request)

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

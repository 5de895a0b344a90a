"""Reading the trail."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from operator import or_
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import CharField, F, Func, Max, Model, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from audit.models import AuditEvent, Checkpoint, Layer, Signature
from audit.verifier import GENESIS
from audit.verifier import Checkpoint as Text

# The two tables have one writer; other floors name what they get by these and never import the models.
Events: TypeAlias = QuerySet[AuditEvent]
Signed: TypeAlias = Signature
# Keys by the label of their model: which rows a history is about.
Things: TypeAlias = Mapping[str, Collection[str]]
# At the trail's end, where a filter looks for people to offer: nobody asks a million records who they are.
_RECENT = 5000
_PARTS_OF_A_UUID = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))


@dataclass(frozen=True, slots=True)
class Head:
    """The last checkpoint: how many events it seals, and their root. Printed in every report."""

    sequence: int
    hash: str


def head() -> Head:
    last = Checkpoint.objects.order_by("-size").first()
    return Head(sequence=last.size, hash=Text.parse(last.text).root) if last else Head(sequence=0, hash=GENESIS)


def history(obj: Model) -> Events:
    """Return the acts on one object, oldest first."""
    return AuditEvent.objects.filter(layer=Layer.ACT, object_type=obj._meta.label, object_id=str(obj.pk))


def signature_of(pk: UUID) -> Signature | None:
    return Signature.objects.filter(pk=pk).first()


def signatures(obj: Model) -> QuerySet[Signature]:
    return Signature.objects.filter(object_type=obj._meta.label, object_id=str(obj.pk)).order_by("at")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a trial are asked for; empty means any. Days are UTC and include both ends.

    `layer` is act or row, `kind` the label of a model, `text` is looked for in names and reasons; of kinds that
    begin like one of `without`, and of acts that begin like one of `unsaid`, nothing is told.
    """

    layer: str = ""
    act: str = ""
    person: str = ""
    kind: str = ""
    is_reasoned: bool = False
    since: dt.date | None = None
    until: dt.date | None = None
    text: str = ""
    without: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}

    def as_condition(self) -> Q:
        named = {"layer": self.layer, "act": self.act, "object_type": self.kind}
        condition = Q(**{name: value for name, value in named.items() if value})
        if self.person:
            condition &= Q(actor_id=self.person) | Q(on_behalf_of=self.person)
        if self.is_reasoned:
            condition &= ~Q(reason="")
        if self.text:
            condition &= Q(object_label__icontains=self.text) | Q(reason__icontains=self.text)
        for kind in self.without:
            condition &= ~Q(object_type__startswith=kind)
        for act in self.unsaid:
            condition &= ~Q(act__startswith=act)
        return condition & _between(self.since, self.until)


def _between(since: dt.date | None, until: dt.date | None) -> Q:
    condition = Q()
    if since:
        condition &= Q(at__gte=_midnight(since))
    if until:
        condition &= Q(at__lt=_midnight(until) + dt.timedelta(days=1))
    return condition


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)


def trial_events(*, trial_code: str, wanted: Wanted) -> Events:
    """Return a trial's events, newest first."""
    return AuditEvent.objects.filter(wanted.as_condition(), trial_code=trial_code).order_by("-sequence")


def people_in(events: Events) -> dict[str, str]:
    """Return names by id of who acted in these events of late, persons and machines."""
    latest = events.order_by("-sequence")[:_RECENT]
    return dict(AuditEvent.objects.filter(sequence__in=latest.values("sequence")).values_list("actor_id", "actor_name"))


def about(rows: QuerySet[Any]) -> Q:
    """Return the condition that an event is about one of these rows, asked by the database itself."""
    return Q(object_type=rows.model._meta.label, object_id__in=rows.annotate(told_as=_Key("pk")).values("told_as"))


def histories(things: Things) -> Events:
    """Return acts and values of several objects."""
    of_each = (Q(object_type=label, object_id__in=list(keys)) for label, keys in things.items() if keys)
    return AuditEvent.objects.filter(reduce(or_, of_each, Q(pk__in=())))


def actors_of(events: Events) -> dict[str, str]:
    """Return names by id of who acted in these events; for the few of one object."""
    return dict(events.order_by("actor_name").values_list("actor_id", "actor_name").distinct())


class _Key(Func):
    """A primary key as the trail writes it."""

    template = "CAST(%(expressions)s AS text)"
    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """SQLite keeps a UUID as 32 digits without dashes; other keys are shorter."""
        dashed = " || '-' || ".join(f"substr(%(expressions)s, {at}, {length})" for at, length in _PARTS_OF_A_UUID)
        template = f"CASE WHEN length(%(expressions)s) = 32 THEN {dashed} ELSE CAST(%(expressions)s AS text) END"
        return self.as_sql(compiler, connection, template=template, **extra)


class _Told(Func):
    """The text of a column inside `before` or `after`; NULL where it is empty or the record is masked."""

    function = "json_extract"
    arg_joiner = ", '$.' || "
    output_field = CharField()

    def __init__(self, payload: str, column: str) -> None:
        super().__init__(NullIf(F(payload), Value("")), Value(column))

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner="::jsonb ->> ", **extra)


def changes_of(events: Events, *, label: str, column: str) -> Events:
    """Return those of the events that wrote another value into a column."""
    was, now = (Coalesce(_Told(payload, column), Value("")) for payload in ("before", "after"))
    rows = events.filter(layer=Layer.ROW, object_type=label)
    return rows.alias(was=was, now=now).exclude(was=F("now"))


def values_of(*, label: str, trial_code: str = "") -> Events:
    """Return what the trail knows of every row of a model, of one trial or of all, in the order it happened."""
    told = AuditEvent.objects.filter(layer=Layer.ROW, object_type=label)
    return (told.filter(trial_code=trial_code) if trial_code else told).order_by("sequence")


def last_acts(trial_code: str) -> dict[str, dt.datetime]:
    """Return, by actor, when each last did something in a trial."""
    acts = AuditEvent.objects.filter(trial_code=trial_code, layer=Layer.ACT).order_by()
    return dict(acts.values_list("actor_id").annotate(latest=Max("at")))


def removed_keys(*, trial_code: str, label: str, column: str, owners: Collection[str]) -> list[str]:
    """Return the keys of rows that are gone, and pointed at one of `owners` by a column."""
    gone = AuditEvent.objects.filter(layer=Layer.ROW, act="row.removed", object_type=label, trial_code=trial_code)
    owned = gone.alias(owner=_Told("before", column)).filter(owner__in=list(owners))
    return list(owned.values_list("object_id", flat=True))

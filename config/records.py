"""Which rows make up a record that people look at: what a history tells, and what a signature on the record covers.

Here, on the top floor, because only this floor knows the tables of all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, cast

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse

from audit.actor import Actor
from audit.selectors import removed_keys
from endpoints.models import Assignment, Lesion, Measurement, Read, ReadVoid, Response
from imaging.models import (
    CleaningCertificate,
    IncomingFile,
    Instance,
    QCCheck,
    QCDecision,
    Query,
    QueryMessage,
    Series,
    Study,
    Submission,
)
from reports.models import Download, Report, SealedDocument
from trials import access
from trials.models import (
    Charter,
    Closure,
    CollectionAllowance,
    Consent,
    ConsentForm,
    ConsentFormApproval,
    DeidProfile,
    ImagingRequirement,
    Membership,
    Restriction,
    ScheduledTimePoint,
    Subject,
    TimePoint,
    Trial,
    TrialSite,
)
from trials.roles import BLINDED, Act, Road, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows that belong to a record by a foreign key of theirs, and what belongs to them in turn.

    `may_vanish` where drafts lose such rows: those that are gone are looked for in the trail.
    """

    model: type[Model]
    via: str
    parts: tuple["Part", ...] = ()
    may_vanish: bool = False

    @property
    def _key(self) -> "ForeignKey[Any, Any]":
        return cast("ForeignKey[Any, Any]", self.model._meta.get_field(self.via))

    @property
    def column(self) -> str:
        return self._key.column

    @property
    def owner(self) -> type[Model]:
        return self._key.related_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A kind of object with a history. `page` is the address it is looked at, with the path to its argument."""

    model: type[Model]
    page: tuple[str, str]
    parts: tuple[Part, ...] = ()


_READ = (
    Part(model=Lesion, via="found_in", may_vanish=True),
    Part(model=Measurement, via="read", may_vanish=True),
)
_CHARTER = Part(
    model=ScheduledTimePoint,
    via="charter",
    may_vanish=True,
    parts=(Part(model=ImagingRequirement, via="scheduled", may_vanish=True),),
)
_RESPONSE = Part(model=Response, via="read")
_VOID = Part(model=ReadVoid, via="read")
_MESSAGE = Part(model=QueryMessage, via="query")
_MAIN = (
    Record(
        model=Trial,
        page=("trial", "code"),
        parts=(
            Part(model=TrialSite, via="trial"),
            Part(model=Membership, via="trial"),
            Part(model=Closure, via="trial"),
            Part(model=ConsentForm, via="trial", parts=(Part(model=ConsentFormApproval, via="form"),)),
        ),
    ),
    Record(model=Charter, page=("charter", "trial__code"), parts=(_CHARTER, Part(model=DeidProfile, via="charter"))),
    Record(
        model=TrialSite,
        page=("site-list", "trial__code"),
        parts=(Part(model=Membership, via="trial_site"),),
    ),
    Record(model=Membership, page=("site-list", "trial__code")),
    Record(
        model=Subject,
        page=("subject", "code"),
        parts=tuple(Part(model=model, via="subject") for model in (TimePoint, Consent, Restriction)),
    ),
    Record(
        model=TimePoint,
        page=("time-point", "pk"),
        parts=(
            Part(model=QCCheck, via="time_point"),
            Part(model=QCDecision, via="time_point"),
            Part(model=Query, via="time_point", parts=(_MESSAGE,)),
            Part(model=CollectionAllowance, via="time_point"),
        ),
    ),
    Record(model=Query, page=("time-point", "time_point__pk"), parts=(_MESSAGE,)),
    Record(
        model=Submission,
        page=("submission", "pk"),
        parts=(Part(model=IncomingFile, via="submission"), Part(model=CleaningCertificate, via="submission")),
    ),
    Record(
        model=Study,
        page=("time-point", "time_point__pk"),
        parts=(Part(model=Series, via="study"),),
    ),
    Record(
        model=Series,
        page=("series", "pk"),
        parts=(Part(model=Instance, via="series"),),
    ),
    Record(
        model=Assignment,
        page=("assignment-list", "time_point__subject__trial_site__trial__code"),
        parts=(Part(model=Read, via="assignment", parts=(*_READ, _RESPONSE, _VOID)),),
    ),
    Record(
        model=Read,
        page=("assignment-list", "assignment__time_point__subject__trial_site__trial__code"),
        parts=(*_READ, _RESPONSE, _VOID),
    ),
    Record(
        model=Report,
        page=("report", "pk"),
        parts=(Part(model=SealedDocument, via="report"), Part(model=Download, via="report")),
    ),
)


def _plain(model: type[Model]) -> Record:
    """Any other row of a trial: its own history, without a page of its own."""
    trial = access.road_of(model).trial
    page = ("trial", "code" if trial == "self" else f"{trial}__code")
    return Record(model=model, page=page)


_OTHERS = (_plain(model) for model in apps.get_models() if hasattr(model, "road"))
RECORDS: dict[str, Record] = {str(record.model._meta.model_name): record for record in (*_OTHERS, *_MAIN)}

# Records that their signature locks (a verdict on a scan is followed by the next scan), and what it covers with them.
SIGNED = (Charter, Read, Report)
COVERED = (*_READ, _CHARTER, *_CHARTER.parts)


def find(actor: Actor, *, kind: str, key: str) -> Model:
    """Return a record whose history the actor may see. Raises Http404 for all others (C05).

    Who may see the trail of the trial may see that of each record; a blinded role has a history of its own (A13).
    """
    record = RECORDS.get(kind)
    if record is None:
        raise Http404
    try:
        pk = record.model._meta.pk.to_python(key)
    except ValidationError:
        raise Http404 from None
    found: Model = get_object_or_404(_open(actor, QuerySet(record.model)), pk=pk)
    if (role := _role(actor, found)) is None or role in BLINDED:
        raise Http404
    return found


def _open(actor: Actor, rows: QuerySet[Any]) -> QuerySet[Any]:
    return access.within(actor, rows, act=_view_of(rows.model)) | access.within(actor, rows, act=Act.HISTORY_VIEW)


def _view_of(model: type[Model]) -> Act:
    """The history of a site tells its name, which not everybody learns who sees its number."""
    return Act.SITE_NAME if model is TrialSite else access.road_of(model).view


def _role(actor: Actor, obj: Model) -> Role | None:
    return access.may(actor, _view_of(type(obj)), obj) or access.may(actor, Act.HISTORY_VIEW, obj)


def things(actor: Actor, obj: Model) -> dict[str, set[str]]:
    """Return the keys, by label, of the record's rows and of all that belong to it as far as the actor may see them."""
    found = {obj._meta.label: {str(obj.pk)}}
    for part in RECORDS[str(obj._meta.model_name)].parts:
        for label, keys in _keys(actor, obj, part, [str(obj.pk)]):
            found.setdefault(label, set()).update(keys)
    return found


def _keys(actor: Actor, obj: Model, part: Part, owners: list[str]) -> Iterator[tuple[str, list[str]]]:
    rows: QuerySet[Any] = QuerySet(part.model).filter(**{f"{part.via}__in": owners})
    keys = [str(pk) for pk in _open(actor, rows).values_list("pk", flat=True)]
    if part.may_vanish and _may_see_gone(actor, obj, part):
        code, label = trial_of(obj).code, part.model._meta.label
        keys += removed_keys(trial_code=code, label=label, column=part.column, owners=owners)
    yield part.model._meta.label, keys
    for below in part.parts:
        yield from _keys(actor, obj, below, keys)


def _may_see_gone(actor: Actor, obj: Model, part: Part) -> bool:
    """Nobody can be asked about a row that is gone; the record it stood in answers for it."""
    acts = (_view_of(part.model), Act.HISTORY_VIEW)
    return any(access.may(actor, act, obj) for act in acts)


def models_of(record: Record) -> list[type[Model]]:
    """Return every kind of row that the record is made of, its own first."""
    return [record.model, *_models(record.parts)]


def _models(parts: tuple[Part, ...]) -> Iterator[type[Model]]:
    for part in parts:
        yield part.model
        yield from _models(part.parts)


def trial_of(obj: Model) -> Trial:
    trial: Trial = _follow(obj, access.road_of(type(obj)).trial)
    return trial


def zone_of(obj: Model) -> str:
    """Return the time zone of the site a record belongs to; "" where it belongs to none."""
    road: Road = access.road_of(type(obj))
    site: TrialSite | None = _follow(obj, road.site) if road.site else None
    return site.site.time_zone if site else ""


def page_of(actor: Actor, obj: Model) -> str:
    """Return the address on which the record itself is looked at; "" for who may see its trail and no more."""
    if access.may(actor, access.road_of(type(obj)).view, obj) is None:
        return ""
    name, path = RECORDS[str(obj._meta.model_name)].page
    return reverse(name, args=[_follow(obj, path)])


def _follow(obj: Model, path: str) -> Any:
    return obj if path == "self" else reduce(getattr, path.split("__"), obj)

"""Who may: two verbs over the table in `trials.roles`. Guardian's groups hold the right, memberships its dates.

Being superuser is never asked here, so it opens no trial data (EMA A3.3).
"""

import datetime as dt
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import connection, connections
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import acting, admit
from trials import closures
from trials.fences import narrowing
from trials.fences.anchors import SITE, TRIAL
from trials.models import Membership, Subject, Trial
from trials.models.trials import TrialGroupObjectPermission, TrialSiteGroupObjectPermission
from trials.roles import Act, Reach, Road, Role, Scope, reach_of

M = TypeVar("M", bound=Model)
# What stands in a question that is written once, for what each asking puts in its place: no account, no day of ours.
_ANYBODY, _ANY_DAY = -1, dt.date.min


class EditRefused(PermissionDenied):
    """An edit of closed data by somebody who otherwise had the right; the door writes `attempt` into the trail."""

    def __init__(self, attempt: dict[str, Any]) -> None:
        super().__init__(closures.SENTENCE)
        self.attempt = attempt


def road_of(model: type[Model]) -> Road:
    """How a model answers to trial, site and owner; every model that is shown declares it as `road`."""
    road: Road = model.road  # type: ignore[attr-defined]  # Django's base class cannot know it
    return road


def scopes(actor: Actor) -> tuple[Scope, ...]:
    """Every role the actor holds today, asked once a request; empty for machines and strangers."""
    if "scopes" not in actor.memo:
        actor.memo["scopes"] = _scopes(actor)
    found: tuple[Scope, ...] = actor.memo["scopes"]
    return found


def _scopes(actor: Actor) -> tuple[Scope, ...]:
    if actor.user_id is None:
        return ()
    written, asked = _seats_of_anybody(connection.vendor)
    told = {_ANYBODY: actor.user_id, _day(_ANY_DAY): _day(timezone.localdate())}
    # The database shows people their own seats, whoever asks about them here.
    with acting(actor), connection.cursor() as cursor:
        cursor.execute(written, [told.get(each, each) for each in asked])
        return tuple(
            Scope(role=Role(role), trial_id=trial, trial_site_id=site) for role, trial, site in cursor.fetchall()
        )


@cache
def _seats_of_anybody(_vendor: str) -> tuple[str, tuple[Any, ...]]:
    """Return the question for the seats of _ANYBODY on _ANY_DAY and its parameters, as this kind of database reads it.

    Every request asks it, and Django takes twenty times longer to write it than the database to answer.
    """
    seats = current_memberships(_ANY_DAY).filter(_granted(_ANYBODY), user_id=_ANYBODY)
    return seats.values_list("role", "trial_id", "trial_site_id").query.sql_with_params()


def _day(day: dt.date) -> Any:
    """Return a day as the database takes it."""
    return connection.ops.adapt_datefield_value(day)


def current_memberships(day: dt.date | None = None) -> QuerySet[Membership]:
    """Return the seats that somebody holds on a day: today, unless told."""
    day = day or timezone.localdate()
    return Membership.objects.filter(Q(ends__isnull=True) | Q(ends__gte=day), starts__lte=day)


def _granted(user_id: int) -> Q:
    right = {"group__user": user_id, "permission__codename": Concat(Value("as_"), OuterRef("role"))}
    on_trial = TrialGroupObjectPermission.objects.filter(content_object_id=OuterRef("trial_id"), **right)
    on_site = TrialSiteGroupObjectPermission.objects.filter(content_object_id=OuterRef("trial_site_id"), **right)
    return Q(Exists(on_trial)) | Q(Exists(on_site))


def visible(actor: Actor, queryset: QuerySet[M]) -> QuerySet[M]:
    """The rows of `queryset` that the actor may see at all."""
    road = road_of(queryset.model)
    return within(actor, queryset, act=road.view)


def within(actor: Actor, queryset: QuerySet[M], *, act: Act) -> QuerySet[M]:
    """The rows of `queryset` on which the actor may do `act`."""
    road = road_of(queryset.model)
    is_anchored = narrowing.is_anchored(queryset.model, vendor=connections[queryset.db].vendor)
    allowed = Q(pk__in=())
    for scope in scopes(actor):
        allowed |= _covered(road, scope, act, actor, is_anchored=is_anchored)
    return queryset.filter(allowed)


def _covered(road: Road, scope: Scope, act: Act, actor: Actor, *, is_anchored: bool) -> Q:
    reach = reach_of(scope.role, act)
    nothing = Q(pk__in=())
    if reach is None:
        return nothing
    in_trial = _asked(road.trial, TRIAL, scope.trial_id, is_anchored=is_anchored)
    if reach is Reach.TRIAL:
        return in_trial
    if reach is Reach.SITE:
        at_site = _asked(road.site, SITE, scope.trial_site_id, is_anchored=is_anchored)
        return in_trial & at_site if road.site else nothing
    return in_trial & Q(**{_lookup(road.owner): actor.user_id}) if road.owner else nothing


def _asked(path: str, anchor: str, key: int | None, *, is_anchored: bool) -> Q:
    """Ask for trial or site by the road, or of the row itself where the database keeps it there."""
    return narrowing.stands_on(anchor, key) if is_anchored else Q(**{_lookup(path): key})


def _lookup(path: str) -> str:
    return "pk" if path == "self" else path


def may(actor: Actor, act: Act, obj: Model) -> Role | None:
    """The role in which the actor may do `act` on `obj` now, or None."""
    role = _holds(actor, act, obj)
    return None if role and act in closures.EDITS and closures.is_closed(trial_of(obj)) else role


def _holds(actor: Actor, act: Act, obj: Model) -> Role | None:
    """The role whose right includes the act, be the data closed or not."""
    road = road_of(type(obj))
    # A person sees the road to a row that is theirs; a road that cannot be seen is no right.
    with acting(actor), suppress(ObjectDoesNotExist):
        for scope in scopes(actor):
            if _reaches(road, scope, act, obj, actor):
                return scope.role
    return None


def acts_in(actor: Actor, trial: Trial) -> frozenset[Act]:
    """Return every act that a role of the actor includes in the trial now, be it at one site only."""
    roles = {scope.role for scope in scopes(actor) if scope.trial_id == trial.pk}
    acts = frozenset(act for act in Act for role in roles if reach_of(role, act))
    return acts - closures.EDITS if acts & closures.EDITS and closures.is_closed(trial.pk) else acts


def may_name_sites(actor: Actor, trial: Trial) -> bool:
    """Whether the actor learns which hospital stands behind the number of a site it sees in the trial."""
    return Act.SITE_NAME in acts_in(actor, trial)


def inspection_mark(actor: Actor) -> str:
    """Return the line that marks everything an inspector takes as their copy (C07); "" for everybody else."""
    if all(scope.role is not Role.INSPECTOR for scope in scopes(actor)):
        return ""
    return _("inspection copy for %(name)s, %(date)s") % {"name": actor.name, "date": timezone.localdate().isoformat()}


def visible_trial(actor: Actor, code: str) -> Trial:
    """Raise Http404 where the trial is foreign or does not exist."""
    return get_object_or_404(visible(actor, Trial.objects.select_related("sponsor")), code=code)


def visible_subject(actor: Actor, code: str) -> Subject:
    """Raise Http404 where the subject is foreign or does not exist."""
    # PostgreSQL takes no NUL in a text, not even to look for it.
    if "\0" in code:
        raise Http404
    return get_object_or_404(
        visible(actor, Subject.objects.select_related("trial_site__trial", "trial_site__site")), code=code
    )


def trial_for(actor: Actor, code: str, act: Act) -> Trial:
    """Return the trial. Raises Http404 where it is foreign, PermissionDenied where no role has `act`."""
    trial = visible_trial(actor, code)
    require_in(actor, act, trial)
    return trial


def require_in(actor: Actor, act: Act, trial: Model) -> Actor:
    """The actor, stamped, where it may do `act` somewhere in the trial; which rows, `within` and `visible` tell.

    Raises PermissionDenied: the page of a list is refused to a role that never has such rows; EditRefused as `require`.
    """
    for scope in scopes(actor):
        if scope.trial_id == trial.pk and reach_of(scope.role, act) is not None:
            return _admitted(actor, scope.role, act, trial)
    raise PermissionDenied(_("Your role in this trial does not include this."))


def _admitted(actor: Actor, role: Role, act: Act, obj: Model) -> Actor:
    """Stamp the role, and let the database's own trail know who acts from here on, and in which role."""
    stamped = actor.acting_as(role)
    if act in closures.EDITS and closures.is_closed(trial := trial_of(obj)):
        code = Trial.objects.get(pk=trial).code
        raise EditRefused({"by": stamped, "obj": obj, "trial_code": code, "after": {"act": str(act)}})
    admit(stamped)
    return stamped


def trial_of(obj: Model) -> int:
    """Return the key of the trial a record belongs to."""
    key: int = _follow(obj, road_of(type(obj)).trial)
    return key


def _reaches(road: Road, scope: Scope, act: Act, obj: Model, actor: Actor) -> bool:
    reach = reach_of(scope.role, act)
    if reach is None or _follow(obj, road.trial) != scope.trial_id:
        return False
    if reach is Reach.SITE:
        return bool(road.site) and _follow(obj, road.site) == scope.trial_site_id
    if reach is Reach.OWN:
        return bool(road.owner) and _follow(obj, road.owner) == actor.user_id
    return True


def _follow(obj: Any, path: str) -> Any:
    if path == "self":
        return obj.pk
    *steps, last = path.split("__")
    for step in steps:
        obj = getattr(obj, step)
    return getattr(obj, f"{last}_id")


def require(actor: Actor, act: Act, obj: Model) -> Actor:
    """The actor, stamped with the role in which it may do `act` on `obj`.

    Raises Http404 where the object is foreign, so that guessing ids tells nothing, and PermissionDenied
    where it is visible and only the right is lacking (C05); EditRefused where only the closed data forbid it (C09).
    """
    if role := _holds(actor, act, obj):
        return _admitted(actor, role, act, obj)
    if may(actor, road_of(type(obj)).view, obj):
        raise PermissionDenied(_("Your role in this trial does not include this."))
    raise Http404

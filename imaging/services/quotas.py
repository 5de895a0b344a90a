"""Shares of the room and of the work: what is full stops its own user, site or trial, and nobody else (ASVS 5.2.4).

Judged before anything is sealed. What other requests are taking at that very moment is not seen, so a share may be
passed by one request a thread (48 MB); that is far below what anybody would set.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import selectors
from audit.actor import OPERATOR, Actor
from audit.context import acting, because, require_reason, widened
from audit.services import canonical, record
from imaging.models import Quota, Submission
from imaging.services import reserve
from imaging.services.road import WORKING
from trials import access
from trials.models import Trial, TrialSite, User
from trials.roles import Act

State = Submission.State
# Not ended: a machine works on it, or a person has to say whose it is. A flood of either is rows without end.
UNDER_WAY = (State.RECEIVING, State.UNASSIGNED, *WORKING)
# A sender that tries again and again must not fill the trail instead of the disk.
_QUIET = dt.timedelta(hours=1)
GIGABYTE = 10**9


class Share(StrEnum):
    PERSON = "person"
    SITE = "site"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes and files that are kept, and deliveries under way. As a limit None means that of the installation."""

    size: int | None = None
    files: int | None = None
    deliveries: int | None = None


# What shares are counted in.
SHARED = tuple(each.name for each in fields(Room))


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How full one share is; both rooms are whole."""

    share: Share
    used: Room
    limit: Room

    def overrun(self, more: Room) -> str:
        """Return which of size, files and deliveries would pass its limit, of those that are asked for; "" for none."""
        for name in SHARED:
            asked = getattr(more, name) or 0
            if asked and getattr(self.used, name) + asked > getattr(self.limit, name):
                return name
        return ""


def require_room(*, by: Actor, trial_site: TrialSite, more: Room) -> None:
    """Raise ValidationError where `more` passes a share (`quota`) or comes into the reserve of the disk (`no-room`).

    It leaves an event: call outside a transaction.
    """
    if reserve.is_reached(more.size or 0):
        _tell_once(by, trial_site, act="disk.reserved", after={"reserve": settings.RESERVE * reserve.MEGABYTE})
        raise reserve.no_room()
    for level in levels(by=by, trial_site=trial_site):
        if overrun := level.overrun(more):
            _tell(by, trial_site, level, overrun)
            raise ValidationError(_sentence(level, overrun), code="quota")


def levels(*, by: Actor, trial_site: TrialSite) -> Iterator[Level]:
    """How full the shares are that a delivery of `by` for this site falls into; a machine has none of its own."""
    mine = {Share.SITE: Q(trial_site=trial_site), Share.TRIAL: Q()}
    if by.user_id is not None:
        mine[Share.PERSON] = Q(sent_by=by.id)
    used, limits = _used(trial_site.trial, mine), _limits(trial_site, by.user_id)
    return (Level(share=share, used=used[share], limit=limits[share]) for share in mine)


def _used(trial: Trial, mine: Mapping[Share, Q]) -> dict[Share, Room]:
    """Count in one question over the trial's deliveries what is kept; discarding one gives its room back."""
    asked: dict[str, Any] = {}
    for share, which in mine.items():
        kept = which & ~Q(state=State.DISCARDED)
        asked[f"{share}_size"] = Sum("bytes_received", filter=kept)
        asked[f"{share}_files"] = Sum("files_received", filter=kept)
        asked[f"{share}_deliveries"] = Count("pk", filter=which & Q(state__in=UNDER_WAY))
    with widened("the room of a trial is taken by all its sites"):
        told = Submission.objects.filter(trial_site__trial=trial).aggregate(**asked)
    return {share: Room(**{name: told[f"{share}_{name}"] or 0 for name in SHARED}) for share in mine}


def _limits(trial_site: TrialSite, user_id: int | None) -> dict[Share, Room]:
    of_trial = Q(trial_site__isnull=True, person__isnull=True)
    mine = of_trial | Q(trial_site=trial_site) | Q(person__isnull=False, person_id=user_id or 0)
    own = {_share_of(quota): quota for quota in Quota.objects.filter(mine, trial=trial_site.trial_id)}
    return {share: _limit(share, own.get(share)) for share in Share}


def _share_of(quota: Quota) -> Share:
    if quota.person_id is not None:
        return Share.PERSON
    return Share.TRIAL if quota.trial_site_id is None else Share.SITE


def _limit(share: Share, quota: Quota | None) -> Room:
    common = for_all(share)
    if quota is None:
        return common
    own = {name: getattr(quota, name) for name in SHARED}
    return Room(**{name: getattr(common, name) if value is None else value for name, value in own.items()})


def for_all(share: Share) -> Room:
    """What the installation gives to each trial, site or person. Raises ValueError where that is no three numbers."""
    size, files, deliveries = (int(word) for word in settings.QUOTAS[share].split(","))
    return Room(size=size * GIGABYTE, files=files, deliveries=deliveries)


def _sentence(level: Level, overrun: str) -> str:
    shares = {
        Share.PERSON: _("Your own share of this trial is full"),
        Share.SITE: _("The share of your site in this trial is full"),
        Share.TRIAL: _("The room of this trial is full"),
    }
    rest = _(
        "Nothing of this was taken; what arrived before is kept encrypted and can go on. Discard deliveries that "
        "nobody needs, or ask the coordinator to have the share raised."
    )
    return f"{shares[level.share]}: {_measure(level, overrun)}. {rest}"


def _measure(level: Level, overrun: str) -> str:
    used, limit = getattr(level.used, overrun), getattr(level.limit, overrun)
    match overrun:
        case "size":
            return _("%(used)s of %(limit)s") % {"used": filesizeformat(used), "limit": filesizeformat(limit)}
        case "files":
            return _("%(used)d of %(limit)d files") % {"used": used, "limit": limit}
        case _:
            return _("%(used)d of %(limit)d deliveries under way") % {"used": used, "limit": limit}


def _tell(by: Actor, trial_site: TrialSite, level: Level, overrun: str) -> None:
    after = {"share": level.share, "of": overrun, "limit": getattr(level.limit, overrun)}
    if level.share is Share.PERSON:
        after["person"] = by.id
    _tell_once(by, trial_site, act="quota.reached", after=after)


def _tell_once(by: Actor, trial_site: TrialSite, *, act: str, after: dict[str, Any]) -> None:
    told = selectors.history(trial_site).filter(act=act, after=canonical(after))
    if not told.filter(at__gt=timezone.now() - _QUIET).exists():
        with transaction.atomic():
            record(by=by, act=act, obj=trial_site, trial_code=trial_site.trial.code, after=after)


@transaction.atomic
def set_limit(
    *,
    by: Actor,
    trial: Trial,
    limit: Room,
    reason: str,
    trial_site: TrialSite | None = None,
    person: User | None = None,
) -> Quota:
    """Give a trial, one of its sites or one of its people another share; None in `limit` gives back the rule for all.

    For the trial's coordinator and whoever works on the machine. Raises ValidationError `no-reason`, `foreign-site`.
    """
    by = _admitted(by, trial)
    require_reason(reason)
    if trial_site is not None and trial_site.trial_id != trial.pk:
        raise ValidationError(_("That site takes no part in this trial. Nothing was changed."), code="foreign-site")
    with acting(by), because(reason):
        quota, _made = Quota.objects.select_for_update().get_or_create(
            trial=trial, trial_site=trial_site, person=person
        )
        before = {name: getattr(quota, name) for name in SHARED}
        quota.size, quota.files, quota.deliveries = astuple(limit)
        quota.save()
        about = {"site": str(trial_site or ""), "person": str(person.get_username() if person else "")}
        after = {name: getattr(limit, name) for name in SHARED} | about
        record(
            by=by, act="quota.set", obj=quota, trial_code=trial.code, before=before | about, after=after, reason=reason
        )
    return quota


def _admitted(by: Actor, trial: Trial) -> Actor:
    if by.user_id is not None:
        return access.require(by, Act.TRIAL_EDIT, trial)
    if by.source != "command":
        raise PermissionDenied(_("Your role in this trial does not include this."))
    return by.acting_as(OPERATOR)

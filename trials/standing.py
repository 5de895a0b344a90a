"""Who could do what on a past day: the dated roles as they stood then, by the trail's word (C03, E6 4.3.8(c)).

A row tells what is believed today. What was believed, and so open, on a day is told by the trail alone: a role that was
granted later with an earlier first day opened nothing then, and one that was ended or corrected later did.
"""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from audit.selectors import values_of
from trials.models import Membership, Trial, TrialSite, User
from trials.roles import Act, Role, reach_of

_GONE = "row.removed"
_ADOPTED = "row.adopted"
_TOLD = ("object_id", "act", "at", "after", "actor_id", "reason")
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A row as one event left it; `values` is empty where it was removed, None where the event is masked."""

    at: dt.datetime
    act: str
    by: str
    reason: str
    values: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What somebody made of a role after the day that is asked about."""

    at: dt.datetime
    by: str
    reason: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A role that one person could use on the day.

    `since` and `until` are moments of the day (UTC) where the role was granted, changed or ended during it, else None.
    `is_account_open` is False where the account was closed all day: the role opened nothing. `corrections` tell how the
    row came to say something else later.
    """

    person: str
    account: str
    is_account_open: bool
    trial: str
    site: str
    role: Role
    starts: dt.date
    ends: dt.date | None
    granted_by: str
    since: dt.datetime | None
    until: dt.datetime | None
    before_trail: bool
    corrections: tuple[Correction, ...] = field(default=())

    @property
    def acts(self) -> tuple[Act, ...]:
        """Return what the role includes, by the table of this version of the program."""
        return tuple(act for act in Act if reach_of(self.role, act) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`standing` could be used on the day; `backdated` were written later as if they had, and opened nothing then."""

    day: dt.date
    standing: tuple[Standing, ...]
    backdated: tuple[Standing, ...]


def standing_on(day: dt.date, *, trial: Trial | None = None) -> Answer:
    """Return every role that could be used at any moment of a day (UTC), by trial, person and role.

    Roles are those of one trial or of all. Nothing is read from the rows of today but names.
    """
    histories = _histories(values_of(label=Membership._meta.label, trial_code=trial.code if trial else ""))
    names = _Names(day)
    closes = dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC) + _DAY
    standing = [one for history in histories for one in _standing(history, day, names)]
    backdated = [one for history in histories for one in _backdated(history, day, closes, names)]
    return Answer(day=day, standing=_sorted(standing), backdated=_sorted(backdated))


def _sorted(found: list[Standing]) -> tuple[Standing, ...]:
    return tuple(sorted(found, key=lambda one: (one.trial, one.account, one.role, one.starts)))


def _histories(events: Any) -> list[list[Version]]:
    by_row: dict[str, list[Version]] = {}
    for key, act, at, after, by, reason in events.values_list(*_TOLD).iterator(chunk_size=2000):
        version = Version(at=at, act=act, by=by, reason=reason, values=_values(act, after))
        by_row.setdefault(key, []).append(version)
    return list(by_row.values())


def _values(act: str, after: str) -> dict[str, Any] | None:
    if act == _GONE:
        return {}
    return json.loads(after) if after else None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A version with the moments between which it stood; `until` is None while nothing came after it."""

    version: Version
    since: dt.datetime
    until: dt.datetime | None


def _stretches(history: list[Version]) -> Iterator[_Stretch]:
    """Yield what stood when. What was found when watching began is taken to have stood before."""
    told = [version for version in history if version.values is not None]
    for number, version in enumerate(told):
        after = told[number + 1].at if number + 1 < len(told) else None
        is_found = number == 0 and version.act == _ADOPTED
        yield _Stretch(version, dt.datetime.min.replace(tzinfo=dt.UTC) if is_found else version.at, after)


def _standing(history: list[Version], day: dt.date, names: "_Names") -> Iterator[Standing]:
    """Yield the row as it stood on the day; twice where it was changed during it and was open both before and after."""
    opens = dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)
    closes = opens + _DAY
    spoken: list[_Stretch] = []
    for stretch in _stretches(history):
        meets = stretch.since < closes and (stretch.until is None or stretch.until > opens)
        if meets and _covers(stretch.version.values or {}, day):
            spoken = _joined(spoken, stretch)
    for stretch in spoken:
        yield _told(stretch, history, opens=opens, closes=closes, names=names)


def _backdated(history: list[Version], day: dt.date, closes: dt.datetime, names: "_Names") -> Iterator[Standing]:
    """Yield what the row says of the day since some later moment, where it said nothing of the kind on the day."""
    told = list(_stretches(history))
    if any(each.since < closes and _covers(each.version.values or {}, day) for each in told):
        return
    later = next((each for each in told if _covers(each.version.values or {}, day)), None)
    if later is not None:
        yield _told(later, history, opens=closes - _DAY, closes=closes, names=names)


def _joined(spoken: list[_Stretch], stretch: _Stretch) -> list[_Stretch]:
    """Put stretches together that follow each other and say the same of who, where, what and when."""
    if spoken and spoken[-1].until == stretch.since and _same(spoken[-1].version, stretch.version):
        return [*spoken[:-1], _Stretch(stretch.version, spoken[-1].since, stretch.until)]
    return [*spoken, stretch]


_ASKED = ("user_id", "trial_id", "trial_site_id", "role", "starts", "ends")


def _same(one: Version, other: Version) -> bool:
    return all((one.values or {}).get(name) == (other.values or {}).get(name) for name in _ASKED)


def _covers(values: dict[str, Any], day: dt.date) -> bool:
    if not values:
        return False
    ends = _day(values.get("ends"))
    return dt.date.fromisoformat(values["starts"]) <= day and (ends is None or day <= ends)


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _told(
    stretch: _Stretch, history: list[Version], *, opens: dt.datetime, closes: dt.datetime, names: "_Names"
) -> Standing:
    values = stretch.version.values or {}
    user, site = str(values["user_id"]), str(values.get("trial_site_id") or "")
    return Standing(
        person=names.people.get(user, user),
        account=names.accounts.get(user, user),
        is_account_open=names.is_open(user),
        trial=names.trials.get(str(values["trial_id"]), ""),
        site=names.sites.get(site, site),
        role=Role(values["role"]),
        starts=dt.date.fromisoformat(values["starts"]),
        ends=_day(values.get("ends")),
        granted_by=str(values.get("granted_by") or ""),
        since=stretch.since if stretch.since > opens else None,
        until=stretch.until if stretch.until and stretch.until < closes else None,
        before_trail=history[0].act == _ADOPTED and opens < history[0].at,
        corrections=tuple(_corrections(stretch.version, history, after=closes)),
    )


def _corrections(stood: Version, history: list[Version], *, after: dt.datetime) -> Iterator[Correction]:
    """Yield what was made of the row after the day, as far as it says something else of the role."""
    last = stood
    for version in history:
        if version.at < after or version.values is None or _same(last, version):
            continue
        yield Correction(at=version.at, by=version.by, reason=version.reason, what=_difference(last, version))
        last = version


def _difference(one: Version, other: Version) -> str:
    if not other.values:
        return "removed"
    before = one.values or {}
    changed = [name for name in _ASKED if before.get(name) != other.values.get(name)]
    return ", ".join(f"{name}: {before.get(name) or '–'} → {other.values.get(name) or '–'}" for name in changed)


class _Names:
    """What stands behind keys. Names are today's; whether an account was open is the trail's word for the day."""

    def __init__(self, day: dt.date) -> None:
        rows = list(User.objects.values_list("pk", "username", "first_name", "last_name", "is_active"))
        self.accounts = {str(pk): username for pk, username, *_ in rows}
        self.people = {str(pk): f"{first} {last}".strip() or username for pk, username, first, last, _ in rows}
        self.trials = {str(pk): code for pk, code in Trial.objects.values_list("pk", "code")}
        self.sites = {str(pk): number for pk, number in TrialSite.objects.values_list("pk", "number")}
        self._now = {str(pk): is_active for pk, *_, is_active in rows}
        self._then = _openness(day)

    def is_open(self, user: str) -> bool:
        return self._then.get(user, self._now.get(user, False))


def _openness(day: dt.date) -> dict[str, bool]:
    """Return, by account, whether it was open at any moment of the day, as far as the trail knows it."""
    opens = dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)
    events = values_of(label=User._meta.label).filter(at__lt=opens + _DAY)
    found: dict[str, bool] = {}
    for key, at, after in events.values_list("object_id", "at", "after").iterator(chunk_size=2000):
        if after:
            is_open = json.loads(after).get("is_active") == "true"
            found[key] = is_open or (at >= opens and found.get(key, False))
    return found

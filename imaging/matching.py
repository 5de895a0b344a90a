"""Which visit a scan belongs to that came without a name: the rule, from facts alone."""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from datetime import date

from imaging.qc import IdentityMatch, TimePointWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One study of one person in a delivery. `person` counts from 1; 0 where the files name nobody."""

    study: str
    person: int
    taken_on: date | None
    files: int
    series: int
    modalities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A time point of the site: how its subject's identity compares, its window, and the studies filed for it.

    `takes` is whether it still takes scans; one that does not keeps its studies from being taken for another's.
    """

    key: int
    subject: str
    name: str
    identity: IdentityMatch
    day_zero: date
    window: TimePointWindow
    studies: frozenset[str]
    takes: bool

    @property
    def days(self) -> tuple[int, int]:
        """First and last trial day of the window; both are inside."""
        return self.window.target_day - self.window.before, self.window.target_day + self.window.after

    def day_of(self, scan: Scan) -> int | None:
        """Return the trial day of a scan, if it was of this subject."""
        return None if scan.taken_on is None else (scan.taken_on - self.day_zero).days

    def days_off(self, scan: Scan) -> int | None:
        """Return the days by which the scan misses the window: 0 inside, negative before it."""
        day = self.day_of(scan)
        if day is None:
            return None
        first, last = self.days
        return min(day - first, 0) or max(day - last, 0)


def choose(scans: Collection[Scan], visits: Iterable[Visit]) -> Visit | None:
    """Return the one visit that all scans of a delivery belong to, or None where a person must say.

    The identity tokens name the subject: one person, known as one subject and as no other. Its visit is the one that
    holds the study already, or else the only one whose window holds the day of the scan.
    """
    if len({scan.person for scan in scans}) != 1:
        return None
    mine = [visit for visit in visits if visit.identity is IdentityMatch.SAME]
    if len({visit.subject for visit in mine}) != 1:
        return None
    found = [_visit_of(scan, mine) for scan in scans]
    first = found[0]
    return first if first and first.takes and all(one == first for one in found) else None


def _visit_of(scan: Scan, visits: list[Visit]) -> Visit | None:
    holding = [visit for visit in visits if scan.study in visit.studies]
    fitting = holding or [visit for visit in visits if visit.days_off(scan) == 0]
    return fitting[0] if len(fitting) == 1 else None


def divide(scans: Iterable[Scan], *, fits: Callable[[list[Scan]], bool]) -> list[list[Scan]]:
    """Return the scans that are a delivery each: one person's if one visit takes them all (`fits`), else of one day.

    What names nobody, or no day, is held together by its study alone; no study is divided.
    """
    parts: list[list[Scan]] = []
    for mine in _grouped(scans, lambda scan: scan.person):
        days = _days(mine)
        parts += [mine] if mine[0].person and len(days) > 1 and fits(mine) else days
    return parts


def _days(scans: list[Scan]) -> list[list[Scan]]:
    firsts: dict[str, date] = {}
    for scan in scans:
        if scan.person and scan.taken_on:
            firsts[scan.study] = min(scan.taken_on, firsts.get(scan.study, scan.taken_on))
    return _grouped(scans, lambda scan: firsts.get(scan.study, scan.study))


def _grouped(scans: Iterable[Scan], mark: Callable[[Scan], Hashable]) -> list[list[Scan]]:
    groups: dict[Hashable, list[Scan]] = {}
    for scan in scans:
        groups.setdefault(mark(scan), []).append(scan)
    return list(groups.values())


def order(visits: Iterable[Visit], scan: Scan) -> list[Visit]:
    """Return the visits as a person should look at them: the same person first, the nearest window, the newest."""
    return sorted(visits, key=lambda one: (_RANKS.get(one.identity, len(_RANKS)), _distance(one, scan), -one.key))


_RANKS = {
    IdentityMatch.SAME: 0,
    IdentityMatch.DIFFERS_IN_ONE: 1,
    IdentityMatch.OTHER_SUBJECT: 2,
    IdentityMatch.FIRST: 3,
    IdentityMatch.NOT_COMPARABLE: 3,
}
_FAR = 1_000_000


def _distance(visit: Visit, scan: Scan) -> int:
    off = visit.days_off(scan)
    return _FAR if off is None else abs(off)

"""Reading every stored object again: what changed, what is gone, and what no row names. A walk goes on where it stood.

Rows and files are walked together in the order of their SHA-256, so that both are seen once, whatever their number.
"""

import datetime as dt
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit import selectors
from audit.actor import Actor
from audit.context import acting
from audit.services import record
from imaging import archive
from imaging.models import Damage, IncomingFile, Instance, Scrub
from trials.models import Trial

log = logging.getLogger("corelab.archive")

_BATCH = 200
_STRETCH = 256 * 10**6
# Past every SHA-256.
_END = "g"
# A file younger than this may belong to a row that is being written.
_SETTLED_SECONDS = 3600.0
# How many orphans one scrub names; the rest is counted by the next, once these are dealt with.
_NAMED_ORPHANS = 1000
BETWEEN_SCRUBS = dt.timedelta(days=7)
MEGABYTE = 10**6


@dataclass(slots=True)
class Pace:
    """So many bytes a second at most (0: as fast as the disk), until `deadline` by the monotonic clock."""

    bytes_a_second: int = 0
    deadline: float = float("inf")
    _begun: float = field(default_factory=time.monotonic)
    _read: int = 0

    def has_time(self) -> bool:
        return time.monotonic() < self.deadline

    def note(self, size: int) -> None:
        """Wait until so many bytes were allowed."""
        self._read += size
        if self.bytes_a_second:
            early = self._begun + self._read / self.bytes_a_second - time.monotonic()
            time.sleep(max(0.0, early))


@dataclass(slots=True)
class _Found:
    """What one stretch of the archive held."""

    objects: int = 0
    size: int = 0
    damaged: dict[str, Damage.Kind] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)


def current() -> Scrub | None:
    """The walk that has not come to its end, if any."""
    return Scrub.objects.filter(ended_at__isnull=True).order_by("-id").first()


def latest() -> Scrub | None:
    """The last walk that came to its end."""
    return Scrub.objects.filter(ended_at__isnull=False).order_by("-id").first()


def is_due() -> bool:
    """Whether a walk is under way, or the last one began too long ago."""
    if current() is not None:
        return True
    last = latest()
    return last is None or timezone.now() - last.started_at > BETWEEN_SCRUBS


def scrub(*, by: Actor, pace: Pace) -> Scrub:
    """Go on with the walk under way, or begin one; return it, ended where `pace` left time enough."""
    with acting(by):
        walk = current() or Scrub.objects.create(started_at=timezone.now())
        while walk.ended_at is None and pace.has_time():
            _step(by, walk, pace)
        if walk.ended_at is not None:
            archive.sweep_unfinished(older_than_seconds=_SETTLED_SECONDS)
    return walk


def _step(by: Actor, walk: Scrub, pace: Pace) -> None:
    rows = list(_rows().filter(sha256__gt=walk.cursor).order_by("sha256", "pk")[:_BATCH])
    few = _few(rows)
    upto = few[-1].sha256 if len(few) == _BATCH or len(few) < len(rows) else _END
    # A digest that many rows name must not be cut in two.
    same = _rows().filter(sha256=upto).exclude(pk__in=[row.pk for row in few])
    chosen = [*few, *same]
    found = _look({row.sha256 for row in chosen}, walk.cursor, upto, pace)
    _tell(by, chosen, found)
    _advance(by, walk, found, upto)


def _rows() -> QuerySet[Instance]:
    return Instance.every.select_related("series__study__time_point__subject__trial_site__trial", "secluded")


def _few(rows: list[Instance]) -> list[Instance]:
    """Those that are read in one stretch: after each the walk is remembered."""
    sizes = accumulate(row.size for row in rows)
    return [row for row, size in zip(rows, sizes, strict=True) if size <= max(_STRETCH, rows[0].size)]


def _look(names: set[str], after: str, upto: str, pace: Pace) -> _Found:
    found, seen = _Found(), set()
    for name in archive.names_between(after, upto):
        path = archive.path_of(name)
        try:
            size, is_whole = path.stat().st_size, archive.digest_of(path) == name
        except FileNotFoundError:
            continue
        except OSError:
            # A disk that cannot be read any more holds nothing for us.
            size, is_whole = 0, False
        seen.add(name)
        found.objects, found.size = found.objects + 1, found.size + size
        if name in names and not is_whole:
            found.damaged[name] = Damage.Kind.CHANGED
        elif name not in names and _is_orphan(name, path):
            found.orphans.append(name)
        pace.note(size)
    return _with_missing(found, names - seen)


def _with_missing(found: _Found, absent: Iterable[str]) -> _Found:
    for name in absent:
        found.damaged[name] = Damage.Kind.MISSING
    return found


def _is_orphan(name: str, path: Path) -> bool:
    """Whether no row names an object that has lain there for a while."""
    try:
        is_settled = path.stat().st_mtime < time.time() - _SETTLED_SECONDS
    except FileNotFoundError:
        return False
    on_its_way = IncomingFile.objects.filter(cleaned_sha256=name, state=IncomingFile.State.CLEANED)
    return is_settled and not Instance.every.filter(sha256=name).exists() and not on_its_way.exists()


def _tell(by: Actor, rows: list[Instance], found: _Found) -> None:
    standing = {each.instance_id: each for each in Damage.objects.filter(instance__in=rows, mended_at__isnull=True)}
    for row in rows:
        kind, known = found.damaged.get(row.sha256), standing.get(row.pk)
        if kind is Damage.Kind.MISSING and _is_taken_out(row):
            _forget(known)
        elif kind is not None and known is None:
            _note_damage(by, row, kind)
        elif kind is None and known is not None:
            _note_mended(by, row, known)


def _forget(known: Damage | None) -> None:
    """What people took out of the archive is damaged no more."""
    if known is not None:
        Damage.objects.filter(pk=known.pk).update(mended_at=timezone.now())


def _is_taken_out(row: Instance) -> bool:
    """Whether an object is gone because people wanted it: secluded, or destroyed with its subject's images."""
    row.refresh_from_db()
    subject = row.series.study.time_point.subject
    return hasattr(row, "secluded") or selectors.history(subject).filter(act="images.destroyed").exists()


@transaction.atomic
def _note_damage(by: Actor, row: Instance, kind: Damage.Kind) -> None:
    Damage.objects.create(instance=row, kind=kind, found_at=timezone.now())
    record(by=by, act="image.damaged", obj=row, trial_code=_trial_code(row), after={"kind": kind, "sha256": row.sha256})
    # No identity: our own keys and a digest.
    log.error("stored image %s of series %s is %s", row.pk, row.series_id, kind)


@transaction.atomic
def _note_mended(by: Actor, row: Instance, standing: Damage) -> None:
    standing.mended_at = timezone.now()
    standing.save(update_fields=["mended_at"])
    record(by=by, act="image.mended", obj=row, trial_code=_trial_code(row), after={"sha256": row.sha256})


def _trial_code(row: Instance) -> str:
    return row.series.study.time_point.subject.trial_site.trial.code


@transaction.atomic
def _advance(by: Actor, walk: Scrub, found: _Found, upto: str) -> None:
    """Remember how far the walk came; where another worker was faster, its count stands."""
    before = walk.cursor
    walk.objects_read += found.objects
    walk.bytes_read += found.size
    walk.changed += sum(kind is Damage.Kind.CHANGED for kind in found.damaged.values())
    walk.orphans = [*walk.orphans, *found.orphans][:_NAMED_ORPHANS]
    walk.cursor = "" if upto == _END else upto
    if upto == _END:
        walk.ended_at = timezone.now()
        walk.missing = Damage.objects.filter(mended_at__isnull=True, kind=Damage.Kind.MISSING).count()
    told = ("objects_read", "bytes_read", "changed", "missing", "orphans", "cursor", "ended_at")
    moved = Scrub.objects.filter(pk=walk.pk, cursor=before, ended_at__isnull=True)
    if not moved.update(**{name: getattr(walk, name) for name in told}):
        walk.refresh_from_db()
    elif upto == _END:
        record(by=by, act="archive.scrubbed", obj=walk, after=summary(walk))


def summary(walk: Scrub) -> dict[str, int]:
    """What a walk read and found, in numbers."""
    return {
        "objects": walk.objects_read,
        "bytes": walk.bytes_read,
        "changed": walk.changed,
        "missing": walk.missing,
        "orphans": len(walk.orphans),
    }


def standing() -> list[Damage]:
    """Every image that is damaged now, with what its place in a trial is told from."""
    return list(_damages().order_by("pk"))


def damages_of(trial: Trial) -> QuerySet[Damage]:
    """The images of a trial that are damaged now."""
    return _damages().filter(instance__series__study__time_point__subject__trial_site__trial=trial)


def _damages() -> QuerySet[Damage]:
    return Damage.objects.filter(mended_at__isnull=True).select_related(
        "instance__series__study__time_point__subject__trial_site__trial",
        "instance__series__study__time_point__scheduled",
    )

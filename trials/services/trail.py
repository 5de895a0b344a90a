"""Taking the trail of a trial out of the house, and reviewing it: both are events themselves (11.10(e), A10, A15)."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any, TypeAlias

from django.apps import apps
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import reviewing
from audit.actor import Actor
from audit.context import acting
from audit.english import in_english
from audit.lines import COLUMNS, cells
from audit.selectors import Events, Wanted, about, trial_events
from audit.services import Thing, record
from audit.sheets import sheet
from audit.veiling import Veil, veiled
from trials import access
from trials.models import Disclosure, Trial
from trials.roles import Act
from trials.selectors import subjects_of
from trials.services.ledger import Leaving, disclose
from trials.veil import UNSAID, WITHOUT, veil_for

# Events that are read, and travel, in one piece.
_PIECE = 1000
# The kinds that tell what was read and reported.
_RESULTS = ("endpoints.", "reports.")
# What a site has and did, as the acts by which its kinds are looked at: no read, result, arm or unblinding.
_OF_SITES = frozenset(
    {
        Act.SITE_VIEW,
        Act.MEMBER_VIEW,
        Act.SUBJECT_VIEW,
        Act.SUBMISSION_VIEW,
        Act.SCAN_VIEW,
        Act.PIXEL_REVIEW,
        Act.SENDING_GRANT,
        Act.DESTRUCTION_DECIDE,
    }
)
Row: TypeAlias = tuple[Any, ...]


class Form(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is handed out: how many events, the SHA-256 (hex) of the whole file, and the file piece by piece."""

    count: int
    sha256: str
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What an actor, in its role, may see of a trial's trail: of the `wanted` the events, newest first, as `told`."""

    by: Actor
    wanted: Wanted
    events: Events
    veil: Veil | None = None

    def told(self, events: Iterable[Any]) -> Iterator[Any]:
        """Yield events of the sight as this actor may see them."""
        return veiled(events, self.veil) if self.veil else iter(events)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    count: int
    data: bytes


class TrailChanged(RuntimeError):
    """The trail gave other bytes than those recorded: what was handed out so far must not pass for the whole."""


def export(*, by: Actor, trial: Trial, wanted: Wanted, form: Form) -> Export:
    """Hand out the wanted events, newest first, after recording that they were taken and what exactly.

    The file is built twice, once for its hash and once on its way: a trail of any length needs little memory, and none
    of it lies in a temporary file. The export's own event is not in it. An inspector's copy ends with whose
    it is.
    """
    sight = see(by, trial, wanted)
    by, sight = sight.by, replace(sight, events=_frozen(sight.events))
    count, hashed = 0, hashlib.sha256()
    mark = access.inspection_mark(by)
    for piece in _pieces(sight, form, mark=mark):
        count += piece.count
        hashed.update(piece.data)
    sha256 = hashed.hexdigest()
    after = {"events": count, "filter": sight.wanted.as_record(), "form": form, "sha256": sha256}
    with transaction.atomic():
        record(by=by, act="audit.exported", obj=_trail_of(trial), trial_code=trial.code, after=after)
        disclose(by=by, trial=trial, leaving=_leaving(trial, sha256))
    return Export(count=count, sha256=sha256, pieces=_checked(_pieces(sight, form, mark=mark), sha256))


def see(by: Actor, trial: Trial, wanted: Wanted) -> Sight:
    """Return what the actor may see of what is wanted: the trial's trail, that of its sites, a veiled one, or its own.

    Who says who may what sees no results, in the trail neither (C01). Raises Http404 and PermissionDenied as
    `trials.access`.
    """
    acts = access.acts_in(by, trial)
    if Act.HISTORY_VIEW in acts:
        return _sight(access.require(by, Act.AUDIT_VIEW, trial), trial, wanted)
    if Act.AUDIT_VIEW in acts:
        return _sight(access.require(by, Act.AUDIT_VIEW, trial), trial, replace(wanted, without=_RESULTS))
    if Act.TRAIL_SITE in acts:
        return _at_sites(access.require_in(by, Act.TRAIL_SITE, trial), trial, wanted)
    if Act.TRAIL_VEILED in acts:
        return _veiled(access.require(by, Act.TRAIL_VEILED, trial), trial, wanted)
    return _sight(access.require(by, Act.TRAIL_OWN, trial), trial, replace(wanted, person=by.id))


def _sight(by: Actor, trial: Trial, wanted: Wanted) -> Sight:
    return Sight(by=by, wanted=wanted, events=trial_events(trial_code=trial.code, wanted=wanted))


def _at_sites(by: Actor, trial: Trial, wanted: Wanted) -> Sight:
    """Return the events about what stands under the actor's sites."""
    roads = {model: getattr(model, "road", None) for model in apps.get_models()}
    of_sites = [model for model, road in roads.items() if road and road.site and road.view in _OF_SITES]
    conditions = [about(access.within(by, QuerySet(model), act=Act.TRAIL_SITE)) for model in of_sites]
    sight = _sight(by, trial, wanted)
    return replace(sight, events=sight.events.filter(reduce(or_, conditions)))


def _veiled(by: Actor, trial: Trial, wanted: Wanted) -> Sight:
    """Return events behind the veil. What is hidden is not searched, or the answer would tell it."""
    person = wanted.person if wanted.person == by.id else ""
    asked = replace(wanted, text="", person=person, without=WITHOUT, unsaid=UNSAID)
    return replace(_sight(by, trial, asked), veil=veil_for(trial, own=by.id))


@in_english
def _leaving(trial: Trial, sha256: str) -> Leaving:
    """A filter tells nothing of whom the events are about, so the trail of a trial counts as about all of them."""
    return Leaving(
        kind=Disclosure.Kind.TRAIL,
        what=str(_("audit trail")),
        sha256=sha256,
        purpose=str(_("oversight of the trial")),
        subjects=subjects_of(trial).values_list("code", flat=True),
    )


def _trail_of(trial: Trial) -> Thing:
    """The trail is no part of the trial's own record, which more people may see."""
    return Thing(kind="audit.Trail", key=trial.code, name=f"trail of {trial.code}")


def _frozen(events: Events) -> Events:
    """Leave out what comes from now on."""
    last = events.values_list("sequence", flat=True).first()
    return events.filter(sequence__lte=last or 0)


def _checked(pieces: Iterator[_Piece], sha256: str) -> Iterator[bytes]:
    """Yield the file; the last piece only once the whole is known to be the recorded one."""
    hashed, held = hashlib.sha256(), b""
    for piece in pieces:
        hashed.update(piece.data)
        yield held
        held = piece.data
    if hashed.hexdigest() != sha256:
        raise TrailChanged("the trail changed while it was being handed out")
    yield held


def _pieces(sight: Sight, form: Form, *, mark: str) -> Iterator[_Piece]:
    if form is Form.CSV:
        yield _Piece(count=0, data=_csv([COLUMNS]))
    rows = _rows(sight)
    while batch := _taken(sight.by, rows):
        yield _Piece(count=len(batch), data=_FORMS[form](batch))
    if mark:
        yield _Piece(count=0, data=_MARKS[form](mark))


def _rows(sight: Sight) -> Iterator[Row]:
    if sight.veil is None:
        return iter(sight.events.values_list(*COLUMNS).iterator(chunk_size=_PIECE))
    told = sight.told(sight.events.iterator(chunk_size=_PIECE))
    return (tuple(getattr(event, name) for name in COLUMNS) for event in told)


def _taken(by: Actor, rows: Iterator[Row]) -> list[Row]:
    # The file is still on its way when the request, and who acts in it, are over.
    with acting(by):
        return list(islice(rows, _PIECE))


def _csv(rows: Iterable[Row]) -> bytes:
    return sheet(cells(row) for row in rows)


def _json_lines(rows: Iterable[Row]) -> bytes:
    return b"".join(_json_line(row) for row in rows)


def _json_line(row: Row) -> bytes:
    told = dict(zip(COLUMNS, cells(row), strict=True)) | {"sequence": row[0]}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


_MARKS: dict[Form, Callable[[str], bytes]] = {
    Form.CSV: lambda mark: _csv([(mark,)]),
    Form.JSON_LINES: lambda mark: json.dumps({"inspection_copy": mark}, ensure_ascii=False).encode() + b"\n",
}
_FORMS: dict[Form, Callable[[Iterable[Row]], bytes]] = {Form.CSV: _csv, Form.JSON_LINES: _json_lines}


def review(*, by: Actor, trial: Trial, scope: reviewing.Scope, verdict: str, findings: str, seen: str) -> None:
    """Record a planned review of this trial's trail. Raises ValidationError as `audit.reviewing.review`."""
    by = access.require(by, Act.TRAIL_REVIEW, trial)
    if scope.trial_code != trial.code:
        raise ValueError("a review is about one trial")
    reviewing.review(by=by, scope=scope, verdict=verdict, findings=findings, seen=seen)

"""Taking the trail of a trial out of the house, and reviewing it: both are events themselves (11.10(e), A10, A15)."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any, TypeAlias

from django.db import transaction
from django.utils.translation import gettext as _

from audit import reviewing
from audit.actor import Actor
from audit.context import acting
from audit.lines import COLUMNS, cells
from audit.selectors import Events, Wanted, trial_events
from audit.services import Thing, record
from audit.sheets import sheet
from trials import access
from trials.models import Disclosure, Trial
from trials.roles import Act
from trials.selectors import subjects_of
from trials.services.ledger import Leaving, disclose

# Events that are read, and travel, in one piece.
_PIECE = 1000
# The apps whose rows tell what was read and reported.
_RESULTS = ("endpoints", "reports")
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
    by, wanted = reachable(by, trial, wanted)
    events = _frozen(trial_events(trial_code=trial.code, wanted=wanted))
    count, hashed = 0, hashlib.sha256()
    mark = access.inspection_mark(by)
    for piece in _pieces(by, events, form, mark=mark):
        count += piece.count
        hashed.update(piece.data)
    sha256 = hashed.hexdigest()
    after = {"events": count, "filter": wanted.as_record(), "form": form, "sha256": sha256}
    with transaction.atomic():
        record(by=by, act="audit.exported", obj=_trail_of(trial), trial_code=trial.code, after=after)
        disclose(by=by, trial=trial, leaving=_leaving(trial, sha256))
    return Export(count=count, sha256=sha256, pieces=_checked(_pieces(by, events, form, mark=mark), sha256))


def reachable(by: Actor, trial: Trial, wanted: Wanted) -> tuple[Actor, Wanted]:
    """Return the actor in its role, and as much of what is wanted as it may see: the trial's trail, or its own acts.

    Who says who may what sees no results, in the trail neither (C01). Raises Http404 and PermissionDenied as
    `trials.access`.
    """
    acts = access.acts_in(by, trial)
    if Act.HISTORY_VIEW in acts:
        return access.require(by, Act.AUDIT_VIEW, trial), wanted
    if Act.AUDIT_VIEW in acts:
        return access.require(by, Act.AUDIT_VIEW, trial), replace(wanted, without=_RESULTS)
    return access.require(by, Act.TRAIL_OWN, trial), replace(wanted, person=by.id)


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


def _pieces(by: Actor, events: Events, form: Form, *, mark: str) -> Iterator[_Piece]:
    if form is Form.CSV:
        yield _Piece(count=0, data=_csv([COLUMNS]))
    rows = iter(events.values_list(*COLUMNS).iterator(chunk_size=_PIECE))
    while batch := _taken(by, rows):
        yield _Piece(count=len(batch), data=_FORMS[form](batch))
    if mark:
        yield _Piece(count=0, data=_MARKS[form](mark))


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

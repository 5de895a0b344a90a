"""Taking the trail of a trial out of the house, and reviewing it: both are events themselves (11.10(e), A10, A15)."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, TypeAlias

from django.db import transaction

from audit import reviewing
from audit.actor import Actor
from audit.lines import COLUMNS, cells
from audit.selectors import Events, Wanted, trial_events
from audit.services import Thing, record
from audit.sheets import sheet
from trials import access
from trials.models import Trial
from trials.roles import Act

# Events that are read, and travel, in one piece.
_PIECE = 1000
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
    of it lies in a temporary file. The export's own event is not in it.
    """
    by = access.require(by, Act.AUDIT_VIEW, trial)
    events = _frozen(trial_events(trial_code=trial.code, wanted=wanted))
    count, hashed = 0, hashlib.sha256()
    for piece in _pieces(events, form):
        count += piece.count
        hashed.update(piece.data)
    sha256 = hashed.hexdigest()
    after = {"events": count, "filter": wanted.as_record(), "form": form, "sha256": sha256}
    with transaction.atomic():
        record(by=by, act="audit.exported", obj=_trail_of(trial), trial_code=trial.code, after=after)
    return Export(count=count, sha256=sha256, pieces=_checked(_pieces(events, form), sha256))


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


def _pieces(events: Events, form: Form) -> Iterator[_Piece]:
    if form is Form.CSV:
        yield _Piece(count=0, data=_csv([COLUMNS]))
    rows = iter(events.values_list(*COLUMNS).iterator(chunk_size=_PIECE))
    while batch := list(islice(rows, _PIECE)):
        yield _Piece(count=len(batch), data=_FORMS[form](batch))


def _csv(rows: Iterable[Row]) -> bytes:
    return sheet(cells(row) for row in rows)


def _json_lines(rows: Iterable[Row]) -> bytes:
    return b"".join(_json_line(row) for row in rows)


def _json_line(row: Row) -> bytes:
    told = dict(zip(COLUMNS, cells(row), strict=True)) | {"sequence": row[0]}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


_FORMS: dict[Form, Callable[[Iterable[Row]], bytes]] = {Form.CSV: _csv, Form.JSON_LINES: _json_lines}


def review(*, by: Actor, trial: Trial, scope: reviewing.Scope, verdict: str, findings: str, seen: str) -> None:
    """Record a planned review of this trial's trail. Raises ValidationError as `audit.reviewing.review`."""
    by = access.require(by, Act.AUDIT_VIEW, trial)
    if scope.trial_code != trial.code:
        raise ValueError("a review is about one trial")
    reviewing.review(by=by, scope=scope, verdict=verdict, findings=findings, seen=seen)

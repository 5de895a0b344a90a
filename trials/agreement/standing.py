"""Where a person stands: recorded rows folded, oldest first, into a state per form version and module."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from trials.agreement.levels import LEVELS, Level
from trials.agreement.states import MOVES, Event, Module, State, step


class Reconsent(StrEnum):
    """What a superseding version asks of those who signed an earlier one."""

    NONE = "none"
    ASK = "ask"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form version: `earlier` are the versions it supersedes; `is_open` at the person's site today."""

    key: int
    modules: frozenset[Module]
    valid_days: int | None = None
    reconsent: Reconsent = Reconsent.NONE
    earlier: frozenset[int] = frozenset()
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One recorded act. `of` is the key of the paper that a check judges; a withdrawal without modules has a level."""

    key: int
    form: int
    event: Event
    modules: frozenset[Module]
    on: dt.date
    level: Level | None = None
    of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleStanding:
    """The state of one module in one version.

    `was_valid`: it held until a level of withdrawal ended it. `said_no`: refused or taken back, with no checked paper
    since: neither asking again nor an unchecked signature lets an earlier version speak.
    """

    state: State = State.NOT_ASKED
    form: int = 0
    key: int = 0
    since: dt.date | None = None
    was_valid: bool = False
    said_no: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything that gates and pages ask. `pending` are the keys of papers that nobody has checked yet."""

    states: Mapping[tuple[int, Module], ModuleStanding]
    modules: Mapping[Module, ModuleStanding]
    level: Level | None
    withdrawal: int | None
    withdrawn_on: dt.date | None
    pending: tuple[int, ...]
    must_reconsent: bool

    def state_of(self, module: Module) -> State:
        return self.modules[module].state


_SAYS_NOTHING = frozenset({Event.ASKED, Event.GIVEN})
_SAYS_NO = {Event.REFUSED: True, Event.CONFIRMED: False}


@dataclass(slots=True)
class _Fold:
    """The work in progress of `stand`."""

    states: dict[tuple[int, Module], ModuleStanding] = field(default_factory=dict)
    papers: dict[int, Row] = field(default_factory=dict)
    withdrawal: Row | None = None

    def take(self, row: Row) -> None:
        if row.event is Event.WITHDRAWN:
            self._withdraw(row)
            return
        if row.event is Event.GIVEN:
            self.papers[row.key] = row
        paper = self.papers.pop(row.of, None) if row.of is not None else None
        for module in row.modules:
            self._move(row, module, since=paper.on if paper else None)
        if row.event is Event.CONFIRMED and paper is not None:
            self._lift(paper)

    def _move(self, row: Row, module: Module, *, since: dt.date | None) -> None:
        place = (row.form, module)
        before = self.states.get(place, ModuleStanding())
        self.states[place] = replace(
            before,
            state=step(before.state, row.event),
            form=row.form,
            # Asking and an unchecked signature say nothing yet: the last word stays the one before them.
            key=before.key if before.form and row.event in _SAYS_NOTHING else row.key,
            since=since or before.since,
            said_no=_SAYS_NO.get(row.event, before.said_no),
        )

    def _withdraw(self, row: Row) -> None:
        for module in LEVELS[row.level] if row.level else row.modules:
            held = _deciding(self.states, module)
            held_till_now = held.state is State.VALID or held.was_valid
            self._end(row, module, was_valid=held_till_now and row.level is not None and row.level is not Level.W6)
        if row.level and not (self.withdrawal and self.withdrawal.level and self.withdrawal.level > row.level):
            self.withdrawal = row
        if row.level and row.level.stops_collection:
            # A paper of before is no consent for what comes after.
            self.papers.clear()

    def _end(self, row: Row, module: Module, *, was_valid: bool) -> None:
        for place, before in self.states.items():
            if place[1] is not module:
                continue
            ends = (before.state, Event.WITHDRAWN) in MOVES
            ended = replace(before, state=State.WITHDRAWN, key=row.key, said_no=True) if ends else before
            self.states[place] = replace(ended, was_valid=was_valid)

    def _lift(self, paper: Row) -> None:
        """A person who signs anew after taking back, and whose paper holds, has agreed again (not past W5)."""
        gone = self.withdrawal
        if gone is not None and gone.level and not gone.level.is_final and paper.key > gone.key:
            self.withdrawal = None


def stand(rows: Iterable[Row], forms: Sequence[Form], *, today: dt.date) -> Standing:
    """Fold the rows (oldest first) and apply what follows from dates and newer forms. Raises OutOfOrderError."""
    fold = _Fold()
    for row in rows:
        fold.take(row)
    known = {form.key: form for form in forms}
    states = {place: _today(each, known, place[1], fold, today) for place, each in fold.states.items()}
    due = {each.form for each in states.values() if each.state is State.RECONSENT_DUE}
    gone = fold.withdrawal
    return Standing(
        states=states,
        modules={module: _deciding(states, module) for module in Module},
        level=gone.level if gone else None,
        withdrawal=gone.key if gone else None,
        withdrawn_on=gone.on if gone else None,
        pending=tuple(fold.papers),
        must_reconsent=any(form.reconsent is Reconsent.BLOCK and form.is_open and form.earlier & due for form in forms),
    )


def _today(
    standing: ModuleStanding, forms: Mapping[int, Form], module: Module, fold: _Fold, today: dt.date
) -> ModuleStanding:
    """Return the standing with expiry and supersession, which nobody records."""
    form = forms.get(standing.form)
    if form is None:
        return standing
    has_expired = form.valid_days is not None and standing.since and (today - standing.since).days > form.valid_days
    if standing.state is not State.VALID:
        return replace(standing, was_valid=False) if has_expired else standing
    if any(_asks_again(newer, form, module, fold) for newer in forms.values()):
        standing = replace(standing, state=step(standing.state, Event.SUPERSEDED))
    return replace(standing, state=step(standing.state, Event.EXPIRED)) if has_expired else standing


def _asks_again(newer: Form, form: Form, module: Module, fold: _Fold) -> bool:
    asks = newer.is_open and newer.reconsent is not Reconsent.NONE and form.key in newer.earlier
    signed = fold.states.get((newer.key, module))
    return asks and module in newer.modules and (signed is None or signed.state is not State.VALID)


# A version in one of these speaks for the person; in the others an earlier one still does.
_DECIDING = frozenset({State.VALID, State.RECONSENT_DUE, State.REFUSED, State.WITHDRAWN, State.EXPIRED})


def _deciding(states: Mapping[tuple[int, Module], ModuleStanding], module: Module) -> ModuleStanding:
    """The version whose word was recorded last, among those that decide; else the last of all."""
    mine = [each for place, each in states.items() if place[1] is module]
    mine.sort(key=lambda each: (each.key, each.was_valid))
    settled = [each for each in mine if each.state in _DECIDING or each.said_no]
    return (settled or mine or [ModuleStanding()])[-1]

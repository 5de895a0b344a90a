"""The seven gates, and what each level of withdrawal does to each: the table of design 3c as data."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from trials.agreement.levels import Level
from trials.agreement.standing import Standing
from trials.agreement.states import Module, State


class Gate(StrEnum):
    """An act that asks consent at its own moment."""

    RECEIVE = "receive"
    FILE = "file"
    ASSIGN = "assign"
    READ = "read"
    COMPUTE = "compute"
    EXPORT = "export"
    SECONDARY = "secondary"


class Effect(StrEnum):
    """What a level does at a gate. FINISH: what was assigned before goes on. MARKED: with date and level beside it."""

    OPEN = "open"
    FOLLOW_UP = "follow_up"
    EARLIER = "earlier"
    FINISH = "finish"
    MARKED = "marked"
    CLOSED = "closed"


class Allowed(StrEnum):
    """What a person at the site confirmed of one time point, so that its scan may still come."""

    FOLLOW_UP = "follow_up"
    EARLIER = "earlier"


class Why(StrEnum):
    OPEN = "open"
    MARKED = "marked"
    NOT_VALID = "not_valid"
    RECONSENT = "reconsent"
    FOLLOW_UP = "follow_up"
    EARLIER = "earlier"
    WITHDRAWN = "withdrawn"
    NEVER_VALID = "never_valid"
    RESTRICTED = "restricted"
    DATA_CLOSED = "data_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a gate needs: a module that is valid; `is_use` where a restriction (GDPR 18) stops it.

    `is_new_scan` where a version that blocks until it is signed stops it; `is_edit` where it makes or changes data
    that are analysed, which ends when the trial's data are closed (C09).
    """

    module: Module
    is_use: bool = True
    is_new_scan: bool = False
    is_edit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    is_open: bool
    why: Why


GATES: dict[Gate, Rule] = {
    Gate.RECEIVE: Rule(module=Module.IMAGING, is_use=False, is_new_scan=True, is_edit=True),
    # What came before the new version was asked for is stored; only the next scan waits.
    Gate.FILE: Rule(module=Module.IMAGING, is_use=False, is_edit=True),
    Gate.ASSIGN: Rule(module=Module.IMAGING, is_edit=True),
    Gate.READ: Rule(module=Module.IMAGING),
    Gate.COMPUTE: Rule(module=Module.COMPUTING, is_edit=True),
    Gate.EXPORT: Rule(module=Module.SPONSOR_EXPORT),
    Gate.SECONDARY: Rule(module=Module.SECONDARY),
}

_O, _X = Effect.OPEN, Effect.CLOSED
_F, _E, _R, _M = Effect.FOLLOW_UP, Effect.EARLIER, Effect.FINISH, Effect.MARKED
_BY_LEVEL: dict[Gate, tuple[Effect, ...]] = {
    #               W1  W2  W3  W4  W5  W6
    Gate.RECEIVE: (_O, _F, _E, _E, _E, _X),
    Gate.FILE: (_O, _F, _E, _E, _E, _X),
    Gate.ASSIGN: (_O, _O, _X, _X, _X, _X),
    Gate.READ: (_O, _O, _R, _R, _R, _X),
    Gate.COMPUTE: (_O, _O, _X, _X, _X, _X),
    Gate.EXPORT: (_O, _O, _M, _M, _M, _X),
    Gate.SECONDARY: (_O, _O, _M, _X, _X, _X),
}
EFFECTS: dict[tuple[Gate, Level], Effect] = {
    (gate, level): effect for gate, effects in _BY_LEVEL.items() for level, effect in zip(Level, effects, strict=True)
}

_COVERING = frozenset({State.VALID, State.RECONSENT_DUE})
_NEEDED = {Effect.FOLLOW_UP: Allowed.FOLLOW_UP, Effect.EARLIER: Allowed.EARLIER}


def judge(
    standing: Standing,
    gate: Gate,
    *,
    is_restricted: bool,
    is_closed: bool = False,
    allowed: AbstractSet[Allowed] = frozenset(),
) -> Answer:
    """Answer whether the act may happen now, and why not. What is not plainly open is closed."""
    rule, effect = GATES[gate], _effect(standing, gate)
    if effect is Effect.CLOSED:
        return _no(Why.NEVER_VALID if standing.level is Level.W6 else Why.WITHDRAWN)
    if not _is_covered(standing, rule.module):
        return _no(Why.WITHDRAWN if standing.state_of(rule.module) is State.WITHDRAWN else Why.NOT_VALID)
    if (is_restricted and rule.is_use) or (is_closed and rule.is_edit):
        return _no(Why.RESTRICTED if is_restricted and rule.is_use else Why.DATA_CLOSED)
    if effect in _NEEDED and _NEEDED[effect] not in allowed:
        return _no(Why(effect.value))
    if rule.is_new_scan and standing.must_reconsent:
        return _no(Why.RECONSENT)
    return Answer(is_open=True, why=Why.MARKED if effect is Effect.MARKED else Why.OPEN)


def _effect(standing: Standing, gate: Gate) -> Effect:
    return EFFECTS[gate, standing.level] if standing.level else Effect.OPEN


def _is_covered(standing: Standing, module: Module) -> bool:
    """Whether the module is valid, or was when a level of withdrawal ended it: then the table says what goes on."""
    mine = standing.modules[module]
    return mine.state in _COVERING or (mine.was_valid and standing.level is not None)


def _no(why: Why) -> Answer:
    return Answer(is_open=False, why=why)

"""Who acts here and now: what the database's row triggers are told about whoever makes them write.

Every door opens a context (middleware, Celery signals, management commands); without one the database refuses to write.
"""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from audit.actor import MACHINE, Actor
from audit.version import VERSION

_OPEN: ContextVar["Context | None"] = ContextVar("corelab_context", default=None)
_WIDENED: ContextVar[str] = ContextVar("corelab_widened", default="")


@dataclass(frozen=True)
class Context:
    """An actor at work, and the reason given for what is being changed ("" where none was asked)."""

    actor: Actor
    reason: str = ""

    @cached_property
    def told(self) -> dict[str, str]:
        """Return what every row event repeats, under the names of its columns."""
        return {
            "actor_id": self.actor.id,
            "actor_name": self.actor.name,
            "role": self.actor.role,
            "on_behalf_of": self.actor.on_behalf_of,
            "request_id": self.actor.request_id,
            "source": self.actor.source,
            "software_version": VERSION,
            "reason": self.reason,
        }

    @cached_property
    def _opened(self) -> str:
        return json.dumps(self.told)[:-1]

    def at(self, moment: dt.datetime) -> str:
        """Return what the database is told at a moment, as JSON."""
        return f'{self._opened}, "at": "{moment.isoformat()}"}}'


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the database's fence lets a statement see: a person by the key of the account, a machine everywhere.

    Both are "" where nobody acts: then no fenced row is there.
    """

    person: str = ""
    machine: str = ""


def reach() -> Reach:
    """Return whose rows the next statement may see; only this module names a machine."""
    here, ground = _OPEN.get(), _WIDENED.get()
    if here is None:
        return Reach(machine=ground)
    if here.actor.user_id is not None:
        return Reach(person=str(here.actor.user_id), machine=ground)
    return Reach(machine=ground or (here.actor.id if here.actor.id.startswith(MACHINE) else ""))


@contextmanager
def widened(ground: str) -> Iterator[None]:
    """Let our own code pass the database's fence for one block; who acts stays who acted.

    For the few things no membership can reach yet or at all: `ground` says which, and a test names every place.
    """
    token = _WIDENED.set(ground)
    try:
        yield
    finally:
        _WIDENED.reset(token)


def current() -> Context | None:
    return _OPEN.get()


def told(name: str) -> str:
    """Return what the context tells under the name of a column; "" where nobody acts, and nothing is written then."""
    here = _OPEN.get()
    return here.told[name] if here else ""


@contextmanager
def acting(by: Actor, *, reason: str = "") -> Iterator[None]:
    """Let `by` act until the block ends, then whoever acted before."""
    token = _OPEN.set(Context(actor=by, reason=reason))
    try:
        yield
    finally:
        _OPEN.reset(token)


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Give the reason for what the block changes. Raises LookupError where nobody acts."""
    here = _OPEN.get()
    if here is None:
        raise LookupError("a reason belongs to somebody who acts")
    with acting(here.actor, reason=reason):
        yield


def admit(by: Actor) -> None:
    """Let an actor whose right was just asked act from here on, in the role that admitted it.

    It holds until the door's own context ends. A reason that stands already is kept where the same one gave it.
    """
    here = _OPEN.get()
    is_same = here is not None and here.actor.id == by.id
    _OPEN.set(Context(actor=by, reason=here.reason if here and is_same else ""))


def require_reason(reason: str) -> None:
    """Raise ValidationError (`no-reason`): a saved value changes with a reason only (A03, EMA 6.2.1)."""
    if not reason.strip():
        raise ValidationError(_("Say why this value changes. Nothing was changed."), code="no-reason")

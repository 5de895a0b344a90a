"""Frozen dataclasses as plain JSON values and back, by the types of their fields: how results leave the child."""

import datetime as dt
import functools
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from imaging.fence.framing import Garbled


def to_plain(value: Any, *, without: str = "") -> Any:
    """Return a value of fields, dates, tuples and mappings as JSON has them; the field `without` goes apart."""
    if is_dataclass(value) and not isinstance(value, type):
        told = [field.name for field in fields(value) if field.name != without]
        return {name: to_plain(getattr(value, name)) for name in told}
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [to_plain(each) for each in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def from_plain(kind: Any, plain: Any) -> Any:
    """Build a value of a type (a dataclass, `tuple[str, ...]`, `int | None`) again. Raises Garbled where it is not."""
    try:
        return _builder(kind)(plain)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise Garbled from None


@functools.cache
def _builder(kind: Any) -> Callable[[Any], Any]:
    """What builds values of a type; made once, since it is asked for every file."""
    if is_dataclass(kind):
        return _dataclass_builder(kind)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        build = _builder(next(each for each in inner if each is not type(None)))
        return lambda plain: None if plain is None else build(plain)
    if origin in (tuple, list, frozenset):
        return _sequence_builder(origin, inner)
    if origin is not None and issubclass(origin, Mapping):
        # JSON knows no key that is no text.
        value = _builder(inner[1])
        return lambda plain: {name: value(each) for name, each in plain.items()}
    return _scalar_builder(kind)


def _dataclass_builder(kind: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    builders = {field.name: _builder(hints[field.name]) for field in fields(kind)}
    return lambda plain: kind(**{name: build(plain[name]) for name, build in builders.items()})


def _sequence_builder(origin: Callable[[Any], Any], inner: tuple[Any, ...]) -> Callable[[Any], Any]:
    if inner[-1] is not ... and origin is tuple:
        builders = [_builder(each) for each in inner]
        return lambda plain: tuple(build(each) for build, each in zip(builders, plain, strict=True))
    one = _builder(inner[0])
    return lambda plain: origin([one(each) for each in plain])


def _scalar_builder(kind: type) -> Callable[[Any], Any]:
    if issubclass(kind, dt.date):
        return kind.fromisoformat
    if issubclass(kind, Enum):
        return kind

    def build(plain: Any) -> Any:
        if type(plain) is kind:
            return plain
        if kind is float and type(plain) is int:
            return float(plain)
        raise TypeError

    return build

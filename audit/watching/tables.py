"""What a row trigger must know of a table, read from its Django model: the same for both databases."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import Model

# Columns of these types never go into the trail as they are: they hold keys, sealed or destroyed one day.
_BINARY = "BinaryField"
_STEP = "(SELECT {column} FROM {table} WHERE {key} = {value})"
_CODE = "coalesce((SELECT code FROM {table} WHERE id = {value}), '')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How the rows of a model are watched; a model that says nothing is watched whole.

    `quiet` columns are left out (leases, clocks of machines, tokens that must be able to vanish). `digested` ones
    appear as SHA-256 alone (secrets, bulky texts). A change of a `reasoned` one is refused without a reason (A03, EMA
    6.2.1).
    """

    quiet: tuple[str, ...] = ()
    digested: tuple[str, ...] = ()
    reasoned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    # Django's name of the type that is stored: a foreign key has that of what it points at.
    kind: str
    places: int = 0
    is_digested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A watched table with the columns that are told.

    `trial` is SQL for the code of the trial a row belongs to, with {row} for the row.
    """

    name: str
    label: str
    key: Column
    columns: tuple[Column, ...]
    trial: str
    reasoned: tuple[Column, ...]


def describe(model: type[Model], *, watch: Watch, trial: str) -> Table:
    """Read a model, of today or of a migration's history; `trial` is its lookup path to the trial ("" for none)."""
    told = [field for field in model._meta.local_concrete_fields if field.column not in watch.quiet]
    # By name: a migration's history knows the columns in another order.
    columns = tuple(sorted((_column(field, watch) for field in told), key=attrgetter("name")))
    key: Any = model._meta.pk
    return Table(
        name=model._meta.db_table,
        label=model._meta.label,
        key=next(column for column in columns if column.name == key.column),
        columns=columns,
        trial=_trial(model, trial),
        reasoned=tuple(column for column in columns if column.name in watch.reasoned),
    )


def _column(field: Any, watch: Watch) -> Column:
    stored = field
    while stored.is_relation:
        stored = stored.target_field
    kind = stored.get_internal_type()
    places = getattr(stored, "decimal_places", 0)
    is_digested = kind == _BINARY or field.column in watch.digested
    return Column(name=field.column, kind=kind, places=places, is_digested=is_digested)


def _trial(model: type[Model], path: str) -> str:
    """Return a scalar SELECT that follows the foreign keys of `path` from {row} to the trial's code."""
    if not path:
        return "''"
    if path == "self":
        return "{row}.code"
    first, *steps = path.split("__")
    # A road is made of foreign keys, which Django's type of a field does not know.
    field: Any = model._meta.get_field(first)
    value = f"{{row}}.{field.column}"
    for step in steps:
        here = field.related_model._meta
        field = here.get_field(step)
        value = _STEP.format(column=field.column, table=here.db_table, key=here.pk.column, value=value)
    return _CODE.format(table=field.related_model._meta.db_table, value=value)

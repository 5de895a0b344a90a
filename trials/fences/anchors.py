"""The subject beside each row of a large table deep under it, in a column that Django does not know.

A policy then walks one step instead of four. Such a row never moves to another subject: a trigger refuses that, and
writes the column whatever the statement said.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Model

from trials.fences.tables import Way

COLUMN = "corelab_subject"
SUBJECT = "trials.Subject"
_FUNCTION = """
CREATE OR REPLACE FUNCTION {table}_anchored() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.{fk} IS DISTINCT FROM OLD.{fk} THEN
    RAISE EXCEPTION 'a row stays under its subject: % refused on %', TG_OP, TG_TABLE_NAME;
  END IF;{write}
  RETURN NEW;
END $$
"""
_TRIGGER = (
    "CREATE TRIGGER {table}_anchored BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION "
    "{table}_anchored()"
)


def anchors(model: type[Model], way: Way) -> tuple[str, ...]:
    """Return the statements that give the rows of a model their column, old rows too.

    Guards stand aside for the old ones: nothing changes that they keep.
    """
    table = model._meta.db_table
    return (
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {COLUMN} bigint",
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"UPDATE {table} SET {COLUMN} = {subject_of(model, way.site, row=table)}",  # noqa: S608  our own names
        f"ALTER TABLE {table} ENABLE TRIGGER USER",
        *_kept(model, way.site.partition("__")[0], f"\n  NEW.{COLUMN} := {subject_of(model, way.site, row='NEW')};"),
    )


def held(model: type[Model], field: str) -> tuple[str, ...]:
    """Return the statements that keep a row where its foreign key put it: what hangs on it is anchored."""
    return _kept(model, field, "")


def released(model: type[Model]) -> tuple[str, ...]:
    """Return the statement that takes the trigger away again."""
    return (f"DROP TRIGGER IF EXISTS {model._meta.db_table}_anchored ON {model._meta.db_table}",)


def _kept(model: type[Model], field: str, write: str) -> tuple[str, ...]:
    foreign_key: Any = model._meta.get_field(field)
    table = model._meta.db_table
    function = _FUNCTION.format(table=table, fk=foreign_key.column, write=write)
    return (function, *released(model), _TRIGGER.format(table=table))


def subject_of(model: type[Model], path: str, *, row: str) -> str:
    """Return the SQL that follows the foreign keys of a road from a row to its subject.

    Raises ValueError where the road does not pass one.
    """
    for value, label in _steps(model, path, row):
        if label == SUBJECT:
            return value
    raise ValueError(f"{model._meta.label} has no subject on its road")


def trial_of(model: type[Model], path: str, *, row: str) -> str:
    """Return the SQL that follows the foreign keys of a road from a row to its end."""
    return [value for value, _label in _steps(model, path, row)][-1]


def passes_subject(model: type[Model], path: str) -> bool:
    return any(label == SUBJECT for _value, label in _steps(model, path, ""))


def _steps(model: type[Model], path: str, row: str) -> Iterator[tuple[str, str]]:
    """Yield, for each foreign key of a road, the SQL of its value and the label of the model it points at."""
    first, *steps = path.split("__")
    field: Any = model._meta.get_field(first)
    value = f"{row}.{field.column}"
    yield value, field.related_model._meta.label
    for step in steps:
        here = field.related_model._meta
        field = here.get_field(step)
        value = f"(SELECT v.{field.column} FROM {here.db_table} v WHERE v.{here.pk.column} = {value})"  # noqa: S608  our own names
        yield value, field.related_model._meta.label

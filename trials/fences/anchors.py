"""Subject, site and trial beside each row of a large table deep under them, in columns that Django does not know.

A policy is then flat instead of four steps long, and a page in order of keys reads an index. Such a row never moves to
another subject, nor a subject to another site: triggers refuse that, and write the columns whatever the statement said.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Model

from trials.fences.tables import Way

COLUMN, SITE, TRIAL = "corelab_subject", "corelab_site", "corelab_trial"
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
# What a row answers to: its subject's, or that of the anchored row it hangs on.
_OF_SUBJECT = (
    "SELECT s.id, s.trial_site_id, x.trial_id FROM trials_subject s JOIN trials_trialsite x ON x.id = s.trial_site_id "
    "WHERE s.id = {fk}"
)
_OF_PARENT = f"SELECT p.{COLUMN}, p.{SITE}, p.{TRIAL} FROM {{parent}} p WHERE p.id = {{fk}}"  # noqa: S608  our own names


def anchors(model: type[Model], way: Way) -> tuple[str, ...]:
    """Return the statements that give the rows of a model their columns, old rows too, and an index to page by.

    What the model hangs on is anchored before. Guards stand aside for the old rows: nothing changes that they keep.
    """
    table, field = model._meta.db_table, way.site.partition("__")[0]
    foreign_key: Any = model._meta.get_field(field)
    parent = _OF_SUBJECT if foreign_key.related_model._meta.label == SUBJECT else _OF_PARENT
    asked = parent.replace("{parent}", foreign_key.related_model._meta.db_table)
    old, new = (asked.replace("{fk}", f"{row}.{foreign_key.column}") for row in (table, "NEW"))
    written = f"NEW.{COLUMN}, NEW.{SITE}, NEW.{TRIAL}"
    return (
        *(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} bigint" for name in (COLUMN, SITE, TRIAL)),
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"UPDATE {table} SET ({COLUMN}, {SITE}, {TRIAL}) = ({old})",  # noqa: S608  our own names
        f"ALTER TABLE {table} ENABLE TRIGGER USER",
        *_kept(model, field, f"\n  {new.replace(' FROM', f' INTO {written} FROM', 1)};"),
        *(f"CREATE INDEX IF NOT EXISTS {table}_{name} ON {table} ({name}, id)" for name in (SITE, TRIAL)),
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

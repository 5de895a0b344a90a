"""Triggers that make a table append-only, the same on SQLite and PostgreSQL; migrations install them."""

from collections.abc import Callable
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython

_FUNCTION = """
CREATE OR REPLACE FUNCTION corelab_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'evidence is append-only: % refused on %', TG_OP, TG_TABLE_NAME; END $$
"""


def install(execute: Callable[[str], object], *, vendor: str, table: str) -> None:
    """Refuse UPDATE, DELETE (and on PostgreSQL TRUNCATE) of `table` from now on."""
    for statement in _POSTGRESQL if vendor == "postgresql" else _SQLITE:
        execute(statement.format(table=table))


def remove(execute: Callable[[str], object], *, vendor: str, table: str) -> None:
    """Take the triggers of `table` away: for migrating back, and for emptying a test database."""
    for name in ("truncate", "row") if vendor == "postgresql" else ("update", "delete"):
        suffix = f" ON {table}" if vendor == "postgresql" else ""
        execute(f"DROP TRIGGER IF EXISTS {table}_no_{name}{suffix}")


_EXECUTE = " EXECUTE FUNCTION corelab_append_only()"
_POSTGRESQL = (
    _FUNCTION,
    "CREATE TRIGGER {table}_no_row BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW" + _EXECUTE,
    "CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT" + _EXECUTE,
)
_SQLITE = tuple(
    f"CREATE TRIGGER {{table}}_no_{verb.lower()} BEFORE {verb} ON {{table}} "
    f"BEGIN SELECT RAISE(ABORT, 'evidence is append-only: {verb} refused'); END"
    for verb in ("UPDATE", "DELETE")
)


def append_only(table: str) -> RunPython:
    """Return the migration operation that guards `table`."""

    def forwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        install(_runner(editor), vendor=editor.connection.vendor, table=table)

    def backwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        remove(_runner(editor), vendor=editor.connection.vendor, table=table)

    return RunPython(forwards, backwards)


def _runner(editor: BaseDatabaseSchemaEditor) -> Callable[[str], object]:
    # No parameters: the SQL holds % signs of its own.
    return lambda sql: editor.execute(sql, params=None)

"""The migration operation that has the rows of a model watched: `watched("Subject", trial="trial_site__trial")`.

Name it again after any migration that changes the table: SQLite builds such a table anew without its triggers, and on
both databases the events then tell other columns. Rows that stand already are told once more as `row.adopted`.
"""

import re
import uuid
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Model

from audit.actor import machine
from audit.context import acting
from audit.guards import Execute, Installing, runner
from audit.watching import postgresql, sqlite
from audit.watching.tables import Table, Watch, describe

_LIVE = "SELECT {key}, {row} FROM {table} r"
_WORDS = ("added", "changed", "removed")


def definitions(table: Table, *, vendor: str) -> dict[str, str]:
    """Return the triggers of a table by name."""
    return postgresql.triggers(table) if vendor == "postgresql" else sqlite.triggers(table)


def install(execute: Execute, *, vendor: str, table: Table) -> None:
    """Watch the table from now on, in place of whatever watched it before."""
    remove(execute, vendor=vendor, table=table.name)
    if vendor == "postgresql":
        for function in postgresql.functions(table).values():
            execute(function)
    else:
        share(execute)
    for definition in definitions(table, vendor=vendor).values():
        execute(definition)


def share(execute: Execute) -> None:
    """Have on SQLite what the triggers of all tables tell by."""
    for definition in sqlite.SHARED.values():
        execute(re.sub("^CREATE (VIEW|TRIGGER)", r"CREATE \1 IF NOT EXISTS", definition))


def remove(execute: Execute, *, vendor: str, table: str) -> None:
    for word in (*_WORDS, "emptied") if vendor == "postgresql" else _WORDS:
        execute(f"DROP TRIGGER IF EXISTS {table}_{word}" + (f" ON {table}" if vendor == "postgresql" else ""))


def adopt(execute: Execute, *, vendor: str, table: Table) -> None:
    """Tell of the rows that stand in the table, so that a replay knows where each began."""
    execute(postgresql.adopt(table) if vendor == "postgresql" else sqlite.adopt(table))


def live(table: Table, *, vendor: str) -> str:
    """SELECT of (key, row as JSON) over the whole table, as the triggers would tell it."""
    dialect = postgresql if vendor == "postgresql" else sqlite
    return _LIVE.format(key=dialect.key(table.key, "r"), row=dialect.row(table, "r"), table=table.name)


def watched(
    model: str,
    *,
    trial: str = "",
    quiet: tuple[str, ...] = (),
    digested: tuple[str, ...] = (),
    reasoned: tuple[str, ...] = (),
) -> Installing:
    """Return the operation. `model` is app.Model, or app.Model.field for the rows of a many-to-many field.

    `trial` is the lookup path from a row to its trial; the rest as in Watch. A test compares all of it with what the
    model of today declares.
    """
    watch = Watch(quiet=quiet, digested=digested, reasoned=reasoned)

    def forwards(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        table = describe(_model(apps, model), watch=watch, trial=trial)
        vendor, execute = editor.connection.vendor, runner(editor)
        if vendor == "postgresql":
            # Foreign keys wait for their check until commit, and a table with waiting checks takes no trigger.
            execute("SET CONSTRAINTS ALL IMMEDIATE")
        install(execute, vendor=vendor, table=table)
        with acting(machine("migrate", source="command", request_id=uuid.uuid4().hex)):
            adopt(execute, vendor=vendor, table=table)

    def backwards(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        table = _model(apps, model)._meta.db_table
        remove(runner(editor), vendor=editor.connection.vendor, table=table)

    return Installing(forwards, backwards)


def _model(apps: Any, name: str) -> type[Model]:
    app, label, *field = name.split(".")
    model: type[Model] = apps.get_model(app, label)
    return getattr(model, field[0]).through if field else model

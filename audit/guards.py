"""Triggers that keep evidence as it is, the same on SQLite and PostgreSQL; migrations install them.

Three kinds: a table that only grows (`append_only`; the trail itself may also be masked, `trail`), rows that freeze in
a state (`frozen`), and a column that keeps what it was given (`fixed`). Changing such a table makes SQLite build it
anew without its triggers, so a migration that does must name the guards of the table again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import router
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython
from django.db.migrations.state import ProjectState

Execute = Callable[[str], object]


class Installing(RunPython):
    """RunPython that asks models for names of tables, columns and roads alone.

    Django builds every model anew before each RunPython, in case a related one lacks its newest column: with some
    hundred guards, watches and fences that was two thirds of what a first start took.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,  # noqa: ARG002  Django names it
    ) -> None:
        if router.allow_migrate(schema_editor.connection.alias, app_label, **self.hints):
            self.code(from_state.apps, schema_editor)


_FUNCTION = """
CREATE OR REPLACE FUNCTION corelab_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'evidence is append-only: % refused on %', TG_OP, TG_TABLE_NAME; END $$
"""
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
_REFUSE_FROZEN = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {condition} THEN RAISE EXCEPTION 'evidence is frozen: % refused on %', TG_OP, TG_TABLE_NAME; END IF;
  RETURN {row};
END $$
"""
_VERBS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


def install(execute: Execute, *, vendor: str, table: str) -> None:
    """Refuse UPDATE, DELETE (and on PostgreSQL TRUNCATE) of `table` from now on."""
    for statement in _POSTGRESQL if vendor == "postgresql" else _SQLITE:
        execute(statement.format(table=table))


def remove(execute: Execute, *, vendor: str, table: str) -> None:
    """Take the triggers of `table` away: for migrating back, and for emptying a test database."""
    for name in ("truncate", "row") if vendor == "postgresql" else ("update", "delete"):
        suffix = f" ON {table}" if vendor == "postgresql" else ""
        execute(f"DROP TRIGGER IF EXISTS {table}_no_{name}{suffix}")


def lifted(table: str) -> Installing:
    """Return the migration operation that takes the guard of `append_only` away while the table is rebuilt."""
    return Installing(*reversed(_steps(table)))


def append_only(table: str) -> Installing:
    """Return the migration operation that guards `table`."""
    return Installing(*_steps(table))


def _steps(table: str) -> tuple[Any, Any]:

    def forwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        install(runner(editor), vendor=editor.connection.vendor, table=table)

    def backwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        remove(runner(editor), vendor=editor.connection.vendor, table=table)

    return forwards, backwards


# The one change an event may see: its payload and salt go, after another event said why and by whom (A14).
_PAYLOAD = ("object_label", "before", "after", "reason")
_IS_MASKING = """{same}
  AND {empty} AND NEW.commitment = '{zeros}' || substr(OLD.commitment, 33)
  AND EXISTS (SELECT 1 FROM audit_auditevent WHERE act = 'trail.masked' AND object_type = 'audit.AuditEvent'
    AND object_id = CAST(OLD.sequence AS text))"""
_TRAIL_FUNCTION = """
CREATE OR REPLACE FUNCTION corelab_trail_only_masked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {masking} THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'evidence is append-only: % refused on %', TG_OP, TG_TABLE_NAME;
END $$
"""


def guard_trail(execute: Execute, *, vendor: str, columns: tuple[str, ...]) -> None:
    """Let the trail grow and be masked, and nothing else; on SQLite only through connections of ours."""
    table, masking = "audit_auditevent", _is_masking(vendor, columns)
    install(execute, vendor=vendor, table=table)
    if vendor == "postgresql":
        execute(_TRAIL_FUNCTION.format(masking=masking))
        execute(f"DROP TRIGGER {table}_no_row ON {table}")
        execute(_POSTGRESQL[1].format(table=table).replace("UPDATE OR DELETE", "DELETE"))
        name = f"CREATE TRIGGER {table}_only_masked BEFORE UPDATE ON {table} FOR EACH ROW"
        execute(f"{name} EXECUTE FUNCTION corelab_trail_only_masked()")
        return
    execute(f"DROP TRIGGER {table}_no_update")
    refuse = "SELECT RAISE(ABORT, 'evidence is append-only: UPDATE refused')"
    execute(f"CREATE TRIGGER {table}_only_masked BEFORE UPDATE ON {table} WHEN NOT ({masking}) BEGIN {refuse}; END")
    # A foreign shell has no such function, so that not even INSERT OR REPLACE reaches the table.
    known = "SELECT corelab_context('actor_id')"
    execute(f"CREATE TRIGGER {table}_by_us BEFORE INSERT ON {table} BEGIN {known}; END")


def _is_masking(vendor: str, columns: tuple[str, ...]) -> str:
    equals = "IS NOT DISTINCT FROM" if vendor == "postgresql" else "IS"
    kept = [f"OLD.{name} {equals} NEW.{name}" for name in columns if name not in (*_PAYLOAD, "commitment")]
    empty = [f"NEW.{name} = ''" for name in _PAYLOAD]
    return _IS_MASKING.format(same=" AND ".join(kept), empty=" AND ".join(empty), zeros="0" * 32)


def unguard_trail(execute: Execute, *, vendor: str) -> None:
    """Take those triggers away: for migrating, and for tampering in a test."""
    table = "audit_auditevent"
    remove(execute, vendor=vendor, table=table)
    for name in ("only_masked", "by_us"):
        execute(f"DROP TRIGGER IF EXISTS {table}_{name}" + (f" ON {table}" if vendor == "postgresql" else ""))


def trail() -> Installing:
    """Return the migration operation that guards the table of events."""

    def forwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        columns = columns_of(editor, "audit_auditevent")
        guard_trail(runner(editor), vendor=editor.connection.vendor, columns=columns)

    def backwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        unguard_trail(runner(editor), vendor=editor.connection.vendor)

    return Installing(forwards, backwards)


def columns_of(editor: BaseDatabaseSchemaEditor, table: str) -> tuple[str, ...]:
    with editor.connection.cursor() as cursor:
        described = editor.connection.introspection.get_table_description(cursor, table)
    return tuple(column.name for column in described)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Rows of `table` are frozen while their state, or that of the row they belong to, is one of `states`.

    `owner` is SQL for the owner's state, with {row} for the row itself; "" where the state is the row's own.
    `move` names the one change of the state column that a frozen row may still make, all else being equal.
    """

    table: str
    states: tuple[str, ...]
    owner: str = ""
    move: tuple[str, str] | None = None

    def is_frozen(self, row: str) -> str:
        state = f"({self.owner.format(row=row)})" if self.owner else f"{row}.state"
        return f"{state} IN ({', '.join(map(_quote, self.states))})"

    def conditions(self, *, vendor: str, columns: tuple[str, ...]) -> dict[str, str]:
        """Return by verb the SQL that refuses it; `columns` are all of the table."""
        old, new = self.is_frozen("OLD"), self.is_frozen("NEW")
        if self.owner:
            return {"INSERT": new, "UPDATE": f"{old} OR {new}", "DELETE": old}
        return {"UPDATE": f"{old}{self._except_move(vendor, columns)}", "DELETE": old}

    def _except_move(self, vendor: str, columns: tuple[str, ...]) -> str:
        if self.move is None:
            return ""
        before, after = map(_quote, self.move)
        # NULL equals NULL; SQLite knows the standard's words only since 3.39.
        equals = "IS NOT DISTINCT FROM" if vendor == "postgresql" else "IS"
        same = [f"OLD.{name} {equals} NEW.{name}" for name in columns if name != "state"]
        return f" AND NOT ({' AND '.join([f'OLD.state = {before}', f'NEW.state = {after}', *same])})"


def _quote(word: str) -> str:
    return f"'{word}'"


def freeze(execute: Execute, *, vendor: str, rule: Freeze, columns: tuple[str, ...]) -> None:
    """Refuse from now on what `rule` forbids (and on PostgreSQL TRUNCATE, whatever the states)."""
    for verb, condition in rule.conditions(vendor=vendor, columns=columns).items():
        name = f"{rule.table}_frozen_{verb.lower()}"
        if vendor == "postgresql":
            row = "OLD" if verb == "DELETE" else "NEW"
            execute(_REFUSE_FROZEN.format(name=name, condition=condition, row=row))
            execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {rule.table} FOR EACH ROW EXECUTE FUNCTION {name}()")
        else:
            refuse = f"SELECT RAISE(ABORT, 'evidence is frozen: {verb} refused')"
            execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {rule.table} WHEN {condition} BEGIN {refuse}; END")
    if vendor == "postgresql":
        name = f"{rule.table}_frozen_truncate"
        execute(_REFUSE_FROZEN.format(name=name, condition="true", row="NULL"))
        execute(f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {rule.table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")


def thaw(execute: Execute, *, vendor: str, table: str) -> None:
    """Take the triggers of `freeze` away: for migrating back, and for tampering in a test."""
    if vendor == "postgresql":
        # Foreign keys wait for their check until commit, and a table with waiting checks is not altered.
        execute("SET CONSTRAINTS ALL IMMEDIATE")
    for verb in map(str.lower, _VERBS):
        execute(f"DROP TRIGGER IF EXISTS {table}_frozen_{verb}" + (f" ON {table}" if vendor == "postgresql" else ""))
        if vendor == "postgresql":
            execute(f"DROP FUNCTION IF EXISTS {table}_frozen_{verb}()")


def frozen(table: str, *, states: tuple[str, ...], owner: str = "", move: tuple[str, str] | None = None) -> Installing:
    """Return the migration operation that freezes rows of `table` by state (see Freeze), in place of one before it."""
    rule = Freeze(table=table, states=states, owner=owner, move=move)

    def forwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        thaw(runner(editor), vendor=editor.connection.vendor, table=table)
        freeze(runner(editor), vendor=editor.connection.vendor, rule=rule, columns=columns_of(editor, table))

    def backwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        thaw(runner(editor), vendor=editor.connection.vendor, table=table)

    return Installing(forwards, backwards)


def fixed(table: str, column: str) -> RunPython:
    """Return the migration operation after which no row of `table` is given another `column`."""
    name = f"{table}_{column}_fixed"

    def forwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        begin = f"CREATE TRIGGER {name} BEFORE UPDATE ON {table}"
        if editor.connection.vendor == "postgresql":
            changed = f"OLD.{column} IS DISTINCT FROM NEW.{column}"
            runner(editor)(f"{begin} FOR EACH ROW WHEN ({changed}){_EXECUTE}")
        else:
            refuse = f"SELECT RAISE(ABORT, 'evidence is append-only: {column} refused')"
            runner(editor)(f"{begin} WHEN OLD.{column} IS NOT NEW.{column} BEGIN {refuse}; END")

    def backwards(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        unfix(runner(editor), vendor=editor.connection.vendor, table=table, column=column)

    return RunPython(forwards, backwards)


def unfix(execute: Execute, *, vendor: str, table: str, column: str) -> None:
    """Take the trigger of `fixed` away: for migrating back, and for tampering in a test."""
    if vendor == "postgresql":
        # As in `thaw`.
        execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(f"DROP TRIGGER {table}_{column}_fixed" + (f" ON {table}" if vendor == "postgresql" else ""))


def runner(editor: BaseDatabaseSchemaEditor) -> Execute:
    """Return what runs a statement of a migration."""
    # No parameters: the SQL holds % signs of its own.
    return lambda sql: editor.execute(sql, params=None)

"""What the models of today want watched, and what the database really holds: the two must agree."""

from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Model

from audit.watching import postgresql, sqlite
from audit.watching.operation import definitions
from audit.watching.tables import Table, Watch, describe

# Ours whole; of Django's and guardian's, what gives rights. Sessions, permissions' names and content types are
# machinery: they say nothing about who may what.
OUR_APPS = frozenset({"trials", "imaging", "endpoints", "reports", "privacy"})
RIGHTS = frozenset(
    {"auth_group", "auth_group_permissions", "guardian_groupobjectpermission", "guardian_userobjectpermission"}
)


def tables() -> list[Table]:
    """Return every table that must be watched, by name."""
    models = [model for model in apps.get_models(include_auto_created=True) if _is_watched(model)]
    return sorted((_describe(model) for model in models), key=lambda table: table.name)


def _is_watched(model: type[Model]) -> bool:
    meta = model._meta
    return meta.managed and not meta.proxy and (meta.app_label in OUR_APPS or meta.db_table in RIGHTS)


def _describe(model: type[Model]) -> Table:
    road = getattr(model, "road", None)
    watch: Watch = getattr(model, "watch", Watch())
    return describe(model, watch=watch, trial=road.trial if road else "")


def faults() -> list[str]:
    """Say in words which triggers are missing, switched off or not those of the models."""
    held = installed()
    wanted = {name: text for table in tables() for name, text in _stored(table).items()} | _shared()
    return [
        f"the trigger {name} is missing, switched off or was changed"
        for name, text in sorted(wanted.items())
        if not _holds(held.get(name, ""), text)
    ]


def _stored(table: Table) -> dict[str, str]:
    """Return what the database keeps of each trigger: on PostgreSQL the body of its function."""
    if connection.vendor != "postgresql":
        return definitions(table, vendor=connection.vendor)
    bodies = {name: text.split("$$")[1] for name, text in postgresql.functions(table).items()}
    called = {f"{table.name}_emptied": "corelab_never_emptied"}
    return {name: bodies[called.get(name, name)] for name in postgresql.triggers(table)}


def _shared() -> dict[str, str]:
    return {} if connection.vendor == "postgresql" else sqlite.SHARED


def _holds(held: str, text: str) -> bool:
    if connection.vendor != "postgresql":
        return held == text
    return held.startswith("O ") and held.endswith(text)


_POSTGRESQL = """
SELECT t.tgname, t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid) || p.prosrc
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class r ON r.oid = t.tgrelid
WHERE NOT t.tgisinternal AND r.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT p.proname, p.prosrc FROM pg_proc p
WHERE p.proname LIKE 'corelab%' AND p.pronamespace = current_schema()::regnamespace
UNION ALL
SELECT r.relname || '.' || y.polname, concat_ws(' ', r.relrowsecurity, r.relforcerowsecurity, y.polcmd,
  y.polpermissive, pg_get_expr(y.polqual, r.oid), pg_get_expr(y.polwithcheck, r.oid))
FROM pg_policy y JOIN pg_class r ON r.oid = y.polrelid
WHERE r.relnamespace = current_schema()::regnamespace
"""
_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"


def installed() -> dict[str, str]:
    """Return every trigger and fence of the database by name with all that makes it up, switched-off ones too."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRESQL if connection.vendor == "postgresql" else _SQLITE)
        rows: list[Any] = cursor.fetchall()
    return {str(name): str(text) for name, text in rows}

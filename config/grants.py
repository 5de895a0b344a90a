"""Four roles of PostgreSQL (design 3a.4): owner for migrations alone, application, sealer, inspector.

Rights are given after every migration, to the roles that the settings name and the server knows: never more than a
process needs, TRUNCATE to nobody. A process that could pass the fences does not start where it matters.
"""

import logging
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.apps import is_last

log = logging.getLogger("corelab.database")

_TRAIL, _TILES = "audit_auditevent", "audit_tile"
# What masking empties; a trigger allows that and nothing else.
_MASKED = ("object_label", "before", "after", "reason", "commitment")
_SEALS = ("audit_checkpoint", "audit_stamp")
_TOLD = "django_migrations"
_NAMES = {
    "trials_site": None,
    "trials_sponsor": None,
    "trials_user": ("id", "username", "first_name", "last_name", "organisation", "is_active"),
}
_TABLES = """
SELECT c.relname, c.relrowsecurity, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid
    AND t.tgname IN (c.relname || '_no_row', c.relname || '_only_masked')),
  (SELECT array_agg(quote_ident(a.attname)) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'bytea'::regtype)
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname
"""
_KNOWN = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND rolname <> current_user"
_POWER = """
SELECT current_user, r.rolsuper, r.rolbypassrls, EXISTS (SELECT FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
    AND pg_has_role(current_user, c.relowner, 'MEMBER'))
FROM pg_roles r WHERE r.rolname = current_user
"""
_checked: set[str] = set()


def grant_after_migration(sender: AppConfig, using: str = DEFAULT_DB_ALIAS, **_told: Any) -> None:
    """Receive Django's `post_migrate`: the last app's, since some thousand statements are enough to be said once."""
    connection = connections[using]
    if is_last(sender) and using == DEFAULT_DB_ALIAS and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_KNOWN, [[name for name in settings.DATABASE_ROLES.values() if name]])
            known = {name for (name,) in cursor.fetchall()}
        roles = {part: name for part, name in settings.DATABASE_ROLES.items() if name in known}
        grant(connection, roles=roles)


def grant(connection: BaseDatabaseWrapper, *, roles: dict[str, str]) -> None:
    """Give the roles named by part (app, sealer, inspector) what they need of the tables that stand, and no more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (schema,) = cursor.fetchone()
        cursor.execute(_TABLES)
        tables = cursor.fetchall()
        for part, name in roles.items():
            if part in _RIGHTS:
                _grant_one(cursor, schema, name, _RIGHTS[part](tables, has_sealer="sealer" in roles))


def _grant_one(cursor: Any, schema: str, name: str, rights: dict[str, str]) -> None:
    for kind in ("TABLES", "SEQUENCES"):
        _say(cursor, f"REVOKE ALL ON ALL {kind} IN SCHEMA {{place}} FROM {{role}}", place=schema, role=name)
    _say(cursor, "GRANT USAGE ON SCHEMA {place} TO {role}", place=schema, role=name)
    for table, right in rights.items():
        _say(cursor, f"GRANT {right} ON TABLE {{table}} TO {{role}}", table=table, role=name)
    if any("INSERT" in right for right in rights.values()):
        _say(cursor, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {place} TO {role}", place=schema, role=name)


def _say(cursor: Any, statement: str, **names: str) -> None:
    # The driver by way of its cursor: on SQLite neither web server, node nor sealer loads it.
    sql = cursor.db.Database.sql
    cursor.execute(sql.SQL(statement).format(**{place: sql.Identifier(name) for place, name in names.items()}))


def _app(tables: list[Any], *, has_sealer: bool) -> dict[str, str]:
    """Rows come and go, evidence only comes; seals are the sealer's where there is one."""
    rights = {
        table: "SELECT, INSERT" if is_evidence else "SELECT, INSERT, UPDATE, DELETE"
        for table, _fenced, is_evidence, _columns in tables
    }
    rights[_TRAIL] = f"SELECT, INSERT, UPDATE ({', '.join(_MASKED)})"
    rights[_TILES] = "SELECT, INSERT, UPDATE"
    rights[_TOLD] = "SELECT"
    return rights | (dict.fromkeys((*_SEALS, _TILES), "SELECT") if has_sealer else {})


def _sealer(_tables: list[Any], *, has_sealer: bool) -> dict[str, str]:  # noqa: ARG001  one form for every part
    return {_TRAIL: "SELECT, INSERT", _TILES: "SELECT, INSERT, UPDATE"} | dict.fromkeys(_SEALS, "SELECT, INSERT")


def _inspector(tables: list[Any], *, has_sealer: bool) -> dict[str, str]:  # noqa: ARG001  as above
    """Reads what is fenced and the seals, by column: keys and secrets are bytes, and stay closed."""
    seen = {table: columns for table, is_fenced, _, columns in tables if is_fenced or table in (_TILES, *_SEALS)}
    known = {table: columns for table, _fenced, _, columns in tables if table in _NAMES}
    seen |= {table: columns if _NAMES[table] is None else _NAMES[table] for table, columns in known.items()}
    return {table: f"SELECT ({', '.join(columns)})" for table, columns in seen.items()}


_RIGHTS = {"app": _app, "sealer": _sealer, "inspector": _inspector}


def require_powerless(connection: BaseDatabaseWrapper, **_told: Any) -> None:
    """Receive Django's `connection_created`: refuse a run-time role that fences and guards would not hold.

    Raises ImproperlyConfigured in production, that is where other hosts than this one are served or an owner is
    named; elsewhere a warning tells of it, once a process.
    """
    is_ours = connection.alias == DEFAULT_DB_ALIAS and connection.vendor == "postgresql"
    if not is_ours or settings.DATABASE_AS == "owner" or connection.alias in _checked:
        return
    fault = fault_of(connection)
    if fault and settings.DATABASE_ROLES_REQUIRED:
        connection.close()
        raise ImproperlyConfigured(f"{fault} Nothing was started. {_REMEDY}")
    if fault:
        log.warning("%s It is good enough to try things out, and for nothing else. %s", fault, _REMEDY)
    _checked.add(connection.alias)


_REMEDY = (
    "Name the owner of the tables with CORELAB_DATABASE_OWNER_URL and another role with CORELAB_DATABASE_URL; "
    "`manage.py database_roles` makes both."
)


def fault_of(connection: BaseDatabaseWrapper) -> str:
    """Say in a sentence by which power the role of a connection passes fences and guards; "" where it has none."""
    name, is_super, passes, owns = connection.connection.execute(_POWER).fetchone()
    powers = {"is a superuser": is_super, "passes row-level security": passes, "owns the tables": owns}
    held = [power for power, has in powers.items() if has]
    return f"The database role {name} {' and '.join(held)}: neither fences nor guards hold it." if held else ""

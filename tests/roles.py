"""The suite on PostgreSQL runs as the application does: in a role that owns nothing and stands behind the fences."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from psycopg import sql

from config.grants import grant
from tests.services import REQUIRED

_LACKING = "the role of the tests may not create roles: ALTER ROLE corelab CREATEROLE"


def may_create_roles() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = session_user")
        (may,) = cursor.fetchone()
    return bool(may)


@contextmanager
def application_role() -> Iterator[None]:
    """Take the application's role on every connection of the block; on SQLite, and without leave, do nothing."""
    if connection.vendor != "postgresql" or not _is_possible():
        yield
        return
    name = f"{connection.settings_dict['NAME']}_app"
    make(name)
    grant(connection, roles={"app": name})
    connection_created.connect(_step_down, dispatch_uid="tests.roles.step_down")
    _step_down(connection)
    try:
        yield
    finally:
        connection_created.disconnect(dispatch_uid="tests.roles.step_down")
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            cursor.execute(sql.SQL("DROP OWNED BY {0}").format(sql.Identifier(name)))
            cursor.execute(sql.SQL("DROP ROLE {0}").format(sql.Identifier(name)))


def _is_possible() -> bool:
    if may_create_roles():
        return True
    if REQUIRED:
        pytest.fail(_LACKING)
    return False


def make(name: str) -> None:
    role = sql.Identifier(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        if cursor.fetchone():
            cursor.execute(sql.SQL("DROP OWNED BY {}").format(role))
            cursor.execute(sql.SQL("DROP ROLE {}").format(role))
        cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))


def _step_down(connection: Any, **_told: Any) -> None:
    raw: psycopg.Connection[Any] = connection.connection
    raw.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(f"{connection.settings_dict['NAME']}_app")))


def become_owner() -> None:
    """Take the rights of the tables' owner until the test's transaction ends; nothing changes on SQLite."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


@pytest.fixture
def owner(db: None) -> None:
    """Play the owner of the tables, whom triggers hold and grants do not."""
    become_owner()

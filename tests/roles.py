"""The suite on PostgreSQL runs as the application does: in a role that owns nothing and stands behind the fences.

What the product asks is fenced by who acts in it. What a test itself asks, to set its stage or to look at what came of
it, is not: a test is nobody's membership. (tests/trials/test_fences.py is fenced throughout.)
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.signals import connection_created
from psycopg import sql

from audit.context import widened
from config.grants import grant
from tests.services import REQUIRED

_LACKING = "the role of the tests may not create roles: ALTER ROLE corelab CREATEROLE"


_ROOT = Path(__file__).resolve().parents[1]
_OUTSIDE, _PRODUCT, _TEST = range(3)
_passing = [True]


@cache
def _side(path: str) -> int:
    """Whose code a file holds: a library's, the product's or a test's."""
    try:
        room = Path(path).relative_to(_ROOT).parts[0]
    except ValueError:
        return _OUTSIDE
    return {".venv": _OUTSIDE, "tests": _TEST, "benchmarks": _TEST}.get(room, _PRODUCT)


def _is_asked_by_a_test() -> bool:
    frame: Any = sys._getframe(2)
    while frame is not None and _side(frame.f_code.co_filename) == _OUTSIDE:
        frame = frame.f_back
    return frame is not None and _side(frame.f_code.co_filename) == _TEST


def _pass_tests(execute: Callable[..., Any], *call: Any) -> Any:
    if _passing[0] and _is_asked_by_a_test():
        with widened("the test itself asks"):
            return execute(*call)
    return execute(*call)


@contextmanager
def fenced_throughout() -> Iterator[None]:
    """Fence what the test asks itself, too."""
    _passing[0] = False
    try:
        yield
    finally:
        _passing[0] = True


def may_create_roles() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = session_user")
        (may,) = cursor.fetchone()
    return bool(may)


@contextmanager
def application_role() -> Iterator[None]:
    """Take the application's role on every connection of the block; on SQLite, and without leave, do nothing."""
    if connection.vendor != "postgresql":
        yield
        return
    connection_created.connect(_let_tests_pass, dispatch_uid="tests.roles.let_tests_pass")
    _let_tests_pass(connection)
    if not _is_possible():
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
    if connection.alias == DEFAULT_DB_ALIAS:
        raw: psycopg.Connection[Any] = connection.connection
        raw.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(f"{connection.settings_dict['NAME']}_app")))


def _let_tests_pass(connection: Any, **_told: Any) -> None:
    if _pass_tests not in connection.execute_wrappers:
        # Outermost: it says how far the wrapper lets see that tells the database who acts.
        connection.execute_wrappers.insert(0, _pass_tests)


def become_owner() -> None:
    """Take the rights of the tables' owner until the test's transaction ends; nothing changes on SQLite."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


@pytest.fixture
def owner(db: None) -> None:
    """Play the owner of the tables, whom triggers hold and grants do not."""
    become_owner()

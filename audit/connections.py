"""How the database learns who acts: functions on SQLite, settings of the transaction on PostgreSQL.

Neither outlives what it was meant for, and a client that is not ours has neither: its writes are refused, and where
rows are fenced it sees none. On PostgreSQL every statement that may touch a row carries the settings with it: nothing
is left on a connection for whoever gets it next, from Django or from a pooler.
"""

import hashlib
import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from audit.context import Reach, current, reach, told
from audit.verifier import commit

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE|WITH|DO)\b", re.IGNORECASE)
_LOOKS = re.compile(r"[\s(]*(SELECT|VALUES|TABLE|EXPLAIN)\b", re.IGNORECASE)


def prepare(connection: BaseDatabaseWrapper, **_told: Any) -> None:
    """Receive Django's `connection_created`."""
    if connection.vendor == "sqlite":
        _give_functions(connection.connection)
    elif connection.vendor == "postgresql" and _tell not in connection.execute_wrappers:
        connection.execute_wrappers.append(_tell)


def _give_functions(sqlite: Any) -> None:
    # Every row event calls the first nine times.
    sqlite.create_function("corelab_context", 1, told)
    sqlite.create_function("corelab_commit", 2, _commit)
    sqlite.create_function("corelab_sha256", 1, _sha256, deterministic=True)
    sqlite.create_function("corelab_uuid", 1, _uuid, deterministic=True)


def _commit(before: str, after: str) -> str:
    return commit(salt=os.urandom(16), object_label="", before=before, after=after, reason=told("reason"))


def _sha256(value: bytes | str | None) -> str | None:
    if value is None:
        return None
    return hashlib.sha256(value if isinstance(value, bytes) else str(value).encode()).hexdigest()


def _uuid(value: str | None) -> str | None:
    """Write a key as PostgreSQL does; Django keeps it in SQLite without its dashes."""
    return value and f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def _tell(execute: Callable[..., Any], *call: Any) -> Any:
    """Say who acts in the statement itself: one trip, and settings that end with the transaction."""
    sql, params, many, context = call
    raw, connection = context["cursor"].cursor, context["connection"]
    text = sql if isinstance(sql, str) else sql.as_string(connection.connection)
    told = _told(text, connection)
    if not told:
        return execute(*call)
    if many or getattr(raw, "name", None) or isinstance(params, dict):
        return _told_apart(execute, call, told)
    # Without parameters a % sign stands for itself.
    prefix = told if params is None else told.replace("%", "%%")
    result = execute(f"{prefix}; {text}", params, many, context)
    # The first result is the settings'; the caller asks for the last.
    while raw.nextset():
        pass
    return result


def _told(text: str, connection: Any) -> str:
    """Return the SQL that says who acts, "" for a statement that touches no row."""
    is_write = _WRITES.match(text) is not None
    if not is_write and not _LOOKS.match(text):
        return ""
    # The driver by way of its connection: on SQLite web, node and sealer never load it.
    literal = connection.Database.sql.Literal
    told = _reaching(reach(), literal)
    if not is_write:
        return told
    here = current()
    quoted = literal(here.at(timezone.now()) if here else "").as_string(connection.connection)
    return f"{told}, set_config('corelab.context', {quoted}, true)"


@lru_cache(maxsize=1024)
def _reaching(far: Reach, literal: Callable[[str], Any]) -> str:
    person, machine = (literal(value).as_string() for value in (far.person, far.machine))
    return f"SELECT set_config('corelab.person', {person}, true), set_config('corelab.machine', {machine}, true)"


def _told_apart(execute: Callable[..., Any], call: tuple[Any, ...], told: str) -> Any:
    """Where the statement takes no company (many rows of parameters, a cursor of the server's), say it just before."""
    sql, params, many, context = call
    alias = context["connection"].alias
    with transaction.atomic(using=alias), context["connection"].cursor() as before:
        before.cursor.execute(told)
        return execute(sql, params, many, context)

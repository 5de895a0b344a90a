"""How the database learns who acts: functions on SQLite, a setting of the transaction on PostgreSQL.

Neither outlives what it was meant for, and a client that is not ours has neither, so its writes are refused.
"""

import hashlib
import os
import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from audit.context import current
from audit.verifier import commit

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE|WITH|DO)\b", re.IGNORECASE)
_TELL = "SELECT set_config('corelab.context', %s, true)"


def prepare(connection: BaseDatabaseWrapper, **_told: Any) -> None:
    """Receive Django's `connection_created`."""
    if connection.vendor == "sqlite":
        _give_functions(connection.connection)
    elif connection.vendor == "postgresql" and _tell not in connection.execute_wrappers:
        connection.execute_wrappers.append(_tell)


def _give_functions(sqlite: Any) -> None:
    sqlite.create_function("corelab_context", 1, _from_context)
    sqlite.create_function("corelab_commit", 2, _commit)
    sqlite.create_function("corelab_sha256", 1, _sha256, deterministic=True)


def _from_context(name: str) -> str:
    # "" for an actor breaks a constraint of the table: nobody acts, nothing is written.
    here = current()
    return here.told[name] if here else ""


def _commit(before: str, after: str) -> str:
    reason = _from_context("reason")
    return commit(salt=os.urandom(16), object_label="", before=before, after=after, reason=reason)


def _sha256(value: bytes | str | None) -> str | None:
    if value is None:
        return None
    return hashlib.sha256(value if isinstance(value, bytes) else str(value).encode()).hexdigest()


def _tell(execute: Callable[..., Any], *call: Any) -> Any:
    """Say who acts in the statement itself: one trip, and a setting that ends with the transaction."""
    here = current()
    sql, params, many, context = call
    text = sql if isinstance(sql, str) else ""
    if here is None or not _WRITES.match(text):
        return execute(*call)
    told = [here.at(timezone.now())]
    if many or params is None:
        return _told_apart(execute, call, told)
    result = execute(f"{_TELL}; {text}", [*told, *params], many, context)
    # The first result is the setting's; the caller asks for the last.
    cursor = context["cursor"].cursor
    while cursor.nextset():
        pass
    return result


def _told_apart(execute: Callable[..., Any], call: tuple[Any, ...], told: list[str]) -> Any:
    """Where the statement takes no company (many rows of parameters, or % signs of its own), say it just before."""
    sql, params, many, context = call
    with transaction.atomic(using=context["connection"].alias):
        execute(_TELL, told, False, context)
        return execute(sql, params, many, context)

"""The two statements that record a file from a machine, made once from the models; Django would build each anew.

What they write is told by the same triggers; values are those the models would have saved.
"""

from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model
from django.utils import timezone

from imaging.models import IncomingFile, Submission

# Names are the models' own, quoted.
_COUNT = (
    "UPDATE {table} SET {bytes_received} = {bytes_received} + %s, {files_received} = {files_received} + 1, "
    "{active_at} = %s WHERE {id} = %s AND {state} = %s AND {bytes_received} + %s <= %s"
)
_ADD = "INSERT INTO {table} ({columns}) VALUES ({places})"
_NAMES = ("id", "state", "active_at", "bytes_received", "files_received")


def count(*, submission: Submission, size: int, most: int) -> bool:
    """Count one more file of `size` bytes; False where the delivery is not open, or would pass `most` bytes.

    It holds the delivery's row until the transaction ends.
    """
    connection = _connection()
    names = ("active_at", "id", "state")
    values = (timezone.now(), submission.pk, Submission.State.RECEIVING)
    fields = (_field(Submission, name) for name in names)
    prepared = [field.get_db_prep_save(value, connection) for field, value in zip(fields, values, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_counting(connection.vendor), [size, *prepared, size, most])
        return bool(cursor.rowcount == 1)


def add(*, submission: Submission, **values: Any) -> None:
    """Insert the row of a file, without learning its key; what is not told is as in a new IncomingFile."""
    connection, fields = _connection(), _fields()
    told = {"submission": submission.pk, **values}
    prepared = {name: fields[name].get_db_prep_save(value, connection) for name, value in told.items()}
    row = _blank(connection.vendor) | prepared
    with connection.cursor() as cursor:
        cursor.execute(_inserting(connection.vendor), list(row.values()))


def _connection() -> BaseDatabaseWrapper:
    """The thread's own; asked once, since the proxy that Django offers looks for it again at each attribute."""
    return connections[DEFAULT_DB_ALIAS]


def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    found: Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]  # none of them is a relation
    return found


@cache
def _fields() -> "dict[str, Field[Any, Any]]":
    return {field.name: field for field in IncomingFile._meta.concrete_fields if not field.primary_key}


@cache
def _blank(_vendor: str) -> dict[str, Any]:
    file, connection = IncomingFile(), _connection()
    return {
        name: field.get_db_prep_save(field.value_from_object(file), connection) for name, field in _fields().items()
    }


@cache
def _counting(_vendor: str) -> str:
    quote = _connection().ops.quote_name
    columns = {name: quote(str(_field(Submission, name).column)) for name in _NAMES}
    return _COUNT.format(table=quote(Submission._meta.db_table), **columns)


@cache
def _inserting(_vendor: str) -> str:
    quote = _connection().ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in _fields().values())
    places = ", ".join("%s" for _ in _fields())
    return _ADD.format(table=quote(IncomingFile._meta.db_table), columns=columns, places=places)

"""Events as they are hashed, read by their numbers: times come from the database as text, not by way of datetimes."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import connection

from audit.verifier import HEADER, PAYLOAD

# Placeholders of one statement.
_AT_ONCE = 1000
# The form of `verifier.stamp`. A stored text that is none of ours keeps all its characters, and so breaks its seal.
_STAMPED = {
    "sqlite": (
        "replace(CASE length({name}) WHEN 19 THEN {name} || '.000000' "
        "ELSE {name} || substr('000000', length({name}) - 19) END, ' ', 'T') || '+00:00'"
    ),
    # A year before Christ would be told as one after.
    "postgresql": (
        "CASE WHEN {name} >= '0001-01-01 00:00:00+00' "
        "THEN to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"') ELSE {name}::text END"
    ),
}
_TIMES = frozenset({"at", "stored_at"})
_LEAF = (*HEADER, "commitment")
_WHOLE = (*HEADER, *PAYLOAD, "commitment")
_SELECT = "SELECT {columns} FROM audit_auditevent WHERE {which}"


def headers(sequences: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Yield what a leaf is made of, in the order of `sequences`; a record that is gone is passed over."""
    return _read(_LEAF, sequences)


def wholes(sequences: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Yield whole events, in the order of `sequences`; a record that is gone is passed over."""
    return _read(_WHOLE, sequences)


def _read(names: tuple[str, ...], sequences: Iterable[int]) -> Iterator[dict[str, Any]]:
    for part in _parts(sequences):
        by_sequence = {row[0]: row for row in _rows(names, part)}
        yield from (dict(zip(names, by_sequence[one], strict=True)) for one in part if one in by_sequence)


def _parts(sequences: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(sequences)
    while part := list(islice(rest, _AT_ONCE)):
        yield part


def _rows(names: tuple[str, ...], sequences: list[int]) -> list[tuple[Any, ...]]:
    is_postgresql = connection.vendor == "postgresql"
    which = "sequence = ANY(%s)" if is_postgresql else f"sequence IN ({', '.join(['%s'] * len(sequences))})"
    columns = ", ".join(_STAMPED[connection.vendor].format(name=name) if name in _TIMES else name for name in names)
    with connection.cursor() as cursor:
        cursor.execute(_SELECT.format(columns=columns, which=which), [sequences] if is_postgresql else sequences)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows

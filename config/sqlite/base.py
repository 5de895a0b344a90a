"""Django's SQLite backend whose writes pass one fair gate, so that no writer starves and none meets a lock.

The gate is about order alone: what may happen at the same time is still judged by SQLite's own locks.
"""

import logging
import os
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.db.backends.sqlite3 import base as plain
from django.db.backends.sqlite3.creation import DatabaseCreation

from config.sqlite.gate import Gate

log = logging.getLogger("corelab.database")

_VERB = re.compile(r"(?:[\s;(]|--[^\n]*|/\*.*?\*/)*+([a-z]+)", re.IGNORECASE | re.DOTALL)
_LOCKING = re.compile(r"\b(?:IMMEDIATE|EXCLUSIVE)\b", re.IGNORECASE)
_CHANGING = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_READING = frozenset(
    {"SELECT", "VALUES", "EXPLAIN", "PRAGMA", "ATTACH", "DETACH", "SAVEPOINT", "RELEASE", "COMMIT", "END", "ROLLBACK"}
)
_HELD_UP = (
    "The journal beside the database could not be emptied, since somebody reads in it: what was just destroyed may "
    "stand there for a while. It is emptied with the next destruction; to do it now, stop Corelab and start it anew."
)
# As sqlite3.connect has it where the settings name none.
_PATIENCE = 5.0


def is_writing(statement: str) -> bool:
    """Whether a statement may ask for SQLite's one write lock: in doubt yes, a needless wait harms nobody."""
    found = _VERB.match(statement)
    match found[1].upper() if found else "":
        case "BEGIN":
            return _LOCKING.search(statement) is not None
        case "WITH":
            return _CHANGING.search(statement) is not None
        case verb:
            return verb not in _READING


def gate_path(name: str | Path) -> Path | None:
    """Return the file of the gate beside a database file or `file:` address.

    None for a database in memory, and elsewhere than on Linux, whose locks the gate is made of: there SQLite decides.
    """
    told = str(name)
    if sys.platform != "linux" or DatabaseCreation.is_in_memory_db(told):
        return None
    path = unquote(urlsplit(told).path) if told.startswith("file:") else told
    if path in {"", ":memory:"}:
        return None
    # One gate for one file, by whatever link it is reached.
    return Path(f"{os.path.realpath(path)}.gate")


class GatedCursor(plain.SQLiteCursorWrapper):
    """A cursor whose writing statements pass the gate.

    Outside a transaction a statement with RETURNING is committed only when its last row is fetched, by a caller who
    may never do so: its rows, which SQLite holds in memory anyway, are taken while we are inside.
    """

    database: "DatabaseWrapper"
    _rows: Iterator[Any] | None = None

    def execute(self, query: str, params: Any = None) -> "GatedCursor":
        self._rows = None
        writes = is_writing(query)
        with self.database.passing(through_gate=writes):
            super().execute(query, params)
            if writes and self.description and not self.connection.in_transaction:
                self._rows = iter(super().fetchall())
        return self

    def executemany(self, query: str, param_list: Iterable[Any]) -> "GatedCursor":
        self._rows = None
        with self.database.passing(through_gate=is_writing(query)):
            super().executemany(query, param_list)
        return self

    def executescript(self, sql_script: str) -> "GatedCursor":
        self._rows = None
        with self.database.passing(through_gate=True):
            super().executescript(sql_script)
        return self

    def __next__(self) -> Any:
        return super().__next__() if self._rows is None else next(self._rows)

    def fetchone(self) -> Any:
        return super().fetchone() if self._rows is None else next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        return super().fetchmany(size) if self._rows is None else list(islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        return super().fetchall() if self._rows is None else list(self._rows)


class DatabaseWrapper(plain.DatabaseWrapper):
    """One connection: inside the gate while a writing statement runs and as long as SQLite is in a transaction."""

    gate: Gate | None = None

    @contextmanager
    def passing(self, *, through_gate: bool = False) -> Iterator[None]:
        """Enter the gate first, if told so; afterwards leave it, whatever happened, unless a transaction is open."""
        try:
            if through_gate and self.gate:
                self.gate.enter()
            yield
        finally:
            if self.gate and not self._is_in_transaction():
                self.gate.leave()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        path = gate_path(conn_params["database"])
        self.gate = Gate(path, patience=conn_params.get("timeout", _PATIENCE)) if path else None
        # Of several that find a new file, SQLite would let one set the journal mode and tell the others "locked".
        with self.passing(through_gate=_is_new(path)):
            return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        if self.gate is None:
            return super().create_cursor(name)
        cursor = self.connection.cursor(factory=GatedCursor)
        cursor.database = self
        return cursor

    def commit(self) -> None:
        with self.passing():
            super().commit()

    def rollback(self) -> None:
        with self.passing():
            super().rollback()

    def set_autocommit(self, *words: bool, **named: bool) -> None:
        with self.passing():
            super().set_autocommit(*words, **named)

    def empty_journal(self) -> bool:
        """Empty the write-ahead log, so that what was overwritten or deleted cannot be read there any more.

        It waits for readers as long as for a lock; False, and said in the log, where one of them stayed.
        """
        with self.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            is_held_up, _pages, _moved = cursor.fetchone()
        if is_held_up:
            log.error(_HELD_UP)
        return not is_held_up

    def close(self) -> None:
        self.validate_thread_sharing()
        with self.passing():
            if self.gate and self._is_in_transaction():
                # A cursor that still has rows would keep SQLite's own lock beyond the close.
                with suppress(sqlite3.Error):
                    self.connection.rollback()
            super().close()

    def _is_in_transaction(self) -> bool:
        try:
            return self.connection is not None and self.connection.in_transaction
        except sqlite3.ProgrammingError:
            # Closed, within an atomic block that has not ended.
            return False


def _is_new(path: Path | None) -> bool:
    """Whether the database beside the gate has no content yet; asked of the directory.

    To open the file ourselves and close it would drop the locks that SQLite holds on it in this process.
    """
    if path is None:
        return False
    try:
        return path.with_suffix("").stat().st_size == 0
    except FileNotFoundError:
        return True

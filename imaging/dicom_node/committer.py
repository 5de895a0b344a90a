"""One thread and one connection to the database for all associations: what waits is recorded in one transaction."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, connection

from imaging.dicom_node.turns import TURN
from imaging.services.arrivals import Arrival, Register

# What is recorded at a time, and who knocks meanwhile.
LARGEST_BATCH = 64
# So long a file waits to be recorded with others; a line that receives a large object is at work for long.
PATIENCE_SECONDS = 0.01
# A line to the database that was used so lately still stands; where it does not, senders are told to try again.
TRUSTED_SECONDS = 1.0
# So long who knocks waits for the desk: a batch takes it some thousandths, another writer at the gate up to seconds.
IN_PASSING_SECONDS = 0.25
# So long a second line to the database is kept for the next one who knocks.
RESTS_AFTER_SECONDS = 60.0
T = TypeVar("T")


@dataclass(slots=True)
class _Task:
    """A file to record, or something else to do; `done` gets what came of it, a failure as an exception."""

    arrival: Arrival | None = None
    act: Callable[[Register], Any] | None = None
    done: "SimpleQueue[Any]" = field(default_factory=SimpleQueue)
    is_given_up: bool = False


class Busy(Exception):
    """The thread did not come to a question in time."""


class Committer:
    """The desk of a running node. Its thread starts with the first task and ends with the process.

    One that is seldom asked gives its line to the database back after `idle_seconds`: on SQLite it holds 3 MiB.
    """

    def __init__(self, *, idle_seconds: float | None = None) -> None:
        self._register = Register()
        self._idle_seconds = idle_seconds
        self._waiting: SimpleQueue[_Task] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._used_at, self._failed = 0.0, False

    def ask(self, act: Callable[[Register], T], *, within: float | None = None) -> T:
        """Do something in the thread, between two batches; returns or raises what it does.

        Raises Busy after `within` seconds; what has not been begun by then is not done.
        """
        answer: T = self._put(_Task(act=act), within=within)
        return answer

    def record(self, arrival: Arrival) -> None:
        """Return once the file is recorded, with whatever else waits. Raises ValidationError, DatabaseError."""
        self._put(_Task(arrival=arrival))

    def _put(self, task: _Task, *, within: float | None = None) -> Any:
        with self._starting:
            if self._thread is None:
                # A daemon: associations, which wait for it, are not, so that nothing begun is cut short.
                self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
                self._thread.start()
        self._waiting.put(task)
        with TURN.left():
            outcome = _awaited(task, within)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _run(self) -> None:
        while True:
            tasks = self._next()
            try:
                self._serve(tasks)
            except Exception as failure:  # noqa: BLE001  without this thread nothing is taken any more
                self._failed = True
                _fail(tasks, failure)

    def _serve(self, tasks: Sequence[_Task]) -> None:
        self._renew_connection()
        for task in tasks:
            if task.act is not None:
                task.done.put(self._outcome(task.act))
        if batch := [task for task in tasks if task.arrival is not None]:
            self._record(batch)

    def _outcome(self, act: Callable[[Register], Any]) -> Any:
        try:
            return act(self._register)
        except Exception as failure:  # noqa: BLE001  it is raised where the answer is awaited
            self._failed = not isinstance(failure, ValidationError)
            return failure

    def _renew_connection(self) -> None:
        """Ask whether the line still stands once it was not used for a while, or failed."""
        now = time.monotonic()
        if self._failed or now - self._used_at > TRUSTED_SECONDS:
            renew_connection()
        self._used_at, self._failed = now, False

    def _next(self) -> list[_Task]:
        """Wait for a task; returns it with all that wait behind it."""
        tasks = [self._first()]
        if tasks[0].arrival is not None:
            # An object that is about to come whole is recorded with this one.
            TURN.wait_until_quiet(PATIENCE_SECONDS)
        try:
            while len(tasks) < LARGEST_BATCH:
                tasks.append(self._waiting.get_nowait())
        except Empty:
            pass
        return [task for task in tasks if not task.is_given_up]

    def _first(self) -> _Task:
        try:
            return self._waiting.get(timeout=self._idle_seconds)
        except Empty:
            # One that cannot even be closed is none.
            with suppress(Exception):
                connection.close()
            return self._waiting.get()

    def _record(self, batch: Sequence[_Task]) -> None:
        try:
            refusals = self._register.record([task.arrival for task in batch if task.arrival is not None])
        except (OperationalError, InterfaceError) as failure:
            # The database is away: for whom it was, is not known.
            self._failed = True
            _fail(batch, failure)
        except Exception as failure:  # noqa: BLE001  each is told what became of it
            self._record_apart(batch, failure)
        else:
            for task, refusal in zip(batch, refusals, strict=True):
                task.done.put(refusal)

    def _record_apart(self, batch: Sequence[_Task], failure: Exception) -> None:
        """What broke a batch must not break the others in it."""
        if len(batch) == 1:
            _fail(batch, failure)
            return
        for task in batch:
            self._record([task])


class Porter:
    """Answers who knocks: by the desk's line to the database, or by its own where the desk is long at work."""

    def __init__(self, desk: Committer) -> None:
        self._desk, self._other = desk, Committer(idle_seconds=RESTS_AFTER_SECONDS)

    def ask(self, act: Callable[[Register], T]) -> T:
        """Return or raise what it does. It only reads: it may be done twice."""
        try:
            return self._desk.ask(act, within=IN_PASSING_SECONDS)
        except Busy:
            return self._other.ask(act)


def renew_connection() -> None:
    """Keep the thread's connection to the database unless it broke: opening one costs as much as an object."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def _awaited(task: _Task, within: float | None) -> Any:
    try:
        return task.done.get(timeout=within)
    except Empty:
        task.is_given_up = True
        raise Busy from None


def _fail(batch: Sequence[_Task], failure: Exception) -> None:
    for task in batch:
        task.done.put(failure)

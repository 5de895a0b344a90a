"""The deeds of `benchmarks.audit`: they need Django, so they run in its children alone."""

import datetime as dt
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.actor import machine
from audit.context import acting
from audit.evidence import export, gather, snapshot
from audit.models import AuditEvent, Tile
from audit.sealing import seal_all
from audit.services import record
from audit.verifier import examine, main
from audit.watching import operation
from audit.watching.expected import tables
from imaging.models import IncomingFile, Submission
from trials.models import Site, Sponsor, Subject, Trial, TrialSite

BY = machine("bench", source="command", request_id="bench")
SAVES, ROWS = 500, 5_000
# Between two looks of the sealer, as `manage.py run` has it.
SEAL_SECONDS = 3.0
_NUMBERS = itertools.count(1)
DAY = dt.date(2026, 1, 1)


def prepare() -> None:
    call_command("migrate", verbosity=0)
    with acting(BY, reason="a benchmark"):
        sponsor = Sponsor.objects.create(name="Bench")
        trial = Trial.objects.create(code="BENCH", title="B", protocol_number="B", sponsor=sponsor, wrapped_key=b"k")
        site = Site.objects.create(code="bench", name="Bench")
        trial_site = TrialSite.objects.create(trial=trial, site=site, number="01")
        Submission.objects.create(trial_site=trial_site, wrapped_key=b"k", state_since=timezone.now())


@contextmanager
def setting(watched: bool, label: str = "trials.Subject") -> Iterator[None]:
    """Work inside a transaction that is taken back, on a table with or without its triggers."""
    table = next(table for table in tables() if table.label == label)
    with connection.cursor() as cursor:
        operation.remove(cursor.execute, vendor=connection.vendor, table=table.name)
        if watched:
            operation.install(cursor.execute, vendor=connection.vendor, table=table)
    with acting(BY, reason="a benchmark"), transaction.atomic():
        yield
        transaction.set_rollback(True)


def subjects(count: int) -> list[Subject]:
    site = TrialSite.objects.get()
    return [Subject(trial_site=site, code=f"{next(_NUMBERS):09d}", day_zero=DAY) for _ in range(count)]


def create(watched: bool) -> float:
    with setting(watched):
        rows = subjects(SAVES)
        return processor(lambda: [row.save() for row in rows], SAVES)


def update(watched: bool) -> float:
    with setting(watched):
        rows = Subject.objects.bulk_create(subjects(SAVES))
        for row in rows:
            row.day_zero += dt.timedelta(days=1)
        return processor(lambda: [row.save() for row in rows], SAVES)


def files(count: int) -> list[IncomingFile]:
    told: dict[str, Any] = {"size": 527_000, "parts": [527_000], "part_hashes": ["a" * 64], "sha256": "a" * 64}
    submission = Submission.objects.get()
    return [IncomingFile(submission=submission, number=next(_NUMBERS), **told) for _ in range(count)]


def bulk_create(watched: bool) -> float:
    """Record files as the doors do: the rows that Corelab writes in bulk."""
    with setting(watched, "imaging.IncomingFile"):
        rows = files(ROWS)
        return processor(lambda: IncomingFile.objects.bulk_create(rows, batch_size=500), ROWS)


def bulk_create_narrow(watched: bool) -> float:
    """Write rows of five short columns, of which there are never many: the event weighs most there."""
    with setting(watched):
        rows = subjects(ROWS)
        return processor(lambda: Subject.objects.bulk_create(rows, batch_size=500), ROWS)


def bulk_update(watched: bool) -> float:
    with setting(watched):
        rows = Subject.objects.bulk_create(subjects(ROWS), batch_size=500)
        for row in rows:
            row.day_zero += dt.timedelta(days=1)
        return processor(lambda: Subject.objects.bulk_update(rows, ["day_zero"], batch_size=500), ROWS)


DEEDS = {
    "save, new": create,
    "save, changed": update,
    "bulk_create": bulk_create,
    "the same, narrow": bulk_create_narrow,
    "bulk_update": bulk_update,
}


def processor(deed: Callable[[], object], count: int) -> float:
    """Return processor seconds a row, of this process and of the database's."""
    before = time.process_time() + _backend()
    deed()
    return (time.process_time() + _backend() - before) / count


def _backend() -> float:
    if connection.vendor != "postgresql":
        return 0.0
    pid = connection.connection.info.backend_pid
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def verify() -> None:
    """Check the log as it lies in the database, and an export of it, in this process."""
    # As manage.py does: who is nobody sees no row of the trail through the fence of PostgreSQL.
    with acting(BY):
        _verify()


def _verify() -> None:
    seal_all()
    unsealed = AuditEvent.objects.count() - sum(len(tile.sequences) for tile in Tile.objects.filter(level=0))
    with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
        folder = Path(home)
        count = export(folder)
        words = [home, "--key", str(folder / "seal.pub")]
        _tell("from the database", count, lambda: _hold(with_rows=False))
        _tell("with a replay", count, lambda: _hold(with_rows=True))
        _tell("of an export", count, lambda: _hold_file(words))
    print(f"  unsealed after it  {unsealed}")


def _hold(*, with_rows: bool) -> None:
    with snapshot():
        finding = examine(gather(outside=None, with_rows=with_rows))
    assert not finding.faults, finding.faults


def _hold_file(words: list[str]) -> None:
    with redirect_stdout(StringIO()):
        assert main(words) == 0


def _tell(name: str, count: int, deed: Callable[[], object]) -> None:
    start, wall = time.process_time() + _backend(), time.perf_counter()
    deed()
    spent, wall = time.process_time() + _backend() - start, time.perf_counter() - wall
    print(
        f"  verifying          {name}: {spent / count * 1e6:.1f} us of processor an event, over {count} in {wall:.1f} s"
    )


def fill(events: int) -> None:
    """Write rows in bulk, each with its event."""
    with acting(BY, reason="a benchmark"):
        for _ in range(0, events, ROWS):
            Subject.objects.bulk_create(subjects(ROWS), batch_size=500)


def write(start: float, seconds: float, number: int) -> None:
    """One writer of the crowd: acts with a changed row; prints worst wait, errors, and what each second saw done."""
    with acting(BY, reason="a benchmark"):
        sponsor = Sponsor.objects.create(name=f"writer {number} {start}")
        time.sleep(max(0.0, start - time.time()))
        done, worst, errors = [0] * (int(seconds) + 1), 0.0, 0
        while (now := time.time()) < start + seconds:
            began = time.perf_counter()
            try:
                with transaction.atomic():
                    Sponsor.objects.filter(pk=sponsor.pk).update(name=f"writer {number} {now}")
                    record(by=BY, act="bench.done", obj=sponsor)
                done[int(time.time() - start)] += 1
            except DatabaseError:
                errors += 1
            worst = max(worst, time.perf_counter() - began)
    print(worst, errors, *done)


def seal(start: float, seconds: float, cycle: int, pause: int) -> None:
    """Seal as `seal_audit --every 3` does, but rest for the first `pause` seconds of every `cycle`."""
    with acting(BY):
        _seal(start, seconds, cycle, pause)


def _seal(start: float, seconds: float, cycle: int, pause: int) -> None:
    while (now := time.time()) < start + seconds:
        if now > start and (now - start) % cycle >= pause:
            seal_all()
            time.sleep(SEAL_SECONDS)
        else:
            time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1] == "seal":
        seal(float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        write(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))

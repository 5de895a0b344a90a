"""The deeds of `benchmarks.audit`: they need Django, so they run in its children alone."""

import datetime as dt
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from audit.actor import machine
from audit.context import acting
from audit.evidence import gather
from audit.models import AuditEvent, Tile
from audit.sealing import seal_all
from audit.services import record
from audit.verifier import examine
from audit.watching import operation
from audit.watching.expected import tables
from trials.models import Site, Sponsor, Subject, Trial, TrialSite

BY = machine("bench", source="command", request_id="bench")
SAVES, ROWS = 500, 5_000
_NUMBERS = itertools.count(1)
DAY = dt.date(2026, 1, 1)


def prepare() -> None:
    call_command("migrate", verbosity=0)
    with acting(BY, reason="a benchmark"):
        sponsor = Sponsor.objects.create(name="Bench")
        trial = Trial.objects.create(code="BENCH", title="B", protocol_number="B", sponsor=sponsor, wrapped_key=b"k")
        site = Site.objects.create(code="bench", name="Bench")
        TrialSite.objects.create(trial=trial, site=site, number="01")


@contextmanager
def setting(watched: bool) -> Iterator[None]:  # noqa: FBT001  watched or not
    """Work inside a transaction that is taken back, on a table with or without its triggers."""
    table = next(table for table in tables() if table.label == "trials.Subject")
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


def create(watched: bool) -> float:  # noqa: FBT001
    with setting(watched):
        rows = subjects(SAVES)
        return processor(lambda: [row.save() for row in rows], SAVES)


def update(watched: bool) -> float:  # noqa: FBT001
    with setting(watched):
        rows = Subject.objects.bulk_create(subjects(SAVES))
        for row in rows:
            row.day_zero += dt.timedelta(days=1)
        return processor(lambda: [row.save() for row in rows], SAVES)


def bulk_create(watched: bool) -> float:  # noqa: FBT001
    with setting(watched):
        rows = subjects(ROWS)
        return processor(lambda: Subject.objects.bulk_create(rows, batch_size=500), ROWS)


def bulk_update(watched: bool) -> float:  # noqa: FBT001
    with setting(watched):
        rows = Subject.objects.bulk_create(subjects(ROWS), batch_size=500)
        for row in rows:
            row.day_zero += dt.timedelta(days=1)
        return processor(lambda: Subject.objects.bulk_update(rows, ["day_zero"], batch_size=500), ROWS)


DEEDS = {"save, new": create, "save, changed": update, "bulk_create": bulk_create, "bulk_update": bulk_update}


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
    seal_all()
    unsealed = AuditEvent.objects.count() - sum(len(tile.sequences) for tile in Tile.objects.filter(level=0))
    start = time.process_time()
    finding = examine(gather(outside=None, with_rows=False))
    spent = time.process_time() - start
    assert not finding.faults, finding.faults
    print(
        f"  verifying          {spent / finding.events * 1e6:.1f} us of our processor an event, over {finding.events}"
    )
    print(f"  unsealed after it  {unsealed}")


def write(start: float, seconds: float, number: int) -> None:
    """One writer of the crowd: acts with a changed row; prints transactions, the worst wait, errors."""
    with acting(BY, reason="a benchmark"):
        sponsor = Sponsor.objects.create(name=f"writer {number} {start}")
        time.sleep(max(0.0, start - time.time()))
        done, worst, errors = 0, 0.0, 0
        while time.time() < start + seconds:
            began = time.perf_counter()
            try:
                with transaction.atomic():
                    Sponsor.objects.filter(pk=sponsor.pk).update(name=f"writer {number} {start} {done}")
                    record(by=BY, act="bench.done", obj=sponsor)
                done += 1
            except DatabaseError:
                errors += 1
            worst = max(worst, time.perf_counter() - began)
    print(done, worst, errors)


if __name__ == "__main__":
    write(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))

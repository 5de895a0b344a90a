# ruff: noqa: E402  Django is told its home first
"""What the vault costs: a sealed row against a plain one, wrapping 10,000 keys anew, a blind index; ratios of one run.

Run as `python -m benchmarks.identity`, with CORELAB_DATABASE_URL and CORELAB_VAULT_DATABASE_URL for PostgreSQL.
"""

import datetime as dt
import gc
import hashlib
import hmac
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from statistics import quantiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_home = tempfile.TemporaryDirectory(prefix="corelab-bench-")
os.environ.setdefault("CORELAB_HOME", _home.name)
os.environ.setdefault("CORELAB_VAULT", "on")

import django

django.setup()

from django.core.management import call_command
from django.db import connections, transaction
from django.utils import timezone

from audit.actor import machine
from audit.context import acting
from benchmarks.stopwatch import Rival, compare
from identity import box, services
from identity.envelope import Key, new_key, seal, wrap
from identity.models import Identity, SubjectKey
from identity.person import Person, Sex
from identity.switch import ALIAS

BY = machine("bench", source="command", request_id="bench")
ROWS, SUBJECTS, PAIRS = 20, 10_000, 150
PERSON = Person(
    name="Zweistein, Alma", birth_date=dt.date(1947, 2, 11), sex=Sex.FEMALE, local_number="QX99871345", contact="x" * 40
)
PLAIN = PERSON.as_bytes()


def subject_keys(count: int, master: Key) -> list[SubjectKey]:
    codes = [secrets.token_hex(4) + "x" for _ in range(count)]
    return SubjectKey.objects.bulk_create(
        SubjectKey(
            trial_code="BENCH",
            subject_code=code,
            wrapped_key=wrap(new_key(key_id=box.DATA_KEY), master=master, place=box.key_place(code)),
            made_at=timezone.now(),
        )
        for code in codes
    )


def write(rows: list[SubjectKey], *, sealed: bool) -> None:
    """Write each row as a correction does: in a transaction of its own, which ends on the disk."""
    masters = box.hold()
    index_key = box.index_key(masters, "BENCH")
    for row in rows:
        with transaction.atomic(using=ALIAS):
            if sealed:
                fields = box.sealed_fields(PERSON, key=box.data_key(masters, row), subject_code=row.subject_code)
                index = box.index_of(PERSON, key=index_key)
            else:
                fields, index = PLAIN, "0" * 64
            Identity.objects.create(subject_key=row, person_index=index, **fields)


def timed(deed: Callable[[], object]) -> float:
    gc.collect()
    # Processor seconds: what the disk of the moment makes us wait is no cost of sealing.
    start = time.process_time()
    deed()
    return time.process_time() - start


def overhead() -> None:
    """Write rows each in a transaction of its own, as the product does, and all in one, without any wait for a disk.

    Processor time of many short turns, alternating; the lower quarter of either side: a busy machine only ever adds.
    (On PostgreSQL the server's own share is not counted.)
    """
    for committed in (True, False):
        with transaction.atomic(using=ALIAS):
            some = iter(subject_keys(2 * ROWS * PAIRS, box.hold().wrapping))
        turns: dict[bool, list[float]] = {False: [], True: []}
        for _pair in range(PAIRS):
            for sealed in (False, True):
                rows = [next(some) for _ in range(ROWS)]
                turns[sealed].append(written(rows, sealed=sealed, committed=committed) / ROWS)
        plain, ours = (quantiles(turns[sealed], n=4)[0] for sealed in (False, True))
        how = "each committed" if committed else "in one transaction"
        print(f"a row of five sealed fields, key unwrapped, blind index, {how}: {ours / plain:.3f} x a plain row")
        print(f"  {ours * 1e6:.0f} us against {plain * 1e6:.0f} us")


def one_field() -> None:
    """What sealing adds to a row by the paper's own measure (2e): one value, its key at hand, no index."""
    key = new_key(key_id=1)
    with transaction.atomic(using=ALIAS):
        some = iter(subject_keys(2 * ROWS * PAIRS, box.hold().wrapping))
    turns: dict[bool, list[float]] = {False: [], True: []}
    for _pair in range(PAIRS):
        for sealed in (False, True):
            rows = [next(some) for _ in range(ROWS)]
            with transaction.atomic(using=ALIAS):
                turns[sealed].append(timed(partial(_one, rows, key, sealed=sealed)) / ROWS)
    plain, ours = (quantiles(turns[sealed], n=4)[0] for sealed in (False, True))
    print(f"a row of one sealed field, its key at hand: {ours / plain:.3f} x a plain row")


def _one(rows: list[SubjectKey], key: Key, *, sealed: bool) -> None:
    for row in rows:
        value = PLAIN["name"]
        if sealed:
            value = seal(value, key=key, place=box.field_place("name", row.subject_code))
        Identity.objects.create(subject_key=row, person_index="0" * 64, **(PLAIN | {"name": value}))


def written(rows: list[SubjectKey], *, sealed: bool, committed: bool) -> float:
    with nullcontext() if committed else transaction.atomic(using=ALIAS):
        return timed(lambda: write(rows, sealed=sealed))


def rotation() -> None:
    Identity.objects.all().delete()
    SubjectKey.objects.all().delete()
    with transaction.atomic(using=ALIAS):
        subject_keys(SUBJECTS, box.hold().wrapping)
    spent = [services.rotate(by=BY).seconds for _ in range(3)]
    print(f"master key replaced over {SUBJECTS} subjects: {min(spent):.3f} s (worst of three {max(spent):.3f} s)")


def index() -> None:
    key = new_key(key_id=1)
    many = range(1000)
    compare(
        "1000 blind indexes",
        lambda: [box.index_of(PERSON, key=key) for _ in many],
        Rival("HMAC of the text alone", lambda: [_hmac(key) for _ in many]),
        Rival("sealing all fields", lambda: [box.sealed_fields(PERSON, key=key, subject_code="x") for _ in many]),
    )


def _hmac(key: Key) -> str:
    return hmac.new(key.secret, b"person:aaeilmnstwz|19470211|F", hashlib.sha256).hexdigest()


def main() -> None:
    with acting(BY, reason="a benchmark"):
        call_command("migrate", verbosity=0)
        call_command("open_vault")
        print(f"on {connections[ALIAS].vendor}")
        with transaction.atomic(using=ALIAS):
            box.index_key(box.hold(), "BENCH")
        overhead()
        one_field()
        rotation()
        index()


if __name__ == "__main__":
    main()

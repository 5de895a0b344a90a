"""What the vault costs: a sealed row against a plain one, wrapping 10,000 keys anew, one blind index; ratios of one run.

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
from statistics import median

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
from identity.envelope import Key, new_key, wrap
from identity.models import Identity, SubjectKey
from identity.person import Person, Sex
from identity.switch import ALIAS

BY = machine("bench", source="command", request_id="bench")
ROWS, SUBJECTS, PAIRS = 400, 10_000, 9
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
    start = time.perf_counter()
    deed()
    return time.perf_counter() - start


def overhead() -> None:
    ratios, plain = [], []
    for _pair in range(PAIRS):
        with transaction.atomic(using=ALIAS):
            some = subject_keys(2 * ROWS, box.hold().wrapping)
        without = timed(lambda rows=some[:ROWS]: write(rows, sealed=False))
        with_seal = timed(lambda rows=some[ROWS:]: write(rows, sealed=True))
        plain.append(without)
        ratios.append(with_seal / without)
    print(f"writing a sealed row (5 fields, key unwrapped, blind index): {median(ratios):.3f} x a plain row")
    print(f"  a plain row, committed: {median(plain) / ROWS * 1e6:.0f} us; pairs {min(ratios):.2f}-{max(ratios):.2f}")


def in_one_transaction() -> None:
    """Processor time alone, without a commit's wait for the disk: the harder comparison."""
    with transaction.atomic(using=ALIAS):
        some = iter(subject_keys(2 * ROWS * PAIRS, box.hold().wrapping))

        def rows() -> list[SubjectKey]:
            return [next(some) for _ in range(ROWS)]

        pairs = [
            (timed(lambda: write(rows(), sealed=True)), timed(lambda: write(rows(), sealed=False)))
            for _ in range(PAIRS)
        ]
        transaction.set_rollback(True, using=ALIAS)
    ratios = sorted(one / other for one, other in pairs)
    print(f"the same inside one transaction: {median(ratios):.3f} x; pairs {ratios[0]:.2f}-{ratios[-1]:.2f}")


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
        in_one_transaction()
        rotation()
        index()


if __name__ == "__main__":
    main()

"""What the trail costs, as ratios within one run on SQLite and, where it answers, PostgreSQL: `-m benchmarks.audit`.

A saved row with its event against the same row without triggers; eight writers with a sealer against eight without;
a verification per event. Each database runs in a process of its own, in a home of its own.

`soak MINUTES` lets writers and sealer run against each other; `many EVENTS` fills a log, seals it and times its checks.
"""

import os
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

POSTGRESQL = os.environ.get("CORELAB_TEST_POSTGRESQL", "postgresql://corelab:corelab@127.0.0.1:5432/postgres")
ROOT = Path(__file__).parent.parent
PAIRS = 9
WRITERS = 8
# Seconds: the sealer rests, catches up uncounted, and works for as long as it rested.
REST, CATCH_UP, CYCLES = 9, 6, 8
CYCLE = REST + CATCH_UP + REST


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
        run("SQLite", home, "")
    try:
        connection = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        print("PostgreSQL does not answer: skipped (name one with CORELAB_TEST_POSTGRESQL)")
        return
    name = f"corelab_bench_{secrets.token_hex(4)}"
    connection.execute(f'CREATE DATABASE "{name}"')
    try:
        with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
            run("PostgreSQL", home, make_conninfo(POSTGRESQL, dbname=name))
    finally:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def soak(minutes: float) -> None:
    """Let writers and sealer run, then look for what was never sealed, and verify everything with a replay."""
    told = crowd(seconds=int(minutes * 60), rest=0)
    rate = sum(told.done) / (minutes * 60)
    print(
        f"  {minutes:g} minutes: {rate:.0f} transactions a second, worst wait {told.worst:.2f} s, errors {told.errors}",
        flush=True,
    )
    manage("seal_audit")
    manage("verify_audit", "--replay")


def many(events: float) -> None:
    """Fill a log with row events, seal it, and time the commands that check it."""
    from benchmarks import audited

    time_of("writing", lambda: audited.fill(int(events)))
    time_of("sealing", lambda: manage("seal_audit"))
    manage("verify_audit")
    time_of("verify_audit", lambda: manage("verify_audit"))
    time_of("with --replay", lambda: manage("verify_audit", "--replay"))
    with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
        folder = Path(home) / "export"
        time_of("export", lambda: manage("export_audit", str(folder)))
        words = [sys.executable, "-I", "verifier.py", ".", "--key", "seal.pub"]
        time_of("verifier.py", lambda: subprocess.run(words, cwd=folder, check=True))
        time_of("with --replay", lambda: subprocess.run([*words, "--replay"], cwd=folder, check=True))


def manage(*words: str) -> None:
    subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=True)


def time_of(name: str, deed: Callable[[], object]) -> None:
    """Print seconds by the wall's clock and of our processors (the database's own not counted), and the memory."""
    start, before = time.perf_counter(), processor()
    deed()
    wall, spent = time.perf_counter() - start, processor() - before
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    load = os.getloadavg()[0]
    print(
        f"  {name:18} {wall:6.1f} s, {spent:6.1f} s of our processor; largest so far {memory:.0f} MB; load {load:.1f}",
        flush=True,
    )


def processor() -> float:
    return sum(os.times()[:4])


def run(title: str, home: str, url: str) -> None:
    print(title, flush=True)
    environment = os.environ | {"CORELAB_HOME": home, "CORELAB_DATABASE_URL": url}
    words = ["measure", *sys.argv[1:]]
    subprocess.run([sys.executable, "-m", "benchmarks.audit", *words], cwd=ROOT, env=environment, check=True)


def measure(kind: str = "", amount: str = "0") -> None:
    import django

    django.setup()
    from benchmarks import audited

    audited.prepare()
    {"": ratios, "soak": soak, "many": many}[kind](float(amount))


def ratios(_amount: float) -> None:
    from benchmarks import audited

    for name, deed in audited.DEEDS.items():
        pairs = [pair(deed) for _ in range(PAIRS)]
        ratio = statistics.median(watched / plain for watched, plain in pairs)
        watched, plain = (min(each) for each in zip(*pairs, strict=True))
        print(f"  {name:18} {ratio:5.2f} x plain ({watched * 1e6:.0f} against {plain * 1e6:.0f} us of processor a row)")
    writers()
    audited.verify()


def pair(deed: Callable[[bool], float]) -> tuple[float, float]:
    plain = deed(False)
    return deed(True), plain


def writers() -> None:
    """Let the sealer rest and work in turns under the same eight writers: a machine's moods fall on both alike."""
    told = crowd(seconds=CYCLES * CYCLE)
    rounds = [told.done[begin : begin + CYCLE] for begin in range(0, CYCLES * CYCLE, CYCLE)]
    # Between the two, the sealer takes up what the rest left behind.
    pairs = [(sum(each[REST + CATCH_UP :]), sum(each[:REST])) for each in rounds]
    sealed, plain = (sum(each) / CYCLES / REST for each in zip(*pairs, strict=True))
    found = sorted(round(with_it / without, 2) for with_it, without in pairs)
    print(
        f"  {WRITERS} writers        {statistics.median(found):5.2f} x their throughput while the sealer rests "
        f"({sealed:.0f} against {plain:.0f} transactions a second; {CYCLES} turns of {REST} s: {found}); "
        f"worst wait {told.worst:.2f} s; errors {told.errors}"
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What the crowd did in each second, its worst wait in seconds, and its errors."""

    done: list[int]
    worst: float
    errors: int


def crowd(*, seconds: int, rest: int = REST) -> Told:
    """Let writers write for so long; the sealer rests for the first seconds of every cycle."""
    command = [sys.executable, "-m", "benchmarks.audited"]
    span = [str(time.time() + 8.0), str(seconds)]
    sealer = subprocess.Popen([*command, "seal", *span, str(CYCLE), str(rest)], cwd=ROOT)
    people = [
        subprocess.Popen([*command, *span, str(number)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for number in range(WRITERS)
    ]
    told = [[float(word) for word in writer.communicate()[0].split()] for writer in people]
    assert sealer.wait() == 0, "the sealer fell"
    worst, errors, *done = zip(*told, strict=True)
    return Told([int(sum(second)) for second in done], max(worst), int(sum(errors)))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    measure(*sys.argv[2:]) if sys.argv[1:2] == ["measure"] else main()

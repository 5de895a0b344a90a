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
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

POSTGRESQL = os.environ.get("CORELAB_TEST_POSTGRESQL", "postgresql://corelab:corelab@127.0.0.1:5432/postgres")
ROOT = Path(__file__).parent.parent
PAIRS = 5
WRITERS, SECONDS = 8, 12.0


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
    rate, worst, errors = crowd(sealing=True, seconds=minutes * 60)
    print(
        f"  {minutes:g} minutes: {rate:.0f} transactions a second, worst wait {worst:.2f} s, errors {errors}",
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
    alone, with_sealer = crowd(sealing=False), crowd(sealing=True)
    again = crowd(sealing=False)
    plain = (alone[0] + again[0]) / 2
    print(
        f"  {WRITERS} writers        {with_sealer[0] / plain:5.2f} x their throughput without a sealer "
        f"({with_sealer[0]:.0f} against {plain:.0f} transactions a second); worst wait {with_sealer[1]:.2f} s "
        f"against {max(alone[1], again[1]):.2f} s; errors {with_sealer[2] + alone[2] + again[2]}"
    )


def crowd(*, sealing: bool, seconds: float = SECONDS) -> tuple[float, float, int]:
    """Return transactions a second, the worst wait in seconds, and errors."""
    command = [sys.executable, "-m", "benchmarks.audited"]
    start = time.time() + 8.0
    # Every three seconds, as `manage.py run` does.
    sealer = (
        subprocess.Popen([sys.executable, "manage.py", "seal_audit", "--every", "3"], cwd=ROOT) if sealing else None
    )
    people = [
        subprocess.Popen([*command, str(start), str(seconds), str(number)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for number in range(WRITERS)
    ]
    told = [[float(word) for word in writer.communicate()[0].split()] for writer in people]
    if sealer is not None:
        sealer.terminate()
        sealer.wait()
    return sum(each[0] for each in told) / seconds, max(each[1] for each in told), int(sum(each[2] for each in told))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    measure(*sys.argv[2:]) if sys.argv[1:2] == ["measure"] else main()

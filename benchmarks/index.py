"""QIDO and the tracker over a large archive: `-m benchmarks.index [100000 1000000] [sqlite] [postgresql]`.

Each database is filled in a home of its own by a few statements (synthetic rows, no pixels), then the running views
answer through Django's test client, rights, fences and JSON included. p95 over TURNS mixed questions of each kind; the
worst kind is held against the goal: 300 ms at 100,000 instances, 800 ms at 1,000,000.
"""

import os
import secrets
import subprocess
import sys
import tempfile

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.audit import POSTGRESQL, ROOT

SIZES = (100_000, 1_000_000)
ENGINES = ("sqlite", "postgresql")


def main(words: list[str]) -> int:
    sizes = [int(word) for word in words if word.isdecimal()] or SIZES
    engines = [word for word in words if word in ENGINES] or ENGINES
    return max(run(engine, size) for size in sizes for engine in engines)


def run(engine: str, size: int) -> int:
    print(f"{engine}, {size} instances", flush=True)
    if engine == "sqlite":
        return measure(size, "")
    name = f"corelab_bench_{secrets.token_hex(4)}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            return measure(size, make_conninfo(POSTGRESQL, dbname=name))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def measure(size: int, url: str) -> int:
    with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
        environment = os.environ | {"CORELAB_HOME": home, "CORELAB_DATABASE_URL": url}
        command = [sys.executable, "-m", "benchmarks.indexed", str(size)]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

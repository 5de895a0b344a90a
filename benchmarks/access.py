"""What rights cost, on SQLite and, where it answers, PostgreSQL: `-m benchmarks.access`.

A page of 50 among 100,000 images, for each role, against guardian's rows per object on the same data in the same run;
and who could do what on a past day, with 10,000 roles. Each database runs in a process and home of its own.
"""

import os
import secrets
import subprocess
import sys
import tempfile

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.audit import POSTGRESQL, ROOT


def main() -> None:
    run("SQLite", "")
    try:
        connection = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        print("PostgreSQL does not answer: skipped (name one with CORELAB_TEST_POSTGRESQL)")
        return
    name = f"corelab_bench_{secrets.token_hex(4)}"
    connection.execute(f'CREATE DATABASE "{name}"')
    try:
        run("PostgreSQL", make_conninfo(POSTGRESQL, dbname=name))
    finally:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def run(title: str, url: str) -> None:
    print(title, flush=True)
    with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
        environment = os.environ | {"CORELAB_HOME": home, "CORELAB_DATABASE_URL": url}
        subprocess.run([sys.executable, "-m", "benchmarks.accessed"], cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    main()

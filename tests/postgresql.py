"""`python -m tests.postgresql`: the database tests a second time, on PostgreSQL where one answers."""

import os
import sys

import psycopg

from tests import again

URL = os.environ.get("CORELAB_TEST_POSTGRESQL", "postgresql://corelab:corelab@127.0.0.1:5432/postgres")


def is_there() -> bool:
    try:
        with psycopg.connect(URL, connect_timeout=3):
            return True
    except psycopg.OperationalError:
        return False


def main() -> int:
    if not is_there():
        print(  # noqa: T201  a line for the person at the terminal
            "skipped on PostgreSQL: apt-get install postgresql, then give a role that may create databases and roles: "
            "CREATE ROLE corelab LOGIN CREATEDB CREATEROLE PASSWORD 'corelab' (or name another with "
            "CORELAB_TEST_POSTGRESQL)"
        )
        return 1 if os.environ.get("CORELAB_REQUIRE_SERVICES") == "1" else 0
    environment = os.environ | {"CORELAB_DATABASE_URL": URL}
    return again.run(["-n", "2", "--show-capture=no", "--only-database"], environment=environment)


if __name__ == "__main__":
    sys.exit(main())

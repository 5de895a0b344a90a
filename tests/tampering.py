"""What only the owner of a database can do: take a guard away and change what it kept."""

from django.db import connection

from audit import guards
from audit.context import acting
from tests.people import STAGE
from tests.roles import become_owner


def change_frozen(table: str, sql: str) -> None:
    """Run `sql` after the guard of a frozen table is gone; the trail tells of it all the same."""
    become_owner()
    with connection.cursor() as cursor, acting(STAGE, reason="tampering"):
        guards.thaw(cursor.execute, vendor=connection.vendor, table=table)
        cursor.execute(sql)


def change_fixed(table: str, column: str, value: str) -> None:
    """Give all rows of a table another value of a column that keeps what it was given; the trail tells of it."""
    become_owner()
    with connection.cursor() as cursor, acting(STAGE, reason="tampering"):
        guards.unfix(cursor.execute, vendor=connection.vendor, table=table, column=column)
        cursor.execute(f"UPDATE {table} SET {column} = %s", [value])  # noqa: S608  our own names

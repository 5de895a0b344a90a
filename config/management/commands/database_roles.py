import os
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

_ADMIN = "CORELAB_DATABASE_ADMIN_URL"
_POWERLESS = sql.SQL("LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION")
_KNOWN = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"


class Command(BaseCommand):
    requires_system_checks = []
    help = (
        "Make the PostgreSQL roles that the CORELAB_DATABASE_…URL variables name, without any power of the server, "
        f"and give the database to its owner. Connects as {_ADMIN} names; with --print it only shows the SQL, "
        "without passwords. Tables get their rights with the next `migrate`."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--print", action="store_true", help="show the SQL for a server's administrator")

    def handle(self, *_args: Any, **options: Any) -> None:
        accounts = {part: told for part, url in settings.DATABASE_URLS.items() if (told := conninfo_to_dict(url))}
        if {"app", "owner"} - set(accounts) or accounts["app"]["user"] == accounts["owner"]["user"]:
            raise CommandError(
                "Name two different roles first: CORELAB_DATABASE_URL for the application, "
                "CORELAB_DATABASE_OWNER_URL for the owner of the tables. Nothing was changed."
            )
        if options["print"]:
            self.stdout.write("\n".join(f"{each.as_string()};" for each in _statements(accounts, known=set())))
            return
        if _ADMIN not in os.environ:
            raise CommandError(f"Name an administrator of the server with {_ADMIN}, or take --print.")
        self._apply(os.environ[_ADMIN], accounts)
        self.stdout.write("The roles stand. Run `manage.py migrate` next: it gives them their tables.")

    def _apply(self, admin: str, accounts: dict[str, Any]) -> None:
        with psycopg.connect(admin) as connection:
            names = [account["user"] for account in accounts.values()]
            known = {name for name in names if connection.execute(_KNOWN, [name]).fetchone() == (True,)}
            for account in accounts.values():
                if account["user"] in known:
                    connection.execute(_password(account, verb="ALTER"))
                else:
                    connection.execute(_password(account, verb="CREATE"))
            for statement in _rights(accounts):
                connection.execute(statement)


def _statements(accounts: dict[str, Any], *, known: set[str]) -> list[sql.Composed]:
    made = [_made(account["user"]) for account in accounts.values() if account["user"] not in known]
    return [*made, *_rights(accounts)]


def _made(name: str) -> sql.Composed:
    return sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(name), _POWERLESS)


def _password(account: dict[str, Any], *, verb: str) -> sql.Composed:
    powers = _POWERLESS if verb == "CREATE" else sql.SQL("LOGIN")
    return sql.SQL("{} ROLE {} {} PASSWORD {}").format(
        sql.SQL(verb), sql.Identifier(account["user"]), powers, sql.Literal(account.get("password"))
    )


def _rights(accounts: dict[str, Any]) -> list[sql.Composed]:
    """The database to its owner; who is none of ours does not get in."""
    database, owner = sql.Identifier(accounts["app"]["dbname"]), sql.Identifier(accounts["owner"]["user"])
    others = [sql.Identifier(account["user"]) for part, account in accounts.items() if part != "owner"]
    return [
        sql.SQL("GRANT {} TO CURRENT_USER").format(owner),
        sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner),
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        *(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, other) for other in others),
    ]

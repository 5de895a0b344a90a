"""Where the database is: PostgreSQL where the environment names one, else a file of ours."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# One database, one role a part: whoever migrates owns the tables, nobody who serves does (see config.grants).
_VARIABLES = {
    "app": "CORELAB_DATABASE_URL",
    "owner": "CORELAB_DATABASE_OWNER_URL",
    "sealer": "CORELAB_DATABASE_SEALER_URL",
    "inspector": "CORELAB_DATABASE_INSPECTOR_URL",
}


# Ours to hand to Django by name; the rest of an address, sslmode above all, goes to libpq as it is.
_NAMED = frozenset({"dbname", "user", "password", "host", "port"})
# A line to the database is kept for the next request: SQLite reads all tables and guards, 12 ms, for each new one.
_KEPT_SECONDS = 60
_UNDER_TLS = frozenset({"require", "verify-ca", "verify-full"})


def roles_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the address of the database by the part whose role it names."""
    return {part: url for part, variable in _VARIABLES.items() if (url := environment.get(variable))}


def user_of(url: str) -> str:
    return str(_read(url).get("user", ""))


def _read(url: str) -> dict[str, Any]:
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415  12 MiB that web, node and sealer do without on SQLite

    return dict(conninfo_to_dict(url))


def is_in_clear(url: str) -> bool:
    """Whether what goes to the database at this address may cross a network that others read (libpq prefers, only)."""
    told = _read(url)
    hosts = str(told.get("hostaddr") or told.get("host") or "").split(",")
    mode = told.get("sslmode") or os.environ.get("PGSSLMODE", "")
    return mode not in _UNDER_TLS and not all(map(is_of_this_machine, hosts))


def is_of_this_machine(host: str) -> bool:
    """Whether this names our own machine: loopback, or (for libpq) a socket in a folder."""
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def database(*, url: str | None, file: Path) -> dict[str, Any]:
    """PostgreSQL at the address, else SQLite that survives a power cut (WAL, sync FULL)."""
    if url:
        told = _read(url)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": told.get("dbname", "corelab"),
            "USER": told.get("user", ""),
            "PASSWORD": told.get("password", ""),
            "HOST": told.get("host", ""),
            "PORT": str(told.get("port", "")),
            "CONN_MAX_AGE": _KEPT_SECONDS,
            "OPTIONS": {name: value for name, value in told.items() if name not in _NAMED},
        }
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        # Django's, with one fair gate for writers.
        "ENGINE": "config.sqlite",
        "NAME": file,
        "CONN_MAX_AGE": _KEPT_SECONDS,
        "OPTIONS": {
            # IMMEDIATE: a read that turns into a write would otherwise get SQLITE_BUSY at once.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # Recursive triggers: INSERT OR REPLACE would otherwise delete evidence without asking its guards.
            # Temporary tables in memory: rows of ours must not lie in a file that nobody guards.
            # Secure delete: a destroyed key must not stay readable in free pages.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            "PRAGMA recursive_triggers=ON; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;",
        },
    }

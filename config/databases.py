"""Where the database is: PostgreSQL where the environment names one, else a file of ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

# One database, one role a part: whoever migrates owns the tables, nobody who serves does (see config.grants).
_VARIABLES = {
    "app": "CORELAB_DATABASE_URL",
    "owner": "CORELAB_DATABASE_OWNER_URL",
    "sealer": "CORELAB_DATABASE_SEALER_URL",
    "inspector": "CORELAB_DATABASE_INSPECTOR_URL",
}


def roles_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the address of the database by the part whose role it names."""
    return {part: url for part, variable in _VARIABLES.items() if (url := environment.get(variable))}


def user_of(url: str) -> str:
    return str(conninfo_to_dict(url).get("user", ""))


def database(*, url: str | None, file: Path) -> dict[str, Any]:
    """PostgreSQL at the address, else SQLite that survives a power cut (WAL, sync FULL)."""
    if url:
        told = conninfo_to_dict(url)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": told.get("dbname", "corelab"),
            "USER": told.get("user", ""),
            "PASSWORD": told.get("password", ""),
            "HOST": told.get("host", ""),
            "PORT": str(told.get("port", "")),
            "CONN_MAX_AGE": 60,
        }
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        # Django's, with one fair gate for writers.
        "ENGINE": "config.sqlite",
        "NAME": file,
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

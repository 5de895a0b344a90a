"""The vault stands apart: its own database, role, URL and key, and nobody who handles images has any of them (P04)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
import requests
from django.apps import apps
from django.conf import settings as django_settings
from django.db import connections
from django.test import Client
from django.urls import reverse

from identity import keyring, switch
from identity.models import Identity, SubjectKey, UnlockWindow
from identity.routers import VaultRouter
from identity.services import keys
from identity.switch import ALIAS, CREDENTIALS
from tests import prepared
from tests.cast import Cast
from tests.services import lacking
from tests.stack import ROOT, Stack, environment_of, start, stop, wait_until
from trials.models import Subject

ROUTER = VaultRouter()
OURS = {model._meta.db_table for model in apps.get_app_config("identity").get_models()}


@pytest.mark.req("R-ID-19")
def test_every_model_has_one_database_and_no_key_crosses() -> None:
    for model in apps.get_models():
        is_ours = model._meta.app_label == "identity"
        assert ROUTER.db_for_read(model) == ROUTER.db_for_write(model) == (ALIAS if is_ours else None)
        assert ROUTER.allow_migrate(ALIAS, model._meta.app_label) is is_ours
        assert ROUTER.allow_migrate("default", model._meta.app_label) is (False if is_ours else None)
        pointed = {field.related_model._meta.app_label for field in model._meta.fields if field.related_model}
        assert not ({"identity"} & pointed) or is_ours
        assert not is_ours or pointed <= {"identity"}
    assert ROUTER.allow_relation(SubjectKey(), Subject()) is False
    assert ROUTER.allow_relation(Subject(), SubjectKey()) is False
    assert ROUTER.allow_relation(SubjectKey(), Identity()) is None


@pytest.mark.django_db(databases=["default", "identity"])
@pytest.mark.req("R-ID-19")
def test_its_tables_are_in_its_database_alone_and_nothing_else_is_there() -> None:
    tables = {alias: set(connections[alias].introspection.table_names()) for alias in ("default", ALIAS)}
    assert tables[ALIAS] == OURS | {"django_migrations"}
    assert not OURS & tables["default"]
    assert UnlockWindow.objects.db == ALIAS


@pytest.mark.req("R-ID-20")
@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"CORELAB_VAULT": ""}, False),
        ({"CORELAB_VAULT": "off"}, False),
        ({"CORELAB_VAULT": " ON "}, True),
        ({"CORELAB_VAULT_DATABASE_URL": "postgresql://vault@localhost/vault"}, True),
    ],
)
def test_there_is_a_vault_only_where_the_operator_names_one(environment: dict[str, str], *, on: bool) -> None:
    assert switch.is_on(environment) is on


@pytest.mark.req("R-ID-20")
def test_a_word_that_is_neither_on_nor_off_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on or off"):
        switch.is_on({"CORELAB_VAULT": "yes please"})
    told = manage(tmp_path, "check", CORELAB_VAULT="yes please")
    assert told.returncode != 0
    assert "CORELAB_VAULT is on or off" in told.stderr


def manage(home: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        check=False,
        cwd=ROOT,
        env=environment_of(home, **environment),
        capture_output=True,
        text=True,
        timeout=120,
    )


_OFF = """
import django; django.setup()
from django.db import connection
from django.urls import NoReverseMatch, reverse
from django.conf import settings
print(sorted(settings.DATABASES), [name for name in connection.introspection.table_names() if "identity" in name])
try:
    print(reverse("identity-list", args=["x"]))
except NoReverseMatch:
    print("no page")
"""


@pytest.mark.req("R-ID-20")
def test_off_there_is_no_alias_no_table_no_page_no_key_and_no_file(tmp_path: Path) -> None:
    assert manage(tmp_path, "migrate", "-v0").returncode == 0
    told = subprocess.run(
        [sys.executable, "-c", _OFF],
        check=True,
        cwd=ROOT,
        env=environment_of(tmp_path, DJANGO_SETTINGS_MODULE="config.settings"),
        capture_output=True,
        text=True,
    )
    assert told.stdout == "['default'] []\nno page\n"
    assert not [path for path in tmp_path.rglob("*") if "identity" in path.name]
    for command in ("open_vault", "rotate_identity_key"):
        refused = manage(tmp_path, command)
        assert refused.returncode == 1
        assert "There is no vault" in refused.stderr


@pytest.mark.django_db
@pytest.mark.req("R-ID-20")
def test_switched_off_every_page_is_missing_and_no_tab_leads_there(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    code, key = cast.subject_a.code, "12345678-1234-1234-1234-123456789abc"
    for name in ("", "-record", "-correct", "-unlock"):
        assert client.get(reverse(f"identity{name}", args=[code])).status_code == 404
    for name in ("window", "approve"):
        assert client.get(reverse(f"identity-{name}", args=[key])).status_code == 404
    assert client.get("/trials/TUNDRA/identities/").status_code == 404
    assert "identities" not in client.get("/trials/TUNDRA/").content.decode()


def environment_of_process(process: int) -> set[str]:
    held = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    return {word.partition("=")[0] for word in held}


def children_of(running: Stack) -> dict[str, list[int]]:
    return {
        word: [number for number in running.children(word) if number != running.process.pid]
        for word in ("manage.py serve", "celery", "dicom_node", "seal_audit")
    }


@pytest.mark.req("R-ID-21")
def test_in_a_real_run_the_web_server_alone_holds_what_opens_the_vault(tmp_path: Path) -> None:
    prepared.lay(tmp_path, CORELAB_VAULT="on")
    running = start(tmp_path, "--no-demo", CORELAB_VAULT="on")
    try:
        # Who works behind the pages starts once the pages answer.
        wait_until(lambda: all(children_of(running).values()))
        children = children_of(running)
        for word, processes in children.items():
            for process in processes:
                held = environment_of_process(process)
                assert "CORELAB_HOME" in held
                assert bool(CREDENTIALS & held) == (word == "manage.py serve"), (word, CREDENTIALS & held)
        assert requests.get(f"{running.address}/healthz", timeout=10).ok
        assert (tmp_path / "identity" / "vault.sqlite3").exists()
        assert {f"{path.stat().st_mode & 0o777:o}" for path in (tmp_path / "identity").iterdir()} == {"600"}
        assert f"{(tmp_path / 'keys' / 'identity.key').stat().st_mode & 0o777:o}" == "600"
    finally:
        if running.process.poll() is None:
            stop(running)
    (tmp_path / "keys" / "identity.key").chmod(0o644)
    refused = manage(tmp_path, "run", "--no-demo", CORELAB_VAULT="on", CORELAB_PORT="0", CORELAB_DICOM_PORT="0")
    assert refused.returncode == 1
    assert "may be read by others" in refused.stderr
    assert "Traceback" not in refused.stderr


def superuser(statement: str) -> None:
    if shutil.which("su") is None or os.getuid() != 0:
        lacking("roles of PostgreSQL are made by its superuser: run as root where PostgreSQL is installed")
    told = subprocess.run(["su", "postgres", "-c", "psql -qv ON_ERROR_STOP=1"], input=statement, text=True, check=False)
    if told.returncode:
        lacking("PostgreSQL's superuser did not answer: apt-get install postgresql")


_VAULT, _MAIN = "corelab_t_vault", "corelab_t_main"


@pytest.fixture
def roles() -> Iterator[None]:
    """A vault with a role of its own, and the main database's role, on one server."""
    if "postgresql" not in django_settings.DATABASES["default"]["ENGINE"]:
        pytest.skip("roles are PostgreSQL's: run with CORELAB_DATABASE_URL")
    drop = f"DROP DATABASE IF EXISTS {_VAULT}; DROP ROLE IF EXISTS {_VAULT}; DROP ROLE IF EXISTS {_MAIN};"
    superuser(
        drop + f"CREATE ROLE {_VAULT} LOGIN PASSWORD 'v'; CREATE ROLE {_MAIN} LOGIN PASSWORD 'm';"
        f"CREATE DATABASE {_VAULT} OWNER {_VAULT};"
    )
    yield
    superuser(drop)


def reach(role: str, password: str) -> None:
    told = django_settings.DATABASES["default"]
    where = f"host={told['HOST']} port={told['PORT'] or 5432} dbname={_VAULT} user={role} password={password}"
    psycopg.connect(where, connect_timeout=5).close()


@pytest.mark.django_db(databases=["default", "identity"])
@pytest.mark.req("R-ID-22")
def test_the_main_databases_role_cannot_connect_to_the_vault(roles: None, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"NAME": _VAULT, "USER": _VAULT, "PASSWORD": "v", "ENGINE": "django.db.backends.postgresql"}
    main: dict[str, Any] = {"USER": _MAIN, "ENGINE": "django.db.backends.postgresql"}

    class Asked:
        DATABASES = {ALIAS: own, "default": main}
        DATABASE_ROLES: ClassVar[dict[str, str]] = {}

    monkeypatch.setattr(keys, "settings", Asked)
    vault = connections.create_connection(ALIAS)
    vault.settings_dict = {**vault.settings_dict, **own}
    monkeypatch.setattr(keys, "connections", {ALIAS: vault})
    try:
        # As PostgreSQL makes a database, everybody may connect: the start refuses that.
        reach(_MAIN, "m")
        with pytest.raises(keyring.KeyRefused, match="REVOKE CONNECT"):
            keys._refuse_shared_database()
        main["USER"] = _VAULT
        with pytest.raises(keyring.KeyRefused, match="role of its own"):
            keys._refuse_shared_database()
        main["USER"] = _MAIN
        Asked.DATABASE_ROLES = {"sealer": _VAULT}
        with pytest.raises(keyring.KeyRefused, match="role of its own"):
            keys._refuse_shared_database()
        Asked.DATABASE_ROLES = {"owner": _MAIN}
        superuser(f"REVOKE CONNECT ON DATABASE {_VAULT} FROM PUBLIC;")
        keys._refuse_shared_database()
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            reach(_MAIN, "m")
        reach(_VAULT, "v")
    finally:
        vault.close()

"""The profile of a real site: PostgreSQL and Redis, no demo; the same product, the same promises."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql

from tests.cast import PASSWORD, TODAY
from tests.flows import small
from tests.flows.hunting import views
from tests.flows.test_running import send_zip
from tests.imaging.scans import PLANTED, ct_series
from tests.postgresql import URL, is_there
from tests.reports.sealed import told_by_pdfsig
from tests.services import lacking, need_program
from tests.stack import ROOT, Session, Stack, environment_of, start, stop, wait_until

REDIS_HOST = "127.0.0.1"
REDIS_PORT = 6379


PARTS = {"app": "", "owner": "OWNER_", "sealer": "SEALER_", "inspector": "INSPECTOR_"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of a fresh database by variable, each by a role of its own; all is dropped afterwards."""
    if not is_there():
        lacking("PostgreSQL does not answer: apt-get install postgresql, role corelab with CREATEDB (docs: testing)")
    name = f"corelab_{uuid.uuid4().hex[:12]}"
    place = urlsplit(URL)
    urls = {
        f"CORELAB_DATABASE_{variable}URL": place._replace(
            path=f"/{name}", netloc=f"{name}_{part}:{uuid.uuid4().hex}@{place.hostname}:{place.port or 5432}"
        ).geturl()
        for part, variable in PARTS.items()
    }
    with psycopg.connect(URL, autocommit=True) as connection:
        told = connection.execute("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")
        if told.fetchone() != (True,):
            lacking("the role of the tests may not create roles: ALTER ROLE corelab CREATEROLE")
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            _make_roles(tmp_path_factory.mktemp("roles"), urls, place._replace(path=f"/{name}").geturl())
            yield urls
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for part in PARTS:
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{name}_{part}")))


def _make_roles(home: Path, urls: dict[str, str], admin: str) -> None:
    environment = environment_of(home, **urls, CORELAB_DATABASE_ADMIN_URL=admin)
    command = [sys.executable, "manage.py", "database_roles"]
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of an empty Redis database, emptied afterwards."""
    for number in range(15, 0, -1):
        client = redis.Redis(REDIS_HOST, REDIS_PORT, number)
        try:
            is_free = client.dbsize() == 0
        except redis.ConnectionError:
            lacking("Redis does not answer: apt-get install redis-server")
        except redis.ResponseError:
            # Set up with fewer databases.
            continue
        if is_free:
            yield f"redis://{REDIS_HOST}:{REDIS_PORT}/{number}"
            client.flushdb()
            return
    lacking("No database of the Redis server is empty")


class Overheard(threading.Thread):
    """Everything that is said to one database of the Redis server, from all its clients."""

    def __init__(self, broker: str) -> None:
        super().__init__(daemon=True)
        self.number = int(broker.rpartition("/")[2])
        self.said: list[bytes] = []
        self.listening = threading.Event()

    def run(self) -> None:
        # Nothing may be said for a while; by default the client hangs up after five seconds.
        line = redis.Redis(REDIS_HOST, REDIS_PORT, self.number, socket_timeout=None)
        with line.monitor() as monitor:  # type: ignore[no-untyped-call]  # the client types it not
            self.listening.set()
            for told in monitor.listen():
                if told["db"] == self.number:
                    self.said.append(told["command"].replace('\\"', '"').encode())

    def found(self) -> set[str]:
        read = [view for said in list(self.said) for view in views(said)]
        return {planted for planted in PLANTED if any(planted.encode() in view for view in read)}


@pytest.fixture(scope="module")
def overheard(broker: str) -> Overheard:
    listener = Overheard(broker)
    listener.start()
    assert listener.listening.wait(10)
    return listener


@pytest.fixture(scope="module")
def site(
    database: dict[str, str], broker: str, overheard: Overheard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("production")
    running = start(
        home,
        "--no-demo",
        password=PASSWORD,
        CORELAB_BROKER_URL=broker,
        **database,
    )
    try:
        small.seed(running)
        yield running
    finally:
        if running.process.poll() is None:
            stop(running)


def _visit(site: Stack) -> str:
    records = site.session("site_staff").get(f"/api/trials/{small.CODE}/time-points/?code=BL").json()["results"]
    return str(records[0]["id"])


@pytest.mark.req("R-FLOW-02")
def test_a_delivery_survives_a_killed_worker_on_postgresql_and_redis(site: Stack, broker: str) -> None:
    staff = site.session("site_staff")
    delivery = send_zip(staff, _visit(site), ct_series(40, seed="production"))
    address = f"/api/deliveries/{delivery}/"
    wait_until(lambda: staff.api("GET", address).json()["state"] != "received")
    assert not staff.api("GET", address).json()["ended"], "killed too late to prove anything"
    workers = site.children("celery")
    assert workers
    for process in workers:
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: staff.api("GET", address).json()["ended"], seconds=150)
    told = staff.api("GET", address).json()
    assert (told["state"], told["counts"]["filed"]) == ("checked", 40)
    receipt = staff.api("GET", f"{address}receipt/").json()
    assert len({row["sop_instance_uid"] for row in receipt["filed"]}) == 40
    assert set(site.children("celery")).isdisjoint(workers)


def _seen(page: str) -> str:
    found = re.search(r'name="seen"\s+value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def _accept(site: Stack) -> None:
    analyst, page = site.session("qc_analyst"), f"/time-points/{_visit(site)}/"
    analyst.sign(f"{page}decide/", page=page, verdict="accepted", comment="", seen=_seen(analyst.get(page).text))


def _assign(coordinator: Session) -> None:
    page = f"/trials/{small.CODE}/reads/"
    chosen = re.search(r'<option value="(\d+)"', coordinator.get(page).text)
    assert chosen
    assert coordinator.post(f"{page}assign-all/", page=page, reader=chosen[1]).ok


def _read(reader: Session) -> None:
    (case,) = re.findall(r'action="(/reads/[0-9a-f-]{36}/)open/"', reader.get("/reads/").text)
    reader.post(f"{case}open/", page="/reads/")
    reader.post(f"{case}lesions/", page=case, kind="target", organ="liver")
    reader.post(f"{case}measurements/", page=case, lesion="T01", state="measured", value="31.5")
    locked = reader.sign(f"{case}lock/", page=case, comment="", seen=_seen(reader.get(case).text))
    assert "The read is signed and locked." in locked.text


def _release(coordinator: Session) -> str:
    page = f"/trials/{small.CODE}/reports/"
    built = coordinator.post(f"{page}build/", page=page, cut_off=str(TODAY))
    assert built.ok, built.text
    report = urlsplit(built.url).path
    assert "being sealed" in coordinator.sign(f"{report}release/").text
    return report


@pytest.mark.req("R-SIG-39")
def test_people_of_the_production_profile_sign_and_a_sealed_report_comes_out(site: Stack, tmp_path: Path) -> None:
    """On PostgreSQL every page is a transaction of its own, or of none."""
    coordinator, sponsor = site.session("coordinator"), site.session("sponsor")
    _accept(site)
    _assign(coordinator)
    _read(site.session("reader"))
    address = f"{_release(coordinator)}report.pdf"
    wait_until(lambda: sponsor.get(address).content.startswith(b"%PDF"))
    data = sponsor.get(address).content
    assert "Total document signed" in told_by_pdfsig(data, tmp_path)
    told = sponsor.post("/verify/", files={"file": ("mine.pdf", data, "application/pdf")}).text
    assert "Everything holds." in told


@pytest.mark.req("R-FLOW-02")
def test_the_evidence_of_the_production_profile_holds(site: Stack) -> None:
    told = site.manage("verify_audit")
    assert (told.returncode, "audit trail holds" in told.stdout) == (0, True), told.stderr
    kept = site.manage("dumpdata").stdout
    assert '"scan.filed"' in kept
    assert not [planted for planted in PLANTED if planted in kept]


def _refusal(url: str, statement: str) -> str:
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        connection.execute(statement)
    return str(refused.value)


def _count(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert row
    return int(row[0])


@pytest.mark.req("R-RLS-11")
def test_no_role_that_serves_has_any_power_and_none_sees_a_row_unasked(site: Stack, database: dict[str, str]) -> None:
    urls = {part: database[f"CORELAB_DATABASE_{variable}URL"] for part, variable in PARTS.items()}
    for part, url in urls.items():
        with psycopg.connect(url) as connection:
            told = (
                "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles "
                "WHERE rolname = current_user"
            )
            assert connection.execute(told).fetchone() == (False,), part
        if part != "sealer":
            assert _count(url, "trials_subject") == 0, part
    for statement in (
        "TRUNCATE trials_subject CASCADE",
        "CREATE TABLE mine ()",
        "DROP POLICY corelab_fence ON trials_trial",
    ):
        for part in ("app", "sealer", "inspector"):
            assert re.search("permission denied|must be owner", _refusal(urls[part], statement))
    assert "permission denied" in _refusal(urls["app"], "DELETE FROM audit_auditevent")
    assert "permission denied" in _refusal(urls["app"], "INSERT INTO audit_checkpoint DEFAULT VALUES")
    assert "permission denied" in _refusal(urls["inspector"], "SELECT password FROM trials_user")


@pytest.mark.req("R-RLS-11")
def test_each_process_that_serves_knows_the_password_of_its_own_role_alone(
    site: Stack, database: dict[str, str]
) -> None:
    for word, own in (
        ("serve", {"app"}),
        ("celery", {"app"}),
        ("dicom_node", {"app"}),
        ("seal_audit", {"app", "sealer"}),
    ):
        (process, *_more) = site.children(word)
        environment = Path(f"/proc/{process}/environ").read_bytes()
        known = {
            part
            for part, variable in PARTS.items()
            if (urlsplit(database[f"CORELAB_DATABASE_{variable}URL"]).password or "").encode() in environment
        }
        assert known == own


@pytest.mark.req("R-RLS-09")
def test_nothing_starts_where_the_owner_would_serve(site: Stack, database: dict[str, str], tmp_path: Path) -> None:
    owner = database["CORELAB_DATABASE_OWNER_URL"]
    environment = environment_of(tmp_path, CORELAB_DATABASE_URL=owner, CORELAB_DATABASE_OWNER_URL=owner)
    command = [sys.executable, "manage.py", "dumpdata", "trials.site"]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert "owns the tables: neither fences nor guards hold it. Nothing was started." in told.stderr


@pytest.mark.req("R-RLS-11")
def test_a_dump_for_a_backup_holds_every_row(site: Stack, database: dict[str, str]) -> None:
    dump = need_program("pg_dump", "postgresql-client")
    command = [dump, "--enable-row-security", "--table=trials_subject", "--data-only"]
    environment = os.environ | {"PGOPTIONS": "-c corelab.machine=backup"}
    told = subprocess.run(
        [*command, database["CORELAB_DATABASE_OWNER_URL"]], env=environment, capture_output=True, text=True, check=True
    )
    kept = site.manage("dumpdata", "trials.subject").stdout
    codes = re.findall(r'"code": "([^"]+)"', kept)
    assert codes
    assert all(code in told.stdout for code in codes)


@pytest.mark.req("R-SEC-12", "R-SEC-13")
def test_nothing_that_was_planted_or_that_opens_the_database_passed_the_broker(
    site: Stack, database: dict[str, str], overheard: Overheard, broker: str
) -> None:
    assert [said for said in overheard.said if b"imaging.tasks.advance" in said], "jobs were overheard"
    assert overheard.found() == set()
    passwords = [str(urlsplit(url).password).encode() for url in database.values()]
    assert not [said for said in overheard.said if any(password in said for password in passwords)]
    body = base64.b64encode(json.dumps([["id", PLANTED[0]], {}, None]).encode()).decode()
    line = redis.Redis(REDIS_HOST, REDIS_PORT, overheard.number)
    line.set("canary", json.dumps({"body": body}))
    line.delete("canary")
    wait_until(lambda: overheard.found() == {PLANTED[0]})


@pytest.mark.req("R-SEC-16")
def test_the_address_of_the_database_stands_in_no_command_line(site: Stack, database: dict[str, str]) -> None:
    passwords = [str(urlsplit(url).password) for url in database.values()]
    words = [Path(f"/proc/{process}/cmdline").read_bytes() for process in site.children("")]
    assert len(words) > 5
    assert not [line for line in words if any(f":{password}@".encode() in line for password in passwords)]


@pytest.mark.req("R-FLOW-02")
def test_neither_database_nor_broker_lies_on_the_disk_of_the_product(site: Stack, broker: str) -> None:
    assert not (site.home / "corelab.sqlite3").exists()
    assert not (site.home / "broker").exists()
    assert {path.name for path in site.home.iterdir()} >= {"archive", "keys"}


@pytest.mark.req("R-FLOW-03")
def test_ctrl_c_ends_the_production_profile_cleanly(site: Stack) -> None:
    """The last one: it takes the stage away."""
    stop(site)
    told = site.log.read_text()
    assert "Corelab has stopped." in told
    assert "Demo logins" not in told
    assert "There are no accounts yet" in told

"""The profile of a real site: PostgreSQL and Redis, no demo; the same product, the same promises."""

import base64
import json
import os
import re
import signal
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
from tests.services import lacking
from tests.stack import Session, Stack, start, stop, wait_until

REDIS_HOST = "127.0.0.1"
REDIS_PORT = 6379


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a fresh database, dropped afterwards."""
    if not is_there():
        lacking("PostgreSQL does not answer: apt-get install postgresql, role corelab with CREATEDB (docs: testing)")
    name = f"corelab_{uuid.uuid4().hex}"
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlsplit(URL)._replace(path=f"/{name}").geturl()
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


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
def site(database: str, broker: str, overheard: Overheard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("production")
    running = start(
        home,
        "--no-demo",
        password=PASSWORD,
        CORELAB_DATABASE_URL=database,
        CORELAB_BROKER_URL=broker,
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


@pytest.mark.req("R-SEC-12", "R-SEC-13")
def test_nothing_that_was_planted_or_that_opens_the_database_passed_the_broker(
    site: Stack, database: str, overheard: Overheard, broker: str
) -> None:
    assert [said for said in overheard.said if b"imaging.tasks.advance" in said], "jobs were overheard"
    assert overheard.found() == set()
    assert not [said for said in overheard.said if database.encode() in said]
    body = base64.b64encode(json.dumps([["id", PLANTED[0]], {}, None]).encode()).decode()
    line = redis.Redis(REDIS_HOST, REDIS_PORT, overheard.number)
    line.set("canary", json.dumps({"body": body}))
    line.delete("canary")
    wait_until(lambda: overheard.found() == {PLANTED[0]})


@pytest.mark.req("R-SEC-16")
def test_the_address_of_the_database_stands_in_no_command_line(site: Stack, database: str) -> None:
    password = str(urlsplit(database).password)
    words = [Path(f"/proc/{process}/cmdline").read_bytes() for process in site.children("")]
    assert len(words) > 5
    assert not [line for line in words if f":{password}@".encode() in line]


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

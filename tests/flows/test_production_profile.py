"""The profile of a real site: PostgreSQL and Redis, no demo; the same product, the same promises."""

import os
import signal
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql

from tests.cast import PASSWORD
from tests.flows import small
from tests.flows.test_running import send_zip
from tests.imaging.scans import PLANTED, ct_series
from tests.postgresql import URL, is_there
from tests.services import lacking
from tests.stack import Stack, start, stop, wait_until

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


@pytest.fixture(scope="module")
def site(database: str, broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
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


@pytest.mark.req("R-FLOW-02")
def test_the_evidence_of_the_production_profile_holds(site: Stack) -> None:
    told = site.manage("verify_audit")
    assert (told.returncode, "audit log holds" in told.stdout) == (0, True), told.stderr
    kept = site.manage("dumpdata").stdout
    assert '"scan.filed"' in kept
    assert not [planted for planted in PLANTED if planted in kept]


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

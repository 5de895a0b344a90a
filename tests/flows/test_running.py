"""The product as the operator meets it: it runs, survives kills, and its trail holds."""

import os
import re
import signal
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
import requests

from tests.announcing import manifest_of
from tests.flows.test_supervision import mode, ours, run
from tests.imaging.scans import PLANTED, ct_series
from tests.reports.sealed import told_by_pdfsig
from tests.stack import Session, Stack


def _opened(site: Session, time_point: str) -> requests.Response:
    return site.api("POST", "/api/deliveries/", json={"time_point": int(time_point)})


def send_zip(site: Session, time_point: str, files: list[bytes]) -> str:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        for number, data in enumerate(files):
            bundle.writestr(str(number), data)
    data = packed.getvalue()
    opened = _opened(site, time_point)
    assert opened.status_code == 201, opened.text
    delivery: str = opened.json()["id"]
    root = f"/api/deliveries/{delivery}/"
    assert site.api("POST", f"{root}manifest/", json=manifest_of([data])).ok
    assert site.api("POST", f"{root}pieces/", files={"0.0": ("piece", data)}).json() == {"taken": 1}
    assert site.api("POST", f"{root}complete/", json={"files": 1, "size": len(data)}).status_code == 202
    return delivery


@pytest.mark.req("R-RUN-01")
def test_the_demo_subjects_came_out_as_pr_sd_and_pd(stack: Stack) -> None:
    results = stack.session("silvia").get("/trials/THORAX/results/").text
    for response in ("PR", "SD", "PD"):
        assert response in results


@pytest.mark.req("R-ROLE-14")
def test_the_demos_monitor_of_a_site_sees_that_site_and_nothing_of_the_other(stack: Stack) -> None:
    visitor, own, other = stack.session("vito"), stack.enrol(), stack.enrol(site="sur", staff="saul")
    pages = [visitor.get(path) for path in ("/trials/THORAX/", "/trials/THORAX/subjects/", "/trials/THORAX/audit/")]
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert own.code in pages[1].text
    assert not [page.url for page in pages if other.code in page.text or "Hospital Sur" in page.text]
    assert visitor.get(f"/subjects/{own.code}/").status_code == 200
    assert visitor.get(f"/subjects/{other.code}/").status_code == 404
    assert visitor.get("/trials/THORAX/results/").status_code == 403


@pytest.mark.req("R-RUN-02")
def test_a_delivery_survives_the_killing_of_the_worker_and_is_filed_once(stack: Stack) -> None:
    site = stack.session("nora")
    delivery = send_zip(site, stack.enrol().visit, ct_series(60, seed="killed"))
    workers = stack.children("celery")
    assert workers
    for process in workers:
        os.kill(process, signal.SIGKILL)
    address = f"/api/deliveries/{delivery}/"
    stack.wait(lambda: site.api("GET", address).json()["ended"])
    told = site.api("GET", address).json()
    assert (told["state"], told["counts"]["filed"]) == ("checked", 60)
    receipt = site.api("GET", f"/api/deliveries/{delivery}/receipt/").json()
    assert len({row["sop_instance_uid"] for row in receipt["filed"]}) == 60


@pytest.mark.req("R-RUN-03")
def test_nothing_planted_is_left_anywhere_in_the_home(stack: Stack) -> None:
    site = stack.session("saul")
    delivery = send_zip(site, stack.enrol(site="sur", staff="saul").visit, ct_series(5, seed="planted"))
    stack.wait(lambda: site.api("GET", f"/api/deliveries/{delivery}/").json()["ended"])
    for path in stack.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [planted for planted in PLANTED if planted.encode() in content], path.suffix
            assert not [planted for planted in PLANTED if planted in path.name]


@pytest.mark.req("R-RUN-04")
def test_the_audit_log_of_the_running_system_verifies(stack: Stack) -> None:
    told = stack.manage("verify_audit")
    assert told.returncode == 0, told.stderr
    assert "audit trail holds" in told.stdout


@pytest.mark.req("R-RUN-05")
def test_every_response_carries_the_strict_policy_and_names_no_other_host(stack: Stack) -> None:
    coordinator = stack.session("carmen")
    for path in ("/", "/trials/THORAX/", "/trials/THORAX/charter/", "/trials/THORAX/results/", "/sign-in/"):
        answer = coordinator.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "https://" not in answer.text


@pytest.mark.req("R-SIG-39")
def test_the_demo_report_comes_out_sealed_and_both_doors_say_that_it_holds(stack: Stack, tmp_path: Path) -> None:
    sponsor = stack.session("silvia")
    (report,) = set(re.findall(r'href="(/reports/[0-9a-f-]{36}/)"', sponsor.get("/trials/THORAX/reports/").text))
    data = sponsor.get(f"{report}report.pdf").content
    assert "Total document signed" in told_by_pdfsig(data, tmp_path)
    page = sponsor.post("/verify/", files={"file": ("mine.pdf", data, "application/pdf")}).text
    assert "Everything holds." in page
    assert report in page
    path = tmp_path / "mine.pdf"
    path.write_bytes(data)
    told = stack.manage("verify_report", str(path))
    assert (told.returncode, "everything holds" in told.stdout) == (0, True), told.stderr
    path.write_bytes(data[:-1])
    assert stack.manage("verify_report", str(path)).returncode == 1


@pytest.mark.req("R-RUN-07", "R-RUN-12")
def test_a_second_run_in_the_same_home_is_refused_and_only_the_owner_reads_the_home(stack: Stack) -> None:
    before = ours(stack.home)
    told = run(stack.home, "--no-demo")
    assert told.returncode == 1
    assert "is running in" in told.stderr
    assert "Traceback" not in told.stderr
    assert requests.get(f"{stack.address}/healthz", timeout=10).text == "ok\n"
    assert set(before) <= set(ours(stack.home))
    files = [path for path in stack.home.iterdir() if path.name.startswith("corelab.sqlite3")]
    assert {path.name for path in files} >= {"corelab.sqlite3", "corelab.sqlite3-wal"}
    assert {mode(path) for path in files} == {"600"}
    # The log of the test itself was opened by the test.
    open_to_others = [path for path in stack.home.iterdir() if path.name != "run.log" and int(mode(path), 8) & 0o077]
    assert not open_to_others


@pytest.mark.req("R-ARC-15")
def test_who_speaks_with_the_world_holds_no_decoder(stack: Stack) -> None:
    for word in ("manage.py serve", "manage.py dicom_node"):
        process = stack.children(word)[0]
        held = Path(f"/proc/{process}/maps").read_text(encoding="utf-8")
        assert "cryptography" in held
        assert not [name for name in ("gdcm", "openjpeg") if name in held], word
    # The last of them, the node, computes and draws nothing either.
    assert not [name for name in ("/numpy/", "/PIL/") if name in held]


def held_open(process: int) -> Iterator[Path]:
    for each in Path(f"/proc/{process}/fd").iterdir():
        # What was open a moment ago may be closed now.
        with suppress(FileNotFoundError):
            yield each.readlink()


@pytest.mark.req("R-RUN-15")
def test_the_web_server_keeps_its_line_to_the_database_and_loads_what_pages_need_alone(stack: Stack) -> None:
    assert requests.get(f"{stack.address}/sign-in/", timeout=30).ok
    process = stack.children("manage.py serve")[0]
    assert stack.home / "corelab.sqlite3" in set(held_open(process))
    held = Path(f"/proc/{process}/maps").read_text(encoding="utf-8")
    assert not [name for name in ("SimpleITK", "psycopg") if name in held]

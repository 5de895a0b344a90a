"""Starting and ending: one supervisor a home, its own ports, no orphans, no half demo, nothing that others may read."""

import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from config.management.commands import run as run_command
from config.single import preparing
from config.supervisor import end_signals
from tests import prepared
from tests.stack import ROOT, Stack, environment_of, free_port, start, wait_until


def run(home: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `manage.py run` where it must refuse; both ports are free unless told otherwise."""
    ports = {"CORELAB_PORT": str(free_port()), "CORELAB_DICOM_PORT": str(free_port())}
    return subprocess.run(
        [sys.executable, "manage.py", "run", *words],
        check=False,
        cwd=ROOT,
        env=environment_of(home, **(ports | environment)),
        capture_output=True,
        text=True,
        timeout=120,
    )


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def ours(home: Path) -> list[int]:
    stack = Stack("", 0, home, None, Path())  # type: ignore[arg-type]  # only the home is asked
    return [process for word in ("manage.py", "celery") for process in stack.children(word)]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Stack]:
    prepared.lay(tmp_path)
    running = start(tmp_path, "--no-demo")
    yield running
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(timeout=240)
    wait_until(lambda: not ours(tmp_path))


@pytest.mark.req("R-RUN-09", "R-RUN-07")
def test_a_killed_supervisor_leaves_no_orphan_and_no_lock_and_a_closed_terminal_ends_everything(lab: Stack) -> None:
    # Four children, and those of the two workers.
    wait_until(lambda: len(ours(lab.home)) > 6)
    lab.process.kill()
    lab.process.wait(timeout=240)
    wait_until(lambda: not ours(lab.home), seconds=30)
    again = start(lab.home, "--no-demo")
    again.process.send_signal(signal.SIGHUP)
    assert again.process.wait(timeout=240) == 0
    assert not ours(again.home)
    assert "Corelab has stopped." in again.log.read_text()


@pytest.mark.req("R-RUN-08", "R-RUN-12")
@pytest.mark.parametrize("variable", ["CORELAB_PORT", "CORELAB_DICOM_PORT"])
def test_a_taken_port_is_told_by_the_variable_that_changes_it(tmp_path: Path, variable: str) -> None:
    home = tmp_path / "deep" / "home"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        told = run(home, **{variable: port})
    assert told.returncode == 1
    assert f"Port {port} is taken by another program: choose a free one with {variable}." in told.stderr
    assert "ready" not in told.stdout
    assert "Traceback" not in told.stderr
    assert not (home / "corelab.sqlite3").exists()
    assert mode(home) == "700"


@pytest.mark.req("R-RUN-10")
def test_a_demo_that_was_cut_short_is_told_and_never_shown(tmp_path: Path) -> None:
    prepared.lay(tmp_path)
    log = tmp_path / "run.log"
    ports = {"CORELAB_PORT": str(free_port()), "CORELAB_DICOM_PORT": str(free_port())}
    command = [sys.executable, "manage.py", "run"]
    environment = environment_of(tmp_path, **ports)
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    wait_until(lambda: b"Sending three scans" in log.read_bytes() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=240) == 130, log.read_text()
    told = log.read_text()
    assert "cut short" in told
    assert "Traceback" not in told
    for words in ((), ("--no-demo",)):
        again = run(tmp_path, *words)
        assert again.returncode == 1
        assert f"remove {tmp_path}, then run again" in again.stderr
        assert "ready" not in again.stdout


@pytest.mark.req("R-RUN-16")
def test_a_ctrl_c_that_sqlite_made_another_error_of_is_still_one_and_one_with_what_follows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def press() -> None:
        with closing(sqlite3.connect(":memory:")) as database:
            database.create_function("pressed", 0, lambda: signal.raise_signal(signal.SIGINT))
            try:
                database.execute("SELECT pressed()")
            finally:
                # Whoever told the parent tells its children, too.
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(run_command, "refuse_unsafe", press)
    before = {number: signal.getsignal(number) for number in end_signals()}
    try:
        with pytest.raises(CommandError, match="Stopped before anything was running") as told:
            call_command(run_command.Command())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert told.value.returncode == 130


@pytest.mark.req("R-RUN-15")
def test_no_page_waits_for_what_measures_and_seals(tmp_path: Path) -> None:
    program = (
        "import sys, django; django.setup(); from config.management.commands import serve; serve.settle(); "
        "print({'SimpleITK', 'pyhanko'} & set(sys.modules))"
    )
    environment = environment_of(tmp_path) | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    told = subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=environment, capture_output=True)
    assert told.stdout == b"set()\n"


@pytest.mark.req("R-RUN-14")
@pytest.mark.parametrize("words", [["migrate", "--plan"], ["migrate", "--plan", "--skip-checks"], ["seal_audit", "-h"]])
def test_what_is_loaded_without_decoders_is_also_run_by_hand(tmp_path: Path, words: list[str]) -> None:
    command = [sys.executable, "manage.py", *words]
    found = subprocess.run(command, cwd=ROOT, env=environment_of(tmp_path), capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


@contextmanager
def held(home: Path, word: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A child of a run that is still preparing, once it has loaded its code and waits."""
    ports = {"CORELAB_PORT": str(port), "CORELAB_DICOM_PORT": str(port)}
    environment = environment_of(home, CORELAB_INSTANCE="this-run", **ports)
    process = subprocess.Popen([sys.executable, "manage.py", word], cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: _waits_for_a_lock(process.pid) or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.communicate()


def _waits_for_a_lock(process: int) -> bool:
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(row[1] == "->" and row[5] == str(process) for row in rows)


@pytest.mark.req("R-RUN-14")
@pytest.mark.parametrize("word", ["serve", "dicom_node"])
def test_who_serves_opens_neither_database_nor_port_before_all_is_prepared(tmp_path: Path, word: str) -> None:
    port = free_port()
    with ExitStack() as ends:
        with preparing(tmp_path, instance="this-run"):
            process = ends.enter_context(held(tmp_path, word, port))
            assert process.poll() is None
            assert not _listens(port)
            assert not (tmp_path / "corelab.sqlite3").exists()
            prepared.lay(tmp_path)
        wait_until(lambda: _listens(port) or process.poll() is not None)
        assert process.poll() is None


@pytest.mark.req("R-RUN-14")
def test_who_serves_ends_where_the_run_ended_before_all_was_prepared(tmp_path: Path) -> None:
    with ExitStack() as ends:
        with suppress(KeyboardInterrupt), preparing(tmp_path, instance="this-run"):
            process = ends.enter_context(held(tmp_path, "serve", free_port()))
            raise KeyboardInterrupt
        assert process.wait(timeout=240) == 1
        assert process.stderr
        assert b"ended before everything was prepared" in process.stderr.read()


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The web server alone, for the host lab.example, with the environment of the parameter."""
    port = free_port()
    environment = environment_of(tmp_path, CORELAB_PORT=str(port), CORELAB_HOSTS="lab.example", **request.param)
    prepared.lay(tmp_path)
    process = subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment)
    wait_until(lambda: _listens(port))
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=240)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(address: str, path: str, **headers: str) -> requests.Response:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(address + path, headers={"Host": "lab.example"} | told, allow_redirects=False, timeout=20)


@pytest.mark.req("R-RUN-11")
@pytest.mark.parametrize("served", [{"CORELAB_TRUSTED_PROXY": "127.0.0.1"}], indirect=True)
def test_behind_a_trusted_proxy_pages_come_over_tls_and_the_pulse_needs_none(served: str) -> None:
    assert ask(served, "/sign-in/", X_Forwarded_Proto="https").status_code == 200
    plain = ask(served, "/sign-in/", X_Forwarded_Proto="http")
    assert (plain.status_code, plain.headers["Location"]) == (301, "https://lab.example/sign-in/")
    assert ask(served, "/healthz").text == "ok\n"
    # A little too much reaches our own sentence; how much a request may carry is 48 MB.
    large = requests.post(
        f"{served}/api/deliveries/",
        data=b"\0" * (48 * 1024 * 1024 + 1),
        headers={"Host": "lab.example", "X-Forwarded-Proto": "https"},
        timeout=240,
    )
    assert (large.status_code, large.headers["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.req("R-RUN-11", "R-ACC-09")
@pytest.mark.parametrize("served", [{"CORELAB_TRUSTED_PROXY": "127.0.0.1"}], indirect=True)
def test_behind_a_trusted_proxy_wrong_tries_count_for_where_they_came_from(served: str, tmp_path: Path) -> None:
    for told in ("198.51.100.9, 203.0.113.7", "203.0.113.7, no address at all", ""):
        from_ = {"Host": "lab.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": told}
        http = requests.Session()
        page = http.get(f"{served}/sign-in/", headers=from_, timeout=240)
        # The cookies are for TLS alone, and the line to the proxy has none.
        crumbs = "; ".join(f"{one.name}={one.value}" for one in http.cookies)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token
        form = {"csrfmiddlewaretoken": token[1], "username": "nobody", "password": "eight loud otters"}
        headers = from_ | {"Referer": "https://lab.example/sign-in/", "Cookie": crumbs}
        refused = requests.post(f"{served}/sign-in/", form, headers=headers, timeout=240)
        assert refused.status_code == 400
    with closing(sqlite3.connect(tmp_path / "corelab.sqlite3")) as database:
        asked = "SELECT after FROM audit_auditevent WHERE act = 'sign_in.failed' ORDER BY sequence"
        assert [row[0] for row in database.execute(asked)] == ['{"address":"203.0.113.7"}', "{}", "{}"]


@pytest.mark.req("R-RUN-11")
@pytest.mark.parametrize("served", [{"CORELAB_TRUSTED_PROXY": "192.0.2.1"}], indirect=True)
def test_whoever_is_not_the_trusted_proxy_is_not_believed_to_come_over_tls(served: str) -> None:
    assert ask(served, "/sign-in/", X_Forwarded_Proto="https").status_code == 301
    assert ask(served, "/healthz").text == "ok\n"


@pytest.mark.req("R-RUN-09")
def test_a_wrapped_child_does_not_start_for_a_parent_that_is_gone() -> None:
    wrapper = [sys.executable, "-I", str(ROOT / "config" / "child.py")]
    echo = ["/bin/echo", "alive"]
    orphan = subprocess.run([*wrapper, "1", "0", *echo], check=False, capture_output=True)
    assert (orphan.returncode, orphan.stdout) == (1, b"")
    kept = subprocess.run([*wrapper, str(os.getpid()), "0", *echo], check=False, capture_output=True)
    assert (kept.returncode, kept.stdout) == (0, b"alive\n")


@pytest.mark.req("R-RUN-13")
def test_who_files_gives_way_to_who_is_waited_for() -> None:
    wrapper = [sys.executable, "-I", str(ROOT / "config" / "child.py"), str(os.getpid()), "7"]
    told = subprocess.run([*wrapper, "/bin/nice"], check=True, capture_output=True, start_new_session=True)
    assert int(told.stdout) == min(os.nice(0) + 7, 19)

"""The real thing: `manage.py run` in a home of its own, with web server, worker, DICOM node and the seeded demo."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from config.demo.people import PASSWORD
from tests.signpage import filled

ROOT = Path(__file__).parent.parent
READY_SECONDS = 480.0
# Longer than a code of an authenticator app stands.
PATIENCE = 75.0
# By home.
_shells: "dict[Path, subprocess.Popen[str]]" = {}
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Stack:
    """A running Corelab: its address, DICOM port, home and supervisor."""

    address: str
    dicom_port: int
    home: Path
    process: "subprocess.Popen[bytes]"
    log: Path
    password: str = PASSWORD
    environment: dict[str, str] = field(default_factory=dict)

    def session(self, username: str) -> "Session":
        return Session(self.address, username, self.password)

    def manage(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            check=False,
            cwd=ROOT,
            env=environment_of(self.home, **self.environment),
            capture_output=True,
            text=True,
        )

    def shell(self, words: str) -> str:
        """What these words of Python print in a management shell of the product, which stays for the next ones."""
        asked = _shells.get(self.home)
        if asked is None or asked.poll() is not None:
            asked = _shells[self.home] = subprocess.Popen(
                [
                    sys.executable,
                    "manage.py",
                    "shell",
                    "--no-imports",
                    "-c",
                    "from tests.shell import listen; listen()",
                ],
                cwd=ROOT,
                env=environment_of(self.home, **self.environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # What it fails of is told; of ours it inherits nothing.
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert asked.stdin is not None
        assert asked.stdout is not None
        print(json.dumps(words), file=asked.stdin, flush=True)
        answer = asked.stdout.readline()
        assert answer, "the shell ended"
        printed, fault = json.loads(answer)
        assert not fault, fault
        return str(printed)

    def hush(self) -> None:
        """End that shell, where there is one."""
        if asked := _shells.pop(self.home, None):
            asked.communicate()

    def enrol(self, *, site: str = "norte", staff: str = "nora") -> "Enrolled":
        """A new subject of the demo's trial, so that no test depends on what another did to a shared one."""
        words = (
            "from config.demo import stage; from django.utils.timezone import localdate; "
            "from trials.models import Trial; trial = Trial.objects.get(code='THORAX'); "
            f"one = stage.enrol(trial, site={site!r}, staff={staff!r}, day_zero=localdate()); "
            "print(one.code, one.time_points.earliest('pk').pk)"
        )
        return Enrolled(*self.shell(words).split()[-2:])

    def wait(self, question: Any) -> None:
        """Ask until the answer is yes, however busy the machine is; where it never is, our log is shown."""
        wait_until(question, log=self.log)

    def children(self, word: str) -> list[int]:
        """Process ids of our children whose command line holds `word`."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                command = (entry / "cmdline").read_bytes().decode().replace("\0", " ")
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if word in command and f"CORELAB_HOME={self.home}".encode() in environment:
                found.append(int(entry.name))
        return found


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A subject whose consent is confirmed, and its first time point: nothing was sent for it."""

    code: str
    visit: str


class Session:
    """A person at a real HTTP session: cookies, tokens, and nothing of Django's inside."""

    def __init__(self, address: str, username: str, password: str = PASSWORD) -> None:
        self.address, self.password = address, password
        self.codes: set[str] = set()
        self.http = requests.Session()
        self.post("/sign-in/", username=username, password=password)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(self.address + path, timeout=120, **options)

    def post(self, path: str, *, page: str = "", files: Any = None, **fields: Any) -> requests.Response:
        """Post as a form of `page` (the path itself unless told) would."""
        token = self.token(page or path)
        data = {"csrfmiddlewaretoken": token, **fields}
        return self.http.post(
            self.address + path, data=data, files=files, timeout=120, headers={"Referer": self.address + path}
        )

    def sign(self, path: str, *, page: str = "", **fields: Any) -> requests.Response:
        """Post the fields of `page`, and sign on what comes: no code is good twice, so this may wait for the next."""
        deadline = time.monotonic() + PATIENCE
        while (form := filled(self.post(path, page=page, **fields).text, password=self.password))["code"] in self.codes:
            assert time.monotonic() < deadline, "no new code was shown"
            time.sleep(2)
        self.codes.add(form["code"])
        answer = self.post(path, page=page, **form)
        assert answer.ok, answer.text
        return answer

    def token(self, page: str) -> str:
        found = _TOKEN.search(self.get(page).text)
        return str(found[1] if found else self.http.cookies.get("csrftoken", ""))

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"X-CSRFToken": self.http.cookies.get("csrftoken", ""), "Referer": self.address}
        return self.http.request(method, self.address + path, headers=headers, timeout=60, **options)


def wait_until(question: Any, *, seconds: float = 240.0, log: Path | None = None) -> None:
    """Ask until the answer is yes; where it never is, the end of `log` may tell why."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, f"waited too long\n{log.read_text()[-4000:] if log else ''}"
        time.sleep(0.25)


def environment_of(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CORELAB_", "DJANGO_"))}
    return kept | {"CORELAB_HOME": str(home)} | more


def start(home: Path, *words: str, password: str = PASSWORD, **environment: str) -> Stack:
    """Run `manage.py run` with these words and variables; `password` is what its people sign in with."""
    port, dicom_port = free_port(), free_port()
    log = home / "run.log"
    ports = {"CORELAB_PORT": str(port), "CORELAB_DICOM_PORT": str(dicom_port)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            # Ends with us, even if we are killed.
            [
                *(sys.executable, "-I", str(ROOT / "config" / "child.py"), str(os.getpid()), "0"),
                *(sys.executable, str(ROOT / "manage.py"), "run", *words),
            ],
            cwd=ROOT,
            env=environment_of(home, **ports, **environment),
            stdout=out,
            stderr=subprocess.STDOUT,
            # Its share of the machine is its own: the tests that wait for it have given way.
            start_new_session=True,
        )
    stack = Stack(f"http://127.0.0.1:{port}", dicom_port, home, process, log, password, environment)
    wait_until(lambda: b"Corelab is ready" in log.read_bytes() or process.poll() is not None, seconds=READY_SECONDS)
    assert process.poll() is None, log.read_text()
    return stack


def stop(running: Stack) -> None:
    """Press Ctrl-C, and see that everything ends."""
    running.hush()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(timeout=240) == 0, "Ctrl-C must end everything cleanly"
    assert not running.children("manage.py"), "no child may outlive the supervisor"
    assert not running.children("celery"), "no worker may outlive the supervisor"

"""The product that is hurt: `manage.py run` on servers of its own and, where that may be mounted, on a small disk."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification  # type: ignore[attr-defined]  # made while loading

from imaging.dicom_node.calling import freed
from tests.faults import servers
from tests.faults.servers import Broker, Database
from tests.flows import small
from tests.people import PASSWORD
from tests.stack import ROOT, Stack, environment_of, start, wait_until
from tests.wire import norda
from tests.wire.committing import Sender, ask, question

# Each database role by the variable that names it.
ROLES = {"app": "", "owner": "OWNER_", "sealer": "SEALER_"}
ASKED_AT_ONCE = 1000
PATIENCE = 240.0
# What a child is called on its command line.
NODE, WEB, WORKER = "manage.py dicom_node", "manage.py serve", "celery"


@dataclass(frozen=True, slots=True)
class Count:
    """What the product holds: recorded files, those the trail tells of, bytes that no row names, deliveries under way."""

    files: int
    told: int
    orphans: int
    standing: int

    @property
    def is_at_rest(self) -> bool:
        return not self.orphans and not self.standing


@dataclass(slots=True)
class Lab:
    """The product with one trial, whose site sends over DICOM and DICOMweb."""

    home: Path
    environment: dict[str, str]
    database: Database | None = None
    broker: Broker | None = None
    stack: Stack = field(init=False)
    secret: str = field(init=False)
    subject: str = field(init=False)

    def begin(self) -> None:
        self.start()
        small.seed(self.stack, number_of_subjects=1)
        self.secret = norda.new_token(self.stack)
        self.subject = self.told("print(reckoning.subject())")

    def start(self) -> None:
        self.stack = start(self.home, "--no-demo", password=PASSWORD, **self.environment)

    def cut_power(self) -> None:
        """Kill everything of it at once, the supervisor first."""
        self.stack.hush()
        children = self.stack.children("")
        self.stack.process.kill()
        for process in children:
            _kill(process)
        self.stack.process.wait(60)
        wait_until(lambda: not self.stack.children(""))

    def told(self, words: str) -> str:
        """The last line that a management shell prints."""
        return self.stack.shell(f"from tests.faults import reckoning; {words}").splitlines()[-1]

    def count(self) -> Count:
        return Count(**json.loads(self.told("print(reckoning.count())")))

    def lacking(self, acknowledged: list[str]) -> set[str]:
        """Those of the acknowledged objects that the product does not read back whole: storage commitment tells."""
        lost: set[str] = set()
        for begin in range(0, len(acknowledged), ASKED_AT_ONCE):
            some = acknowledged[begin : begin + ASKED_AT_ONCE]
            sender = Sender(self.stack, small.AE_TITLE)
            with sender.line() as line:
                assert ask(line, question(*((CTImageStorage, uid) for uid in some))) == 0
                assert sender.came.wait(PATIENCE), "storage commitment was not reported"
            lost |= set(some) - sender.kept
        return lost

    def fell(self, victim: str) -> float:
        """Kill a child where it stands; return the seconds until it serves again."""
        before, begun = self.kill(victim), time.monotonic()
        self.stack.wait(lambda: set(self.stack.children(victim)) - before and self.answers(victim))
        return time.monotonic() - begun

    def kill(self, victim: str) -> set[int]:
        before = set(self.stack.children(victim))
        assert before, f"{victim} is not there"
        for process in before:
            _kill(process)
        return before

    def answers(self, victim: str) -> bool:
        match victim:
            case "manage.py serve":
                return self._serves()
            case "manage.py dicom_node":
                return self._echoes()
            case _:
                return True

    def _serves(self) -> bool:
        try:
            return requests.get(f"{self.stack.address}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def _echoes(self) -> bool:
        line = self.associate(Verification)
        is_there = bool(line.is_established)
        hang_up(line)
        return is_there

    def associate(self, sop_class: str = CTImageStorage, *, port: int | None = None) -> Any:
        ae = AE(ae_title=small.AE_TITLE)
        ae.acse_timeout = ae.dimse_timeout = ae.connection_timeout = 10
        ae.add_requested_context(sop_class)
        return freed(ae.associate("127.0.0.1", port or self.stack.dicom_port, ae_title="CORELAB"))


def hang_up(line: Any) -> None:
    """Release an association where it stands; the library leaves the socket of a lost one open."""
    if line.is_established:
        line.release()
    elif line.dul.socket is not None:
        line.dul.socket.close()


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def founded(*, with_servers: bool, environment: Mapping[str, str], home: Path | None = None) -> Iterator[Lab]:
    """The running product: on PostgreSQL and Redis of its own, or on SQLite and files."""
    with ExitStack() as held:
        place = home or Path(held.enter_context(tempfile.TemporaryDirectory(prefix="corelab-faults-")))
        lab = Lab(place, dict(environment))
        if with_servers:
            database, broker = held.enter_context(servers.database()), held.enter_context(servers.broker())
            lab.database, lab.broker = database, broker
            lab.environment |= _on(database, place) | {"CORELAB_BROKER_URL": broker.url}
        lab.begin()
        try:
            yield lab
        finally:
            # How it ends when asked to is looked at elsewhere.
            lab.cut_power()


def _on(database: Database, home: Path) -> dict[str, str]:
    """Make the roles that serve; returns their addresses by variable."""
    place = urlsplit(database.url)
    urls = {
        f"CORELAB_DATABASE_{variable}URL": place._replace(
            netloc=f"faults_{role}:{uuid.uuid4().hex}@{servers.HOST}:{database.port}"
        ).geturl()
        for role, variable in ROLES.items()
    }
    environment = environment_of(home, **urls, CORELAB_DATABASE_ADMIN_URL=database.url)
    command = [sys.executable, "manage.py", "database_roles"]
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return urls

"""A PostgreSQL and a Redis that belong to these tests alone, so that they may be killed and emptied."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.services import lacking
from tests.stack import free_port, wait_until

HOST, ADMIN = "127.0.0.1", "corelab_admin"
# The server refuses to run as root; Debian's package makes this account.
ACCOUNT = "postgres"


@dataclass(slots=True)
class Server:
    """A program that listens on a port of its own, and comes back with what it kept."""

    command: list[str]
    folder: Path
    port: int
    account: str | None = None
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        with (self.folder.with_suffix(".log")).open("ab") as log:
            owner: dict[str, Any] = {"user": self.account, "group": self.account} if self.account else {}
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=log, stderr=log, **owner)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(60)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


class Database(Server):
    """A cluster of PostgreSQL."""

    @property
    def url(self) -> str:
        return f"postgresql://{ADMIN}@{HOST}:{self.port}/postgres"

    def rise(self) -> None:
        """Start, again and again while what was killed still holds its memory, until it answers."""
        self.start()
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self.process
        if self.process.poll() is not None:
            self.start()
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


class Broker(Server):
    """A Redis without a file: what it knew is gone with it."""

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def rise(self) -> None:
        self.start()
        wait_until(self._answers)

    def flush(self) -> None:
        redis.Redis(HOST, self.port).flushall()

    def _answers(self) -> bool:
        try:
            return bool(redis.Redis(HOST, self.port).ping())
        except redis.ConnectionError:
            return False


@contextmanager
def database() -> Iterator[Database]:
    """A new cluster, gone afterwards; whoever connects from this machine is believed."""
    programs = _programs()
    account = ACCOUNT if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="corelab-cluster-") as home:
        folder, port = Path(home) / "data", free_port()
        folder.mkdir(mode=0o700)
        if account:
            Path(home).chmod(0o711)
            shutil.chown(folder, account, account)
        words = [
            str(programs / "initdb"),
            "-D",
            str(folder),
            "-U",
            ADMIN,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        owner: dict[str, Any] = {"user": account, "group": account} if account else {}
        subprocess.run(words, cwd=folder, check=True, capture_output=True, **owner)
        # A SIGKILL takes nothing from the kernel that was written: only a power cut needs the syncs.
        words = ["-h", HOST, "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
        command = [str(programs / "postgres"), "-D", str(folder), *words]
        server = Database(command, folder, port, account)
        try:
            server.rise()
            yield server
        finally:
            server.end()


def _programs() -> Path:
    """Where the newest PostgreSQL of this machine has its programs; Debian has them on no path."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    elsewhere = shutil.which("initdb")
    if not found and not elsewhere:
        lacking("initdb is not installed: apt-get install postgresql")
    return max(found, key=lambda path: int(path.parent.name)) if found else Path(str(elsewhere)).parent


@contextmanager
def broker() -> Iterator[Broker]:
    program = shutil.which("redis-server")
    if not program:
        lacking("redis-server is not installed: apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="corelab-redis-") as home:
        folder, port = Path(home) / "data", free_port()
        folder.mkdir()
        words = ["--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
        server = Broker([str(program), *words], folder, port)
        try:
            server.rise()
            yield server
        finally:
            server.end()

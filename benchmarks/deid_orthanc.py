"""Orthanc as a peer of `benchmarks.deid`: the processor seconds of its own process, as the kernel counts them."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.ports import free_port

ORTHANC = shutil.which("Orthanc") or ""
_SECONDS_TO_START = 30


def anonymize(paths: list[Path], target: Path) -> float:
    """Store the files, which is not counted; return the seconds for anonymizing each of them over REST."""
    return _measured(paths, target)[1]


def store_and_anonymize(paths: list[Path], target: Path) -> float:
    """Return the seconds of its whole road: a file is stored before it can be anonymized."""
    return sum(_measured(paths, target))


def _measured(paths: list[Path], target: Path) -> tuple[float, float]:
    """Return the seconds of storing and of anonymizing."""
    with _running(target) as (process, server):
        started = _processor_seconds(process)
        names = [json.loads(_post(server, "/instances", path.read_bytes()))["ID"] for path in paths]
        stored = _processor_seconds(process)
        for name, path in zip(names, paths, strict=True):
            (target / path.name).write_bytes(_post(server, f"/instances/{name}/anonymize", b"{}"))
        return stored - started, _processor_seconds(process) - stored


@contextmanager
def _running(home: Path) -> Iterator[tuple[int, HTTPConnection]]:
    port = free_port()
    settings = {
        "StorageDirectory": str(home / "db"),
        "IndexDirectory": str(home / "db"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": [],
    }
    (home / "orthanc.json").write_text(json.dumps(settings))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([ORTHANC, str(home / "orthanc.json")], stdout=log, stderr=log)
    try:
        server = HTTPConnection("127.0.0.1", port, timeout=60)
        _wait_for(server)
        yield process.pid, server
    finally:
        process.terminate()
        process.wait(timeout=_SECONDS_TO_START)


def _wait_for(server: HTTPConnection) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while True:
        try:
            server.connect()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _post(server: HTTPConnection, path: str, body: bytes) -> bytes:
    server.request("POST", path, body)
    answer = server.getresponse()
    told = answer.read()
    assert answer.status == HTTPStatus.OK, answer.status
    return told


def _processor_seconds(process: int) -> float:
    """Return what all threads of a process have used, as the kernel counts it (proc(5): utime, stime)."""
    told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

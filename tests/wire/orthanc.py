"""Debian's Orthanc with its DICOMweb plug-in, as a foreign peer that sends and fetches."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.services import need_program
from tests.stack import free_port, wait_until

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@dataclass(frozen=True, slots=True)
class Orthanc:
    address: str

    def post(self, path: str, told: Any) -> Any:
        options: dict[str, Any] = {"data": told} if isinstance(told, bytes) else {"json": told}
        answer = requests.post(self.address + path, timeout=120, **options)
        assert answer.ok, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return requests.get(self.address + path, timeout=30).json()

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.address}/system", timeout=2).ok
        except requests.ConnectionError:
            return False


@contextmanager
def running(home: Path, servers: Mapping[str, Any]) -> Iterator[Orthanc]:
    """Run one that knows these DICOMweb servers, each an address with headers."""
    told = {
        "DicomServerEnabled": False,
        "Plugins": [PLUGIN],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": servers},
    }
    with _running(home, told) as orthanc:
        yield orthanc


@contextmanager
def speaking(home: Path, *, ae_title: str, port: int, peer: int) -> Iterator[Orthanc]:
    """Run one that speaks DICOM under this name at this port, and knows our node as `corelab`."""
    told = {
        "DicomServerEnabled": True,
        "DicomAet": ae_title,
        "DicomPort": port,
        "DicomAlwaysAllowStore": True,
        "DicomModalities": {"corelab": ["CORELAB", "127.0.0.1", peer]},
    }
    with _running(home, told) as orthanc:
        yield orthanc


@contextmanager
def _running(home: Path, told: Mapping[str, Any]) -> Iterator[Orthanc]:
    program, port = need_program("Orthanc", "orthanc"), free_port()
    settings = {
        "Name": "Peer",
        "StorageDirectory": str(home / "db"),
        "IndexDirectory": str(home / "db"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        **told,
    }
    path = home / "orthanc.json"
    path.write_text(json.dumps(settings))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([program, str(path)], stdout=log, stderr=log)
    try:
        orthanc = Orthanc(f"http://127.0.0.1:{port}")
        wait_until(orthanc.is_up, seconds=30)
        yield orthanc
    finally:
        process.terminate()
        process.wait(timeout=30)

"""A node of its own beside the product whose disk fails at a chosen call: the C library's, so the process is the real one."""

import mmap
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from tests.faults.lab import Lab, hang_up
from tests.services import need_program
from tests.stack import ROOT, environment_of, free_port, wait_until

_PAGE = struct.Struct("iii")


class Call(IntEnum):
    WRITE = 1
    FDATASYNC = 2
    FSYNC = 3
    RENAME = 4


@dataclass(slots=True)
class Faulty:
    port: int
    page: mmap.mmap

    def fail(self, call: Call, error: int, *, turn: int) -> None:
        """Let the call fail that is the `turn`th from now on."""
        self.page[: _PAGE.size] = _PAGE.pack(call, error, turn)

    @property
    def has_failed(self) -> bool:
        return bool(_PAGE.unpack(self.page[: _PAGE.size])[2] <= 0)


@contextmanager
def node(lab: Lab, folder: Path) -> Iterator[Faulty]:
    shim, page, port = _compiled(folder), folder / "page", free_port()
    page.write_bytes(bytes(mmap.PAGESIZE))
    more = {"CORELAB_DICOM_PORT": str(port), "LD_PRELOAD": str(shim), "CORELAB_FAULTS": str(page)}
    environment = environment_of(lab.home, **(lab.stack.environment | more))
    process = subprocess.Popen([sys.executable, "manage.py", "dicom_node"], cwd=ROOT, env=environment)
    try:
        wait_until(lambda: _is_up(lab, port))
        with page.open("r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE) as shared:
            yield Faulty(port, shared)
    finally:
        process.terminate()
        process.wait(60)


def _is_up(lab: Lab, port: int) -> bool:
    line = lab.associate(port=port)
    is_there = bool(line.is_established)
    hang_up(line)
    return is_there


def _compiled(folder: Path) -> Path:
    compiler, shim = need_program("cc", "build-essential"), folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(shim), str(source), "-ldl"], check=True)
    return shim

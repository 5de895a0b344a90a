"""Being told to stop more than once, by whoever tells it, still means to stop."""

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

# Busy threads, to any of which the kernel may give a signal that the main thread has no time for.
PROGRAM = """
import threading, time
from audit.ending import Ending

def busy():
    while True:
        time.sleep(0.0005)

ending = Ending()
for _ in range(3):
    threading.Thread(target=busy, daemon=True).start()
print("ready", flush=True)
ending.wait()
"""
PROGRAMS = 16


@pytest.fixture
def programs() -> "Iterator[list[subprocess.Popen[bytes]]]":
    begun = [
        subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE) for _ in range(PROGRAMS)
    ]
    yield begun
    for program in begun:
        program.kill()
        program.communicate()


@pytest.mark.req("R-RUN-16")
def test_whoever_is_told_twice_at_one_moment_ends(programs: "list[subprocess.Popen[bytes]]") -> None:
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
    for program in programs:
        os.kill(program.pid, signal.SIGINT)
        os.kill(program.pid, signal.SIGTERM)
    assert [program.wait(timeout=60) for program in programs] == [0] * PROGRAMS

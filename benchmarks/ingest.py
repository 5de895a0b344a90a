"""Receiving CT slices by C-STORE, against Orthanc and dcmtk's storescp in the same run: `-m benchmarks.ingest`.

One sender for all, dcmtk's storescu, on 1, 4 and 8 associations; receivers take turns, so that a machine's moods fall
on all alike, and each turn begins with memory and a disk as the others find them (`_settle`). Ours encrypts, syncs and
records each object before it answers; Orthanc has its own default durability; storescp syncs nothing and is the floor.
Ratios to Orthanc outlive machines.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deid import make_files
from benchmarks.ports import free_port
from config.supervisor import NODE_MEMORY

ROOT = Path(__file__).parent.parent
ASSOCIATIONS, ROUNDS, FILES = (1, 4, 8), 3, 2000
# What every receiver offers, and both ends send at once what they have.
PDU, ENVIRONMENT = "131072", os.environ | {"TCP_NODELAY": "1"}
TICKS = os.sysconf("SC_CLK_TCK")
PROGRAMS = ("storescu", "storescp", "echoscu", "Orthanc")
STORESCU, STORESCP, ECHOSCU, ORTHANC = (shutil.which(name) or "" for name in PROGRAMS)
# The trial of the tests: one open site, whose sender has this name.
AE_TITLE, SEED = "NORDA_PACS", "from tests.flows import small; small.found(1)"
WORDS = "words.log"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Something that listens: `started` runs it in an empty folder, on a port, as long as its block lasts."""

    name: str
    started: Callable[[Path, int], AbstractContextManager[int]]


@dataclass(frozen=True, slots=True)
class Turn:
    """One sending: objects a second, the receiver's processor ms an object, and its memory in MiB at the end."""

    rate: float
    milliseconds: float
    memory: float


def main() -> None:
    options = argparse.ArgumentParser(description="C-STORE against Orthanc and storescp")
    options.add_argument("--files", type=int, default=FILES)
    count = options.parse_args().files
    if not STORESCU or not ECHOSCU:
        sys.exit("storescu is not installed: apt-get install dcmtk")
    with tempfile.TemporaryDirectory(prefix="corelab-bench-") as home:
        folder = Path(home) / "slices"
        folder.mkdir()
        slices = make_files(folder, count)
        seeded = _seeded(Path(home) / "seeded")
        receivers = [Receiver("corelab", lambda folder, port: _corelab(seeded, folder, port))]
        receivers += [Receiver("orthanc", _orthanc)] if ORTHANC else []
        receivers += [Receiver("storescp", _storescp)] if STORESCP else []
        print(f"{count} objects of {slices[0].stat().st_size // 1024} KiB, medians of {ROUNDS} turns")
        for associations in ASSOCIATIONS:
            _print(associations, _rounds(Path(home), receivers, slices, associations))


def _seeded(home: Path) -> Path:
    """Make a home with one open site that sends as NORDA_PACS."""
    home.mkdir(mode=0o700)
    for words in (("migrate", "-v0"), ("shell", "-c", SEED)):
        subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=_at_home(home), check=True)
    return home


def _at_home(home: Path) -> dict[str, str]:
    return {name: value for name, value in ENVIRONMENT.items() if not name.startswith("CORELAB_")} | {
        "CORELAB_HOME": str(home)
    }


def _rounds(home: Path, receivers: list[Receiver], slices: list[Path], associations: int) -> dict[str, list[Turn]]:
    found: dict[str, list[Turn]] = {receiver.name: [] for receiver in receivers}
    for number in range(ROUNDS):
        for receiver in receivers:
            folder = home / f"{receiver.name}-{associations}-{number}"
            folder.mkdir(mode=0o700)
            found[receiver.name].append(_turn(receiver, folder, slices, associations))
            _empty(folder)
    return found


def _turn(receiver: Receiver, folder: Path, slices: list[Path], associations: int) -> Turn:
    port = free_port()
    with receiver.started(folder, port) as process:
        _settle(folder / "blank", slices)
        before, began = _processor(process), time.perf_counter()
        _send(receiver, folder, slices, associations, port)
        spent, wall = _processor(process) - before, time.perf_counter() - began
        return Turn(len(slices) / wall, spent / len(slices) * 1000, _memory(process))


def _settle(blank: Path, slices: list[Path]) -> None:
    """Use as much of the machine's memory for files as will be received, and give it back.

    A virtual machine may have returned free memory to its host: to write 0.5 MiB there the first time took 1.5 ms of
    the processor instead of 0.2, for whoever came first.
    """
    with blank.open("wb") as file:
        for each in slices:
            file.write(bytes(each.stat().st_size))
    blank.unlink()


def _empty(folder: Path) -> None:
    """Give the room back and leave the names until all is over.

    Where ext4 has no journal it looks for a place among all that were deleted in the last minutes, for each new file.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)


def _send(receiver: Receiver, folder: Path, slices: list[Path], associations: int, port: int) -> None:
    shares = [slices[number::associations] for number in range(associations)]
    command = [STORESCU, "-pdu", PDU, "-aet", AE_TITLE, "-aec", "CORELAB", "127.0.0.1", str(port)]
    senders = [subprocess.Popen([*command, *map(str, share)], env=ENVIRONMENT) for share in shares]
    if any(ends := [sender.wait() for sender in senders]):
        sys.exit(f"{receiver.name} did not take an object ({ends}):\n{(folder / WORDS).read_text()[-4000:]}")


@contextmanager
def _corelab(seeded: Path, folder: Path, port: int) -> Iterator[int]:
    home = folder / "home"
    shutil.copytree(seeded, home)
    environment = NODE_MEMORY | _at_home(home) | {"CORELAB_DICOM_PORT": str(port)}
    with _listening([sys.executable, "manage.py", "dicom_node"], folder, port, environment) as process:
        yield process


@contextmanager
def _orthanc(folder: Path, port: int) -> Iterator[int]:
    settings = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpServerEnabled": False,
        "DicomPort": port,
        "DicomAet": "CORELAB",
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowEcho": True,
        "MaximumPduLength": int(PDU),
        "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with _listening([ORTHANC, str(folder / "orthanc.json")], folder, port, ENVIRONMENT) as process:
        yield process


@contextmanager
def _storescp(folder: Path, port: int) -> Iterator[int]:
    target = folder / "taken"
    target.mkdir()
    command = [STORESCP, "--fork", "-pdu", PDU, "-od", str(target), str(port)]
    with _listening(command, folder, port, ENVIRONMENT) as process:
        yield process


@contextmanager
def _listening(command: list[str], folder: Path, port: int, environment: dict[str, str]) -> Iterator[int]:
    """Run a receiver until the block ends; it listens once it answers an echo. What it says stands in its folder."""
    quiet = subprocess.DEVNULL
    with (folder / WORDS).open("w") as words:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=words, stderr=words)
    echo = [ECHOSCU, "-aet", AE_TITLE, "-aec", "CORELAB", "127.0.0.1", str(port)]
    try:
        while subprocess.run(echo, stdout=quiet, stderr=quiet, check=False).returncode:
            assert process.poll() is None, f"{command[0]} does not start"
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _processor(process: int) -> float:
    """Return the processor seconds of a process, of its children, and of theirs that have ended."""
    told = [stat.rpartition(")")[2].split() for stat in _of_family(process, "stat")]
    return sum(sum(map(int, stat[11:15])) for stat in told) / TICKS


def _memory(process: int) -> float:
    """Return what a process and its children hold, in MiB; what they share is counted once."""
    told = _of_family(process, "smaps_rollup")
    return sum(int(lines.partition("Pss:")[2].split()[0]) for lines in told) / 1024


def _of_family(process: int, what: str) -> list[str]:
    """Return what the kernel tells of a process, its children and theirs; some may end meanwhile."""
    told: list[str] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        home = Path(f"/proc/{process}")
        told.append((home / what).read_text(encoding="ascii"))
        for thread in (home / "task").iterdir():
            for child in (thread / "children").read_text(encoding="ascii").split():
                told += _of_family(int(child), what)
    return told


def _print(associations: int, found: dict[str, list[Turn]]) -> None:
    rates = {name: statistics.median(turn.rate for turn in turns) for name, turns in found.items()}
    for name, turns in found.items():
        spent = statistics.median(turn.milliseconds for turn in turns)
        ratio = f"{rates['corelab'] / rates[name]:5.2f} x theirs" if name != "corelab" else " " * 14
        memory = max(turn.memory for turn in turns)
        print(
            f"  {associations} associations  {name:9} {rates[name]:6.0f} a second  ours {ratio}  "
            f"{spent:5.1f} ms of its processor an object, {memory:4.0f} MiB after it at most",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""SIGKILL of node, web and worker at random moments while four senders store, then the count of what was promised.

`-m benchmarks.kills 300` (`make soak`) writes docs/validation/reliability.md.
"""

import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import kill
from pathlib import Path

import requests
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification  # type: ignore[attr-defined]  # made while loading

from tests.imaging.scans import ct_slice
from tests.stack import start, stop, wait_until
from tests.wire import vega as stage
from tests.wire.committing import Sender, ask, question
from tests.wire.vega import Vega

PAGE = Path(__file__).parents[1] / "docs" / "validation" / "reliability.md"
SENDERS = 4
# What a child is called on its command line.
VICTIMS = ("manage.py dicom_node", "manage.py serve", "celery")
_HEAD = f"""# Reliability

Written by `python -m benchmarks.kills ROUNDS` (`make soak`): SIGKILL of node, web and worker in turns, at random
moments, while {SENDERS} senders store; then every acknowledged object is asked for by storage commitment, which reads
it back whole.

| figure | value |
|---|---|
"""
_ASKED_AT_ONCE = 1000
_PATIENCE = 120.0


@dataclass(slots=True)
class Outcome:
    """What was sent, what was acknowledged, and what was found of it afterwards."""

    kills: int = 0
    sent: int = 0
    acknowledged: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    lost: int = 0
    files: int = 0
    told: int = 0
    orphans: int = 0


class Load:
    """Senders that store until they are stopped, and write down each object that was answered with success."""

    def __init__(self, port: int, outcome: Outcome) -> None:
        self.port, self.outcome = port, outcome
        self.stopped, self.lock = threading.Event(), threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._store) for _sender in range(SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join()

    def _store(self) -> None:
        ae, one = AE(ae_title=stage.SENDER), ct_slice(1, seed="kills")
        ae.acse_timeout = ae.dimse_timeout = ae.connection_timeout = 10
        ae.add_requested_context(CTImageStorage)
        while not self.stopped.is_set():
            line = ae.associate("127.0.0.1", self.port, ae_title="CORELAB")
            while line.is_established and not self.stopped.is_set():
                one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
                try:
                    answer = line.send_c_store(one)
                except (RuntimeError, ValueError):
                    break
                self._note(str(one.SOPInstanceUID), is_taken=answer.get("Status") == 0)
            if line.is_established:
                line.release()
            else:
                self.stopped.wait(0.2)

    def _note(self, uid: str, *, is_taken: bool) -> None:
        with self.lock:
            self.outcome.sent += 1
            if is_taken:
                self.outcome.acknowledged.append(uid)


def run(vega: Vega, *, rounds: int, seed: int) -> Outcome:
    """Kill so many times, each child in its turn, then ask for the commitment of everything acknowledged."""
    outcome, chosen = Outcome(), random.Random(seed)  # noqa: S311  moments, no secrets
    with Load(vega.stack.dicom_port, outcome).running():
        for number in range(rounds):
            time.sleep(chosen.uniform(0.2, 2.0))
            _fell(vega, VICTIMS[number % len(VICTIMS)], outcome)
        _until_more(outcome)
    outcome.lost = sum(len(_lacking(vega, some)) for some in _parts(outcome.acknowledged))
    outcome.files, outcome.told, outcome.orphans = vega.tell("kept()")
    return outcome


def _fell(vega: Vega, victim: str, outcome: Outcome) -> None:
    before = set(vega.stack.children(victim))
    for process in before:
        try:
            kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    begun = time.monotonic()
    wait_until(lambda: set(vega.stack.children(victim)) - before and _answers(vega, victim), seconds=_PATIENCE)
    outcome.kills += 1
    outcome.slowest[victim] = max(outcome.slowest.get(victim, 0.0), time.monotonic() - begun)


def _answers(vega: Vega, victim: str) -> bool:
    if victim == VICTIMS[1]:
        try:
            return requests.get(f"{vega.stack.address}/healthz", timeout=5).ok
        except requests.RequestException:
            return False
    if victim == VICTIMS[0]:
        ae = AE(ae_title=stage.SENDER)
        ae.add_requested_context(Verification)
        line = ae.associate("127.0.0.1", vega.stack.dicom_port, ae_title="CORELAB")
        if line.is_established:
            line.release()
            return True
        return False
    return True


def _until_more(outcome: Outcome) -> None:
    """Let the senders store again after the last fall."""
    count = len(outcome.acknowledged)
    wait_until(lambda: len(outcome.acknowledged) > count, seconds=_PATIENCE)


def _parts(uids: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(uids), _ASKED_AT_ONCE):
        yield uids[begin : begin + _ASKED_AT_ONCE]


def _lacking(vega: Vega, uids: list[str]) -> set[str]:
    sender = Sender(vega)
    with sender.line() as line:
        assert ask(line, question(*((CTImageStorage, uid) for uid in uids))) == 0
        assert sender.came.wait(_PATIENCE)
    return set(uids) - sender.kept


def report(outcome: Outcome) -> str:
    """Return the page of figures."""
    figures = {
        "kills": outcome.kills,
        "objects sent": outcome.sent,
        "acknowledged": len(outcome.acknowledged),
        "acknowledged and lost": outcome.lost,
        "recorded": outcome.files,
        "recorded without an event of the trail": outcome.files - outcome.told,
        "sealed files that no row names": outcome.orphans,
    } | {f"slowest return of `{name}`": f"{spent:.1f} s" for name, spent in outcome.slowest.items()}
    return _HEAD + "".join(f"| {name} | {value} |\n" for name, value in figures.items())


def main(rounds: int) -> int:
    with tempfile.TemporaryDirectory(prefix="corelab-kills-") as home:
        stack = start(Path(home))
        try:
            outcome = run(stage.found(stack), rounds=rounds, seed=int(time.time()))
        finally:
            stop(stack)
    PAGE.write_text(report(outcome), encoding="utf-8")
    sys.stdout.write(PAGE.read_text(encoding="utf-8"))
    return int(outcome.lost > 0 or outcome.files != outcome.told)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

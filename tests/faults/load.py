"""Senders that store until they are stopped, and write down each object that was answered with success."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import requests
from pydicom.uid import generate_uid

from tests.faults.lab import Lab, hang_up
from tests.imaging.scans import ct_slice, to_bytes
from tests.imaging.stowing import RELATED, body

PARTS = 3
_REFERENCED, _UID = "00081199", "00081155"


@dataclass(slots=True)
class Ledger:
    """What was sent, and what of it was acknowledged."""

    sent: int = 0
    acknowledged: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, *, sent: int, acknowledged: list[str]) -> None:
        with self._lock:
            self.sent += sent
            self.acknowledged += acknowledged


@dataclass(slots=True)
class Load:
    """So many senders over DICOM and over DICOMweb, each a thread."""

    lab: Lab
    ledger: Ledger
    over_dicom: int = 2
    over_web: int = 1
    # Of so many requests one names its subject, and goes down the whole road; 0: none.
    named_every: int = 0
    # Seconds that a sender rests between two objects, or two requests.
    rest: float = 0.0
    _stopped: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[Ledger]:
        senders: list[Callable[[], None]] = [self._store] * self.over_dicom + [self._stow] * self.over_web
        threads = [threading.Thread(target=sender) for sender in senders]
        for thread in threads:
            thread.start()
        try:
            yield self.ledger
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def _store(self) -> None:
        one = ct_slice(1, seed="faults")
        while not self._stopped.is_set():
            line = self.lab.associate()
            while line.is_established and not self._stopped.is_set():
                uid = one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
                try:
                    is_taken = line.send_c_store(one).get("Status") == 0
                except (RuntimeError, ValueError):
                    break
                self.ledger.note(sent=1, acknowledged=[str(uid)] * is_taken)
                self._stopped.wait(self.rest)
            if not line.is_established:
                self._stopped.wait(0.2)
            hang_up(line)

    def _stow(self) -> None:
        one = ct_slice(1, seed="faults")
        for number in count(1):
            if self._stopped.is_set():
                return
            objects = []
            for _part in range(PARTS):
                one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
                objects.append(to_bytes(one))
            taken = self.stow(objects, is_named=bool(self.named_every) and number % self.named_every == 0)
            self.ledger.note(sent=PARTS, acknowledged=taken)
            self._stopped.wait(self.rest if taken else 0.2)

    def stow(self, objects: list[bytes], *, is_named: bool = False) -> list[str]:
        """Store over DICOMweb; return the UIDs that were acknowledged."""
        try:
            answer = self.post(objects, is_named=is_named)
        except requests.RequestException:
            return []
        if answer.status_code != requests.codes.accepted:
            return []
        return [item[_UID]["Value"][0] for item in answer.json().get(_REFERENCED, {}).get("Value", [])]

    def post(self, objects: list[bytes], *, is_named: bool = False) -> requests.Response:
        """Send one request of DICOMweb. Raises RequestException where nobody answers."""
        named = {"subject": self.lab.subject, "timepoint": "BL", "complete": "1"} if is_named else {}
        bearer = {"Authorization": f"Bearer {self.lab.secret}", "Accept": "application/dicom+json"}
        address = f"{self.lab.stack.address}/dicomweb/studies"
        headers = {"Content-Type": RELATED, **bearer}
        return requests.post(address, body(objects), params=named, headers=headers, timeout=60)


def wait_for_more(lab: Lab, ledger: Ledger) -> None:
    """Let the senders store again."""
    count = len(ledger.acknowledged)
    lab.stack.wait(lambda: len(ledger.acknowledged) > count)

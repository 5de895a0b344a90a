"""A foreign sender that stores and asks whether what it sent is kept."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, StorageCommitmentPushModel  # type: ignore[attr-defined]  # made while loading

from imaging.dicom_node.calling import freed
from imaging.dicom_node.commitment import INSTANCE
from tests.stack import Stack
from tests.wire import vega as stage

MODEL = StorageCommitmentPushModel
SUCCESS = 0x0000


class Sender:
    """A sender that stores, asks, and keeps the one report it gets."""

    def __init__(self, stack: Stack, name: str = stage.SENDER) -> None:
        self.stack, self.name = stack, name
        self.came = threading.Event()
        self.event, self.report = 0, Dataset()

    def take(self, event: Any) -> tuple[int, None]:
        self.event, self.report = event.event_type, event.event_information
        self.came.set()
        return SUCCESS, None

    @contextmanager
    def line(self) -> Iterator[Any]:
        ae = AE(ae_title=self.name)
        for context in (CTImageStorage, MODEL):
            ae.add_requested_context(context)
        handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, self.take)]
        association = freed(ae.associate("127.0.0.1", self.stack.dicom_port, ae_title="CORELAB", evt_handlers=handlers))
        assert association.is_established
        yield association
        if association.is_established:
            association.release()

    @property
    def kept(self) -> set[str]:
        return {str(item.ReferencedSOPInstanceUID) for item in self.report.get("ReferencedSOPSequence", [])}

    @property
    def lacking(self) -> dict[str, int]:
        items = self.report.get("FailedSOPSequence", [])
        return {str(item.ReferencedSOPInstanceUID): int(item.FailureReason) for item in items}


def question(*named: tuple[str, str]) -> Dataset:
    asked = Dataset()
    asked.TransactionUID = generate_uid()
    asked.ReferencedSOPSequence = []
    for sop_class, uid in named:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        asked.ReferencedSOPSequence.append(item)
    return asked


def ask(line: Any, asked: Dataset | None, *, action: int = 1, instance: str = INSTANCE) -> int:
    status, _reply = line.send_n_action(asked, action, MODEL, instance)
    return int(status.Status)

"""The DICOM door without a line: a desk in the test's own thread, whose clock the test sets."""

from collections.abc import Callable
from typing import TypeVar

from imaging.dicom_node.reception import Reception
from imaging.services.arrivals import Arrival, Register

T = TypeVar("T")


class AtOnce:
    """Does at once what the committer's thread does when its turn comes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.register = Register(clock=lambda: self.now)

    def ask(self, act: Callable[[Register], T]) -> T:
        return act(self.register)

    def record(self, arrival: Arrival) -> None:
        (refusal,) = self.register.record([arrival])
        if refusal is not None:
            raise refusal


def opened(title: str, desk: AtOnce | None = None) -> Reception:
    return Reception(title, desk or AtOnce())


def store(reception: Reception, data: bytes, *, fragment: int = 100_000) -> int:
    """The status that a sender of `data` is told."""
    reception.begin(b"")
    for at in range(0, len(data), fragment):
        reception.more(data[at : at + fragment])
    return reception.end()

"""Pieces of files, as they travel and as they are sealed."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from imaging.vault import PART_SIZE


@dataclass(frozen=True, slots=True)
class Piece:
    """Part `part` of file `number`; a file is cut into parts of at most PART_SIZE bytes, sent in order."""

    number: int
    part: int
    data: bytes
    sha256: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.data).hexdigest())


def cut(*, number: int, data: bytes) -> list[Piece]:
    """A whole file as the pieces in which it is sealed; an empty file is one empty piece."""
    starts = range(0, len(data), PART_SIZE) if data else (0,)
    return [Piece(number=number, part=part, data=data[at : at + PART_SIZE]) for part, at in enumerate(starts)]


def in_parts(body: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a body into pieces of PART_SIZE; an empty one is one empty piece."""
    held, is_first = bytearray(), True
    for chunk in body:
        held += chunk
        while len(held) >= PART_SIZE:
            yield bytes(held[:PART_SIZE])
            del held[:PART_SIZE]
            is_first = False
    if held or is_first:
        yield bytes(held)

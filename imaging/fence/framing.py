"""How parent and child talk: a message is a head and blobs of bytes, each behind its length.

What comes back from the child is JSON, because whoever took the child over could write it; nothing in it is believed.
"""

import io
import json
import struct
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct(">Q")
LONGEST_HEAD = 8 * 1024 * 1024
MOST_BLOBS = 4


class Garbled(ValueError):
    """What came is no message, or one that is too long."""


def pack(head: bytes, blobs: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """Return the pieces to write: the number of blobs, the head, each blob, with lengths before them."""
    pieces: list[bytes | memoryview] = [_LENGTH.pack(len(blobs)), _LENGTH.pack(len(head)), head]
    for blob in blobs:
        pieces += [_LENGTH.pack(len(blob)), blob]
    return pieces


class Reader:
    """Takes a message apart as its bytes come, never more than `longest` bytes in `most` blobs."""

    def __init__(self, *, longest: int, most: int = MOST_BLOBS) -> None:
        self._left, self._most = longest, most
        # It hands its bytes out as they lie there: a bytearray would have to be copied.
        self._buffer = io.BytesIO()
        self._wanted = _LENGTH.size
        self._is_length = True
        self._number: int | None = None
        self._parts: list[bytes] = []

    @property
    def wanted(self) -> int:
        """How many bytes are missing of the piece that is read now; 0 once the message is whole."""
        return max(0, self._wanted - self._buffer.tell())

    def feed(self, piece: bytes | memoryview) -> None:
        """Take bytes, no more than were wanted. Raises Garbled."""
        self._buffer.write(piece)
        while not self.is_whole and self._buffer.tell() == self._wanted:
            self._turn()

    @property
    def is_whole(self) -> bool:
        return self._number is not None and len(self._parts) == self._number + 1

    @property
    def message(self) -> tuple[bytes, list[bytes]]:
        return self._parts[0], self._parts[1:]

    def _turn(self) -> None:
        found, self._buffer = self._buffer.getvalue(), io.BytesIO()
        if self._number is None:
            self._number = _LENGTH.unpack(found)[0]
            if self._number > self._most:
                raise Garbled
        elif self._is_length:
            self._begin_part(_LENGTH.unpack(found)[0])
        else:
            self._parts.append(found)
            self._is_length, self._wanted = True, _LENGTH.size
        if self.is_whole:
            self._wanted = 0

    def _begin_part(self, length: int) -> None:
        if self._parts:
            self._left -= length
        if length > LONGEST_HEAD if not self._parts else self._left < 0:
            raise Garbled
        self._is_length, self._wanted = False, length


def decode(head: bytes) -> dict[str, Any]:
    """Return the JSON object of a head. Raises Garbled."""
    try:
        told = json.loads(head)
    except (ValueError, RecursionError):
        raise Garbled from None
    if not isinstance(told, dict):
        raise Garbled
    return told

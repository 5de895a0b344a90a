"""One caller's line: what comes is read ahead, and no PDU may be longer, or take longer, than a limit."""

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from pynetdicom import transport
from pynetdicom.association import Association

from imaging.dicom_node.turns import TURN

# Far above what we agree to (PS3.8 D.1), since an A-ASSOCIATE-RQ has no agreed length.
LONGEST_PDU = 1024 * 1024
# From the first byte of a PDU to its last; also for a caller who says nothing at all (ARTIM, PS3.8 9.1.5).
# Below the 15 s in which everybody must have an answer, by what it takes to notice and to close.
PDU_SECONDS = 12
HEAD = struct.Struct(">BBL")
# So much is read ahead: the interpreter is given up at each call to the kernel, and others take it.
_AHEAD = 512 * 1024
# How late it may be noticed that somebody else closed the line, or that its time is over.
_LOOK_SECONDS = 1.0


class LimitedSocket(transport.AssociationSocket):
    """A socket that believes no length above LONGEST_PDU and waits for no PDU longer than PDU_SECONDS."""

    is_hung_up = False

    def __init__(self, association: Association, *, client_socket: socket.socket) -> None:
        super().__init__(association, client_socket=client_socket)
        # What came is between the two marks.
        self._room, self._start, self._end = memoryview(bytearray(_AHEAD)), 0, 0
        self._is_plain = not isinstance(client_socket, ssl.SSLSocket)
        # Only sending may block: the kernel keeps its time, and to tell it anew at each answer is a call more.
        client_socket.settimeout(None if self._is_plain else 0)
        client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", PDU_SECONDS, 0))
        self._poll = select.poll()
        self._poll.register(client_socket, select.POLLIN)

    @property
    def has_read_ahead(self) -> bool:
        """Whether bytes came that nobody took yet."""
        return self._end > self._start

    @property
    def ready(self) -> bool:
        return self.has_read_ahead or bool(super().ready)

    def recv(self, nr_bytes: int) -> bytearray:
        """Take just so many bytes, or what came before the peer closed. Raises OSError after closing the line."""
        return bytearray(self.take(nr_bytes))

    def take(self, size: int) -> memoryview:
        """Take so many bytes, or what came before the peer closed; they stay there until more is asked for.

        Raises OSError after closing the line.
        """
        taken = self.look(size)
        self._start += len(taken)
        return taken

    def look(self, size: int) -> memoryview:
        """Give what `take` would, and leave it. Raises OSError after closing the line."""
        if size > LONGEST_PDU:
            self.cut()
            raise ConnectionAbortedError("a PDU claims to be longer than any we agree to")
        try:
            self._wait_for(size)
        except OSError:
            self.cut()
            raise
        return self._room[self._start : min(self._start + size, self._end)]

    def _wait_for(self, size: int) -> None:
        if self._end - self._start >= size:
            return
        self._make_room(size)
        deadline = time.monotonic() + PDU_SECONDS
        while self._end - self._start < size:
            if self.socket is None or (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError("a PDU did not come to its end")
            came = self._read()
            if came == 0:
                break
            if came is None:
                with TURN.left():
                    self._poll.poll(min(left, _LOOK_SECONDS) * 1000)
            self._end += came or 0

    def _read(self) -> int | None:
        """Read what came: None where nothing did, 0 at the end of the stream."""
        line, room = cast("socket.socket", self.socket), self._room[self._end :]
        try:
            return line.recv_into(room, len(room), socket.MSG_DONTWAIT if self._is_plain else 0)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def send(self, bytestream: bytes) -> None:
        """Send it all, while other lines work."""
        with TURN.left(), self._blocking():
            super().send(bytestream)

    @contextmanager
    def _blocking(self) -> Iterator[None]:
        if self._is_plain or self.socket is None:
            yield
            return
        self.socket.settimeout(PDU_SECONDS)
        try:
            yield
        finally:
            if self.socket is not None:
                self.socket.settimeout(0)

    def _make_room(self, size: int) -> None:
        """Move what is left to the front where `size` bytes have no place behind it."""
        if self.has_read_ahead and self._start + size <= len(self._room):
            return
        left = self._room[self._start : self._end]
        if size > len(self._room):
            self._room = memoryview(bytearray(size))
        self._room[: len(left)] = left
        self._start, self._end = 0, len(left)

    def free(self) -> None:
        """Give back what was read ahead; nobody reads any more."""
        self._room, self._start, self._end = memoryview(b""), 0, 0

    def cut(self) -> None:
        """Close the line at once; the reader of this socket tells the state machine, by the error it gets."""
        self._is_connected = False
        self.is_hung_up = True
        if self.socket is not None:
            self._shutdown_socket()

    def hang_up(self) -> None:
        """End the line from another thread: its reader sees the end of the stream."""
        self.is_hung_up = True
        with suppress(OSError):
            if self.socket is not None:
                self.socket.shutdown(socket.SHUT_RDWR)


def waits(line: Any) -> bool:
    """Whether TLS holds bytes that the kernel does not know of any more."""
    return isinstance(line, ssl.SSLSocket) and bool(line.pending())

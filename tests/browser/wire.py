"""The wire between a browser and the product: all that goes to the server is kept, and it can be cut."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_REQUEST = re.compile(rb"^[A-Z]+ /")
_PIECES = re.compile(rb"^POST /api/deliveries/[0-9a-f-]{36}/pieces/")


class Wire:
    """A forwarder on a port of its own. `sent` is what reached the server; `fuse` batches may pass, then it is cut."""

    def __init__(self, address: str) -> None:
        host, _colon, port = address.removeprefix("http://").partition(":")
        self._behind = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent: list[bytes] = []
        self.fuse: int | None = None
        self.is_cut = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                if self.is_cut.is_set():
                    near.close()
                    continue
                far = socket.create_connection(self._behind)
                with self._lock:
                    self._open |= {near, far}
                for source, target, is_sent in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pump, args=(source, target, is_sent), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_sent: bool) -> None:  # noqa: FBT001  of a thread
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                if is_sent and not self._passes(chunk):
                    break
                target.sendall(chunk)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _passes(self, chunk: bytes) -> bool:
        """What is under way when the wire is cut arrives; no request begins after that."""
        with self._lock:
            if self.fuse is not None and _PIECES.match(chunk):
                if not self.fuse:
                    self.is_cut.set()
                else:
                    self.fuse -= 1
            if self.is_cut.is_set() and _REQUEST.match(chunk):
                return False
            self.sent.append(chunk)
            return True

    def mend(self) -> None:
        self.fuse = None
        self.is_cut.clear()

    def close(self) -> None:
        self._listener.close()
        for end in self._open:
            end.close()


@contextmanager
def wire_to(address: str) -> Iterator[Wire]:
    wire = Wire(address)
    threading.Thread(target=wire.serve, daemon=True).start()
    yield wire
    wire.close()

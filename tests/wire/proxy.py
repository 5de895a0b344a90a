"""A line between a sender and the running product that keeps every byte, and can be cut in the middle."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Wire:
    """`said` are the bytes that went to the server. After `left` more of them every line is cut, until that is None."""

    target: tuple[str, int]
    address: str = ""
    said: bytearray = field(default_factory=bytearray)
    left: int | None = None
    cuts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def carry(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(self.target, timeout=60) as server:
            back = threading.Thread(target=self._answer, args=(server, caller))
            back.start()
            self._forward(caller, server)
            back.join()

    def _forward(self, caller: socket.socket, server: socket.socket) -> None:
        try:
            while data := caller.recv(65_536):
                with self.lock:
                    allowed = len(data) if self.left is None else min(self.left, len(data))
                    self.said += data[:allowed]
                    self.left = None if self.left is None else self.left - allowed
                    self.cuts += allowed < len(data)
                server.sendall(data[:allowed])
                if allowed < len(data):
                    caller.shutdown(socket.SHUT_RDWR)
                    break
            server.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _answer(self, server: socket.socket, caller: socket.socket) -> None:
        try:
            while data := server.recv(65_536):
                caller.sendall(data)
            caller.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


@contextmanager
def tapped(address: str) -> Iterator[Wire]:
    host, _colon, port = address.removeprefix("http://").partition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire((host, int(port)), address=f"http://127.0.0.1:{listener.getsockname()[1]}")

    def listen() -> None:
        while True:
            try:
                caller, _from = listener.accept()
            except OSError:
                return
            threading.Thread(target=wire.carry, args=(caller,), daemon=True).start()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()

"""Where callers wait until they have said a first word: a silent one costs a sleeping thread and nothing else.

An association of the library copies hundreds of contexts and looks at its line a thousand times a second; three hundred
silent ones kept a known sender waiting for 25 s.
"""

import select
import socket
import ssl
import threading
from collections import OrderedDict
from contextlib import suppress


class Hall:
    """Lets callers in who begin to speak; past `room` the one who has been silent longest is cut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, socket.socket] = OrderedDict()

    def admit(self, line: socket.socket, *, seconds: float, room: int) -> bool:
        """Whether the caller proved itself where the line is TLS, and spoke, in time; else the line is closed."""
        self._enter(line, room)
        try:
            line.settimeout(seconds)
            if isinstance(line, ssl.SSLSocket):
                line.do_handshake()
            if _speaks(line, seconds):
                return True
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._waiting.pop(id(line), None)
        with suppress(OSError):
            line.close()
        return False

    def _enter(self, line: socket.socket, room: int) -> None:
        with self._lock:
            self._waiting[id(line)] = line
            if len(self._waiting) > room:
                _number, longest = self._waiting.popitem(last=False)
                with suppress(OSError):
                    longest.shutdown(socket.SHUT_RDWR)


def _speaks(line: socket.socket, seconds: float) -> bool:
    if not isinstance(line, ssl.SSLSocket):
        # Nothing means that the line was closed, by the caller or because the hall is full.
        return bool(line.recv(1, socket.MSG_PEEK))
    waiting = select.poll()
    waiting.register(line.fileno(), select.POLLIN)
    events = sum(event for _descriptor, event in waiting.poll(0 if line.pending() else seconds * 1000))
    return bool(line.pending()) or (bool(events) and not events & select.POLLHUP)

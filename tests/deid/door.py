"""A small Corelab in a thread: a real HTTP server that takes chunked STOW requests, and fails as it is told to."""

import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from deid import read_head
from deid.profile import Profile
from imaging.dicomweb.answers import Outcome, store_response
from imaging.dicomweb.multipart import Parts, media_type, require_boundary

DELIVERY = "/dicomweb/deliveries/7d2b0c52-6a0e-4c0e-9d5e-000000000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one POST instead of being taken: a status with words, or the line cut after some bytes.

    Of neither, it is taken.
    """

    status: int = 0
    sentence: str = "Corelab is busy."
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int = 0


@dataclass(slots=True)
class Door:
    """What the server tells, what it was told, and what it does to the next requests."""

    address: str = ""
    expected: dict[str, Any] = field(default_factory=dict)
    expected_status: int = 200
    status: dict[str, Any] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    refused: dict[int, tuple[int, str]] = field(default_factory=dict)
    objects: list[bytes] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    persons: set[str] = field(default_factory=set)
    largest: int = 0
    skew: str = ""


def expectation(**told: Any) -> dict[str, Any]:
    asked = {"name": "Chest", "modality": "CT", "minimum_slices": 2, "required": True}
    whole = {
        "trial": "TUNDRA",
        "site": "01",
        "subject": "7KXM-2PQR",
        "time_point": "BL",
        "time_point_name": "Baseline",
        "profile": Profile().told,
        "requirements": [asked],
        "knows_person": False,
    }
    return whole | told


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    door: Door

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name in the library
        """Say nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.door.skew or super().date_time_string(timestamp)

    def do_GET(self) -> None:
        self._note()
        if self.path.startswith(DELIVERY):
            self._say(200, self.door.status)
        else:
            self._say(self.door.expected_status, self.door.expected)

    def do_POST(self) -> None:
        self._note()
        self.door.persons.add(self.headers["Corelab-Person"] or "")
        fault = self.door.faults.popleft() if self.door.faults else None
        if fault and fault.cut_after:
            self.rfile.read(fault.cut_after)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        body = self._body()
        if fault and fault.status:
            self._say(fault.status, {"detail": fault.sentence}, fault.headers)
            return
        self._take(body)

    def _note(self) -> None:
        self.door.requests.append(f"{self.command} {self.path}")
        self.door.tokens.add(self.headers["Authorization"])

    def _body(self) -> bytes:
        assert self.headers["Transfer-Encoding"] == "chunked"
        whole = bytearray()
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.read(2)
        self.rfile.readline()
        self.door.largest = max(self.door.largest, len(whole))
        return bytes(whole)

    def _take(self, body: bytes) -> None:
        position = 0

        def read(size: int) -> bytes:
            nonlocal position
            position += size
            return body[position - size : position]

        boundary = require_boundary(media_type(self.headers["Content-Type"]))
        outcomes = []
        for number, part in enumerate(Parts(read, boundary=boundary)):
            data = b"".join(part.body)
            head = read_head(data)
            reason, sentence = self.door.refused.get(number, (None, ""))
            if reason is None:
                self.door.objects.append(data)
            named = {"sop_class_uid": head.sop_class_uid, "sop_instance_uid": head.sop_instance_uid}
            outcomes.append(Outcome(**named, reason=reason, comment=sentence))
        is_taken = any(outcome.reason is None for outcome in outcomes)
        link = f'<http://elsewhere.example{DELIVERY}>; rel="status"'
        self._say(202 if is_taken else 409, store_response(outcomes), {"Link": link})

    def _say(self, status: int, told: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(told).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def opened_door(*, certificate: Path | None = None) -> Iterator[Door]:
    """Open it; over TLS where a file with key and certificate is given."""
    done = {"state": "checked", "sentence": "checked", "ended": True, "counts": {"filed": 3}, "refusals": []}
    door = Door(expected=expectation(), status=done)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"door": door}))
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    door.address = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

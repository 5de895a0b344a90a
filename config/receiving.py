"""How request bodies are received: small ones in memory, what a token of ours sends in an encrypted spool.

Waitress takes a body whole before a view sees it, and puts a long one in the clear into a temporary file. No scan may
touch a disk so: here it goes, as it comes, under a key that lives as long as the request, into a file without a name.
"""

import copy
import io
import logging
import secrets
import tempfile
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from django.conf import settings
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.utilities import Error

from imaging.services import reserve
from trials.services import tokens

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

log = logging.getLogger("corelab.receiving")

STOW_PREFIX = "/dicomweb/studies"
_KEY, _NONCE = 32, 16


def cap_of(path: str, authorization: str) -> int:
    """Return how long a body may be, in bytes: long ones are for senders who show a token that we made."""
    return int(settings.STOW_CAP if is_sending(path, authorization) else settings.REQUEST_CAP)


def is_sending(path: str, authorization: str) -> bool:
    """Whether a request goes to the DICOMweb door with a token of ours, in force or not."""
    word, _space, secret = authorization.partition(" ")
    return path.startswith(STOW_PREFIX) and word.lower() == "bearer" and tokens.is_ours(secret.strip())


class InsufficientStorage(Error):  # type: ignore[misc]  # waitress ships no types
    code = HTTPStatus.INSUFFICIENT_STORAGE.value
    reason = HTTPStatus.INSUFFICIENT_STORAGE.phrase


class Unread(io.RawIOBase):
    """The plain bytes of a spool, from the first to the last, once."""

    def __init__(self, file: IO[bytes], decryptor: CipherContext) -> None:
        self._file, self._decryptor = file, decryptor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer as far as there is something left; return how far."""
        wanted = memoryview(buffer).cast("B")
        plain = self._decryptor.update(self._file.read(len(wanted)))
        wanted[: len(plain)] = plain
        return len(plain)


class Spool:
    """A body on its way, as waitress wants one: what is appended lies encrypted, in a file that has no name."""

    def __init__(self) -> None:
        self.is_full = False
        self._size = 0
        # AES-CTR under a key used once: whoever could change the file could change this process's memory.
        cipher = Cipher(algorithms.AES(secrets.token_bytes(_KEY)), modes.CTR(secrets.token_bytes(_NONCE)))
        self._encryptor, self._decryptor = cipher.encryptor(), cipher.decryptor()
        settings.QUARANTINE_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Lives until waitress closes the request.
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=settings.QUARANTINE_ROOT)  # noqa: SIM115

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """Take bytes; a full disk is noted, and ends the request with an answer."""
        if self.is_full:
            return
        try:
            self.is_full = reserve.is_reached()
            self._file.write(self._encryptor.update(data))
        except OSError:
            log.exception("no room for what a token sends")
            self.is_full = True
        self._size += len(data)

    def getfile(self) -> Unread:
        self._file.seek(0)
        return Unread(self._file, self._decryptor)

    def close(self) -> None:
        self._file.close()


class Parser(HTTPRequestParser):  # type: ignore[misc]  # as above
    """Decides by the head of a request where its body goes; strangers' bodies are short and stay in memory."""

    adj: Any
    error: Any = None
    spool: Spool | None = None

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.body_rcv is not None and is_sending(self.path, self.headers.get("AUTHORIZATION", "")):
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size = settings.STOW_CAP
            self.spool = self.body_rcv.buf = Spool()

    def received(self, data: bytes) -> int:
        """Take what came, as waitress asks; a full disk ends the request."""
        taken: int = super().received(data)
        if self.spool is not None and self.spool.is_full and self.error is None:
            self.error = InsufficientStorage("There is no room for it now. Nothing was kept; send it again later.")
            self.connection_close = self.completed = True
        return taken


class Channel(HTTPChannel):  # type: ignore[misc]  # as above
    parser_class = Parser


def serve(application: Any, **options: Any) -> None:
    """Serve as `waitress.serve` does, with our parser."""
    sockets: dict[int, Any] = {}
    server = create_server(application, map=sockets, **options)
    for listener in sockets.values():
        if isinstance(listener, BaseWSGIServer):
            listener.channel_class = Channel
    server.print_listen("Serving on http://{}:{}")
    server.run()

"""multipart/related as a stream (RFC 2046, RFC 2387, PS3.18 8.6): part after part, never held whole."""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

_READ = 64 * 1024
# RFC 2046 5.1.1 allows a boundary of 70 signs, Orthanc writes 73; what stands before it or above a part is bounded.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,199}[0-9A-Za-z'()+_,\-./:=?]")
_PARAMETER = re.compile(r""";\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]+)""")
_LONGEST_PREAMBLE = 16 * 1024
_LONGEST_HEAD = 8 * 1024
_LONGEST_PADDING = 256
_END = b"--"
_BREAK = b"\r\n"


class Malformed(Exception):
    """The body is not what its head promises; `sentence` is for people and holds nothing of it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type in lower case, with its parameters; names of parameters are in lower case too."""

    name: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its header fields (names in lower case) and its bytes, to be read before the next part is asked for."""

    head: Mapping[str, str]
    body: Iterator[bytes]


def media_type(text: str) -> MediaType:
    """Read a Content-Type, or one entry of Accept."""
    name, _, rest = text.partition(";")
    found = _PARAMETER.findall(f";{rest}") if rest else []
    return MediaType(name.strip().lower(), {key.lower(): _unquoted(value) for key, value in found})


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def require_boundary(kind: MediaType) -> bytes:
    """Return the boundary that a Content-Type names. Raises Malformed where it names none, or no possible one."""
    boundary = kind.parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise Malformed("The Content-Type names no boundary of allowed signs and length, so the parts cannot be told.")
    return boundary.encode("ascii")


class Parts:
    """Reads a multipart body from `read(size)` and tells its parts in order, in memory of some 100 kB."""

    def __init__(self, read: Callable[[int], bytes], *, boundary: bytes) -> None:
        self._read = read
        self._delimiter = _BREAK + b"--" + boundary
        # The first delimiter may stand at the very beginning: it is looked for like all others.
        self._held = bytearray(_BREAK)
        self._is_over = False

    def __iter__(self) -> Iterator[Part]:
        """Raises Malformed where the body is not well formed or ends early, while it is read."""
        self._skip_preamble()
        while not self._after_delimiter():
            head = self._head()
            body = self._body()
            yield Part(head=head, body=body)
            for _rest in body:
                # Whatever the caller left.
                continue

    def _fill(self) -> None:
        piece = self._read(_READ)
        if not piece:
            raise Malformed("The body ends before its last boundary: it was cut off on its way.")
        self._held += piece

    def _need(self, size: int) -> None:
        while len(self._held) < size:
            self._fill()

    def _skip_preamble(self) -> None:
        while (at := self._held.find(self._delimiter)) < 0:
            if len(self._held) > _LONGEST_PREAMBLE:
                raise Malformed("The body does not begin with the boundary that the Content-Type names.")
            self._fill()
        del self._held[: at + len(self._delimiter)]

    def _after_delimiter(self) -> bool:
        """Whether the body is over; else stand at the head of the next part."""
        self._need(len(_END))
        if self._held.startswith(_END):
            return True
        while (at := self._held.find(_BREAK)) < 0 and len(self._held) <= _LONGEST_PADDING:
            self._fill()
        if not 0 <= at <= _LONGEST_PADDING or self._held[:at].strip(b" \t"):
            raise Malformed("A boundary is followed by something that is neither its end nor a part.")
        # The break stays: a part without header fields has its empty line right here.
        del self._held[:at]
        return False

    def _head(self) -> dict[str, str]:
        while (at := self._held.find(_BREAK * 2)) < 0:
            if len(self._held) > _LONGEST_HEAD:
                raise Malformed("The header fields of a part are longer than they may be.")
            self._fill()
        if at > _LONGEST_HEAD:
            raise Malformed("The header fields of a part are longer than they may be.")
        lines = bytes(self._held[:at]).decode("latin-1").split("\r\n")
        del self._held[: at + len(_BREAK) * 2]
        fields = [line.partition(":") for line in lines if line]
        if not all(colon for _, colon, _ in fields):
            raise Malformed("A part does not begin with header fields and an empty line.")
        return {name.strip().lower(): value.strip() for name, _, value in fields}

    def _body(self) -> Iterator[bytes]:
        keep = len(self._delimiter) - 1
        while (at := self._held.find(self._delimiter)) < 0:
            if len(self._held) > keep:
                yield bytes(self._held[:-keep])
                del self._held[:-keep]
            self._fill()
        last = bytes(self._held[:at])
        del self._held[: at + len(self._delimiter)]
        if last:
            yield last


def new_boundary() -> str:
    return f"corelab-{secrets.token_hex(12)}"


def compose(
    parts: Iterable[tuple[Mapping[str, str], bytes | memoryview]], *, boundary: str
) -> Iterator[bytes | memoryview]:
    """Write parts as a multipart body, one after another."""
    for head, body in parts:
        fields = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        yield f"\r\n--{boundary}\r\n{fields}\r\n".encode("latin-1")
        yield body
    yield f"\r\n--{boundary}--\r\n".encode("ascii")

"""Messages put together from their fragments (PS3.8 annex E): what is stored goes to the reception, all else on."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deid import Rejected, Rejection
from deid.wholeness import Inspector
from imaging.dicom_node import commands
from imaging.dicom_node.commands import StoreRequest
from imaging.dicom_node.reception import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, SUCCESS, Reception

_PDV = struct.Struct(">LBB")
# Context id and control header are counted in the length of a PDV.
_COUNTED = 2
_IS_COMMAND, _IS_LAST = 1, 2
LONGEST_COMMAND = 65_536
# Data sets that are not stored: what a tool asks for, and the 20,000 objects that a sender may want committed at once.
LONGEST_FOREIGN_DATA_SET = 4 * 1024 * 1024
P_DATA = b"\x04"
_PDU_HEAD = struct.Struct(">BBL")
# Error Comments: 64 letters at most. The site reads the whole sentence.
_NOT_TAKEN = {
    OUT_OF_RESOURCES: "It cannot be taken now. Nothing was kept; send it again later.",
    CANNOT_UNDERSTAND: "It could not be taken. Nothing was kept.",
}
WORDS: dict[str, str] = {
    Rejection.MALFORMED: "The object is damaged or cut off. Send a new copy.",
    Rejection.INCOMPLETE: "A UID of the class, the object or its study is missing.",
    Rejection.PIXELS_DAMAGED: "Pixels of this image are missing. Send a new copy.",
    Rejection.TOO_LARGE: "The object goes beyond what a scan may hold.",
}
_UNSOUND = Rejected(
    Rejection.INCOMPLETE, "A request to store does not say of which class or which object it is. Nothing was kept."
)


class MalformedMessageError(Exception):
    """The peer does not keep to the protocol: the association is aborted."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One presentation data value."""

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


def fragments(body: memoryview) -> Iterator[Fragment]:
    """Cut the body of a P-DATA-TF PDU (PS3.8 9.3.5). Raises MalformedMessageError."""
    at = 0
    while at < len(body):
        if at + _PDV.size > len(body):
            raise MalformedMessageError("a PDU ends in the middle of an item")
        length, context_id, control = _PDV.unpack_from(body, at)
        end = at + _PDV.size + length - _COUNTED
        if length < _COUNTED or end > len(body):
            raise MalformedMessageError("an item is longer than its PDU, or shorter than its head")
        yield Fragment(context_id, bool(control & _IS_COMMAND), bool(control & _IS_LAST), body[at + _PDV.size : end])
        at = end


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What the association knows: transfer syntaxes by context id, and where messages of other services go."""

    syntaxes: Callable[[int], str | None]
    reception: Callable[[], Reception]
    forward: Callable[[int, bytes], None]


class Messages:
    """The messages of one association, one after another."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._command = bytearray()
        self._context_id = 0
        self._request: StoreRequest | None = None
        self._inspector: Inspector | None = None
        # How much of a data set that is not stored may still come; None where none is expected.
        self._foreign: int | None = None

    @property
    def expects_data(self) -> bool:
        """Whether an object is to be stored of which more must come."""
        return self._request is not None

    def take(self, fragment: Fragment) -> bytes:
        """Take the next fragment; returns the command set of the answer once an object has come whole, else nothing.

        Raises MalformedMessageError.
        """
        expected = self._request is not None or self._foreign is not None
        if fragment.is_command == expected or (self._is_begun(fragment) and fragment.context_id != self._context_id):
            raise MalformedMessageError("a fragment is not of the message that was begun")
        if fragment.is_command:
            return self._take_command(fragment)
        return self._take_foreign(fragment) if self._request is None else self._take_data(fragment, self._request)

    def _is_begun(self, fragment: Fragment) -> bool:
        return not fragment.is_command or bool(self._command)

    def _take_command(self, fragment: Fragment) -> bytes:
        self._context_id = fragment.context_id
        self._command += fragment.data
        if len(self._command) > LONGEST_COMMAND:
            raise MalformedMessageError("a command set is too long")
        if not fragment.is_last:
            return b""
        command, self._command = bytes(self._command), bytearray()
        try:
            request = commands.read(command)
            if request is None:
                self._pass_on(command)
                return b""
        except ValueError as malformed:
            raise MalformedMessageError(str(malformed)) from malformed
        return self._begin(request)

    def _pass_on(self, command: bytes) -> None:
        self._foreign = LONGEST_FOREIGN_DATA_SET if commands.has_data_set(command) else None
        self._peer.forward(self._context_id, bytes([_IS_COMMAND | _IS_LAST]) + command)

    def _begin(self, request: StoreRequest) -> bytes:
        syntax = self._peer.syntaxes(self._context_id)
        if syntax is None:
            raise MalformedMessageError("a message comes under a context that was not accepted")
        if not request.has_data_set:
            return commands.answer(request, CANNOT_UNDERSTAND, "The request comes without a data set.")
        self._request = request
        self._inspector = Inspector(syntax) if request.is_sound else None
        status = SUCCESS if request.is_sound else CANNOT_UNDERSTAND
        self._peer.reception().begin(commands.head(request, syntax), status=status)
        return b""

    def _take_data(self, fragment: Fragment, request: StoreRequest) -> bytes:
        reception, inspector = self._peer.reception(), self._inspector
        reception.more(fragment.data)
        if inspector is not None:
            inspector.feed(fragment.data)
        if not fragment.is_last:
            return b""
        self._request = None
        # What is torn is not taken, and the sender knows at once.
        refusal = _UNSOUND if inspector is None else inspector.end()
        if refusal is not None:
            reception.refuse(refusal)
            return commands.answer(request, reception.end(), WORDS.get(refusal.code, ""))
        status = reception.end()
        return commands.answer(request, status, _NOT_TAKEN.get(status, ""))

    def _take_foreign(self, fragment: Fragment) -> bytes:
        left = (self._foreign or 0) - len(fragment.data)
        if left < 0:
            raise MalformedMessageError("a data set that is not to be stored is too long")
        self._foreign = None if fragment.is_last else left
        self._peer.forward(self._context_id, bytes([_IS_LAST if fragment.is_last else 0]) + bytes(fragment.data))
        return b""


def pdus(context_id: int, command: bytes, longest: int) -> Iterator[bytes]:
    """Wrap a command set for a peer who takes PDUs of `longest` bytes; 0 is any length."""
    room = max(longest - _PDV.size, 1) if longest else len(command)
    for at in range(0, len(command), room):
        piece = command[at : at + room]
        control = _IS_COMMAND | (_IS_LAST if at + room >= len(command) else 0)
        item = _PDV.pack(len(piece) + _COUNTED, context_id, control) + piece
        yield _PDU_HEAD.pack(P_DATA[0], 0, len(item)) + item

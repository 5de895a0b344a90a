"""Command sets of C-STORE (PS3.7 9.3.1, E.1) and the head of a file (PS3.10 7.1) as bytes: no data set is decoded."""

import re
import struct
from dataclasses import dataclass

from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

C_STORE_RQ, C_STORE_RSP = 0x0001, 0x8001
_NO_DATA_SET = 0x0101
_ELEMENT = struct.Struct("<HHL")
# Of a value of VR US (PS3.5 6.2).
_US_BYTES = 2
_UID = re.compile(r"[0-9.]{1,64}")
# Elements of group 0000.
_LENGTH, _SOP_CLASS, _FIELD, _MESSAGE_ID, _ANSWERED_ID = 0x0000, 0x0002, 0x0100, 0x0110, 0x0120
_DATA_SET_TYPE, _STATUS, _COMMENT, _SOP_INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000
# Error Comment is LO (PS3.7 annex C).
_LONGEST_COMMENT = 64
_PREAMBLE = bytes(128) + b"DICM"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """What a C-STORE-RQ says; a UID that is none is ""."""

    message_id: int
    sop_class: str
    sop_instance: str
    has_data_set: bool

    @property
    def is_sound(self) -> bool:
        return bool(self.sop_class and self.sop_instance and self.has_data_set)


def read(command: bytes | bytearray) -> StoreRequest | None:
    """Return the request to store; None for every other command. Raises ValueError where it is none at all."""
    found = _elements(command)
    if _number(found, _FIELD) != C_STORE_RQ:
        return None
    return StoreRequest(
        message_id=_number(found, _MESSAGE_ID),
        sop_class=_uid(found.get(_SOP_CLASS, b"")),
        sop_instance=_uid(found.get(_SOP_INSTANCE, b"")),
        has_data_set=_number(found, _DATA_SET_TYPE) != _NO_DATA_SET,
    )


def has_data_set(command: bytes | bytearray) -> bool:
    """Whether a data set follows. Raises ValueError."""
    return _number(_elements(command), _DATA_SET_TYPE) != _NO_DATA_SET


def _elements(command: bytes | bytearray) -> dict[int, bytes]:
    found, at = {}, 0
    while at < len(command):
        if at + _ELEMENT.size > len(command):
            raise ValueError("a command set ends in the middle of an element")
        group, element, length = _ELEMENT.unpack_from(command, at)
        at += _ELEMENT.size
        if group or at + length > len(command):
            raise ValueError("an element of a command set is of another group, or longer than the set")
        found[element] = bytes(command[at : at + length])
        at += length
    return found


def _number(found: dict[int, bytes], element: int) -> int:
    value = found.get(element, b"")
    if len(value) != _US_BYTES:
        raise ValueError("a command set lacks a number")
    return int.from_bytes(value, "little")


def _uid(value: bytes) -> str:
    told = value.rstrip(b"\0 ").decode("ascii", "replace")
    return told if _UID.fullmatch(told) else ""


def answer(request: StoreRequest, status: int, comment: str = "") -> bytes:
    """Return the command set of the C-STORE-RSP; of a refusal, with the reason in words."""
    body = b"".join(
        (
            _padded(_SOP_CLASS, request.sop_class) if request.sop_class else b"",
            _short(_FIELD, C_STORE_RSP),
            _short(_ANSWERED_ID, request.message_id),
            _short(_DATA_SET_TYPE, _NO_DATA_SET),
            _short(_STATUS, status),
            _padded(_COMMENT, comment[:_LONGEST_COMMENT], b" ") if comment else b"",
            _padded(_SOP_INSTANCE, request.sop_instance) if request.sop_instance else b"",
        )
    )
    return _ELEMENT.pack(0, _LENGTH, 4) + len(body).to_bytes(4, "little") + body


def _short(element: int, number: int) -> bytes:
    return _ELEMENT.pack(0, element, 2) + number.to_bytes(2, "little")


def _padded(element: int, text: str, filler: bytes = b"\0") -> bytes:
    value = _even(text, filler)
    return _ELEMENT.pack(0, element, len(value)) + value


def _even(text: str, filler: bytes = b"\0") -> bytes:
    value = text.encode("ascii")
    return value + filler * (len(value) % 2)


def head(request: StoreRequest, transfer_syntax: str) -> bytes:
    """Return what stands before the data set in a file: preamble and file meta information."""
    body = b"".join(
        (
            # The version's long form: VR, two reserved bytes, length of four.
            struct.pack("<HH2sHL2s", 2, 0x0001, b"OB", 0, 2, b"\0\1"),
            _meta(0x0002, b"UI", _even(request.sop_class)),
            _meta(0x0003, b"UI", _even(request.sop_instance)),
            _meta(0x0010, b"UI", _even(transfer_syntax)),
            _meta(0x0012, b"UI", _even(PYNETDICOM_IMPLEMENTATION_UID)),
            _meta(0x0013, b"SH", _even(PYNETDICOM_IMPLEMENTATION_VERSION, b" ")),
        )
    )
    return _PREAMBLE + _meta(0x0000, b"UL", len(body).to_bytes(4, "little")) + body


def _meta(element: int, kind: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", 2, element, kind, len(value)) + value

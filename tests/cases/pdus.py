"""Malformed PDUs (PS3.8 9.3), each as the bytes that a caller writes: before an association, or within one."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, MaximumLengthNotification
from pynetdicom.presentation import build_context

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One caller: what it says first; `is_after` where it does so on an accepted association."""

    name: str
    data: bytes
    is_after: bool = False


def request(calling: str, called: str = "CORELAB") -> bytes:
    """A sound A-ASSOCIATE-RQ for CT images."""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    context = build_context(CT, EXPLICIT)
    context.context_id = 1
    primitive.presentation_context_definition_list = [context]
    length = MaximumLengthNotification()
    length.maximum_length_received = 16_384
    primitive.user_information = [length]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return bytes(pdu.encode())


def malformed(calling: str) -> Iterator[Pdu]:
    """Yield sixteen kinds and more."""
    sound = request(calling)
    yield Pdu(name="nothing at all", data=b"")
    yield Pdu(name="half a head", data=b"\x01\0\0")
    yield Pdu(name="a head alone", data=_head(1, 200))
    yield Pdu(name="half of a request", data=sound[: len(sound) // 2])
    yield Pdu(name="an unknown kind", data=_head(0x42, 4) + b"oops")
    yield Pdu(name="1 GiB said", data=_head(1, 1 << 30) + bytes(64))
    yield Pdu(name="4 GiB said", data=_head(4, 0xFFFFFFFF) + bytes(64))
    yield Pdu(name="a request of nothing", data=_head(1, 0))
    yield Pdu(name="a request of noise", data=_head(1, 300) + bytes(range(256)) + bytes(44))
    yield Pdu(name="a request whose items are too long", data=sound[:76] + b"\xff\xff" + sound[78:])
    yield Pdu(name="data before a request", data=_data(b"\x01\0" * 20))
    yield Pdu(name="an answer to nobody", data=_head(2, 4) + bytes(4))
    yield Pdu(name="HTTP", data=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    yield Pdu(name="TLS", data=b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(500))
    yield Pdu(name="another version", data=sound[:6] + b"\0\x40" + sound[8:])
    yield Pdu(name="no such called title", data=request(calling, "NOBODY"))
    yield Pdu(name="no such calling title", data=request("STRANGER"))
    within = {
        "a second request": sound, "an unknown kind": _head(0x42, 4) + b"oops", "noise as data": _data(bytes(range(200))),
        "an item longer than its PDU": _head(4, 10) + struct.pack(">LBB", 9_000, 1, 3) + bytes(4),
        "a context nobody agreed to": _head(4, 12) + struct.pack(">LBB", 8, 99, 3) + bytes(6),
        "a command that is none": _data(struct.pack("<HHL", 0, 0, 4) + b"\xff\xff\xff\xff"),
        "a command of 1 MiB": _data(bytes(1 << 19)) * 2, "a data set without a command": _data(b"x" * 40, control=2),
        "half a PDU": _head(4, 5_000) + bytes(100), "1 GiB said": _head(4, 1 << 30) + bytes(64),
    }  # fmt: skip
    for name, data in within.items():
        yield Pdu(name=f"within: {name}", data=data, is_after=True)


def _head(kind: int, length: int) -> bytes:
    return struct.pack(">BBL", kind, 0, length)


def _data(value: bytes, *, control: int = 3) -> bytes:
    item = struct.pack(">LBB", len(value) + 2, 1, control) + value
    return _head(4, len(item)) + item

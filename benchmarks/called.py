"""What `benchmarks.cases` says to the node: objects as they are, whatever they are, and bytes that are no PDU."""

import io
import re
import socket
from collections.abc import Iterable
from contextlib import suppress

from pydicom.uid import UID, AllTransferSyntaxes
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from benchmarks.weighed import SECONDS
from tests.cases import pdus
from tests.flows import small

_META_LENGTH = slice(140, 144)
_CT = "1.2.840.10008.5.1.4.1.1.2"


def store(port: int, data: bytes) -> tuple[int | None, str]:
    """Send the data set of a file as it is, under the syntax that its meta names; CT where it names no class."""
    syntax, sop_class, instance, start = _meta_of(data)
    ae = AE(ae_title=small.AE_TITLE)
    ae.add_requested_context(sop_class, syntax)
    line = ae.associate("127.0.0.1", port, ae_title="CORELAB")
    if not line.is_established:
        return None, ""
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = UID(sop_class), UID(instance)
    request.DataSet = io.BytesIO(data[start:] or b"\0")
    line._reactor_checkpoint.clear()  # noqa: SLF001  as the library does
    line.dimse.send_msg(request, line.accepted_contexts[0].context_id or 1)
    _context, answer = line.dimse.get_msg(block=True)
    line._reactor_checkpoint.set()  # noqa: SLF001  as above
    line.release()
    return (None, "") if answer is None else (answer.Status, str(answer.ErrorComment or ""))


def _meta_of(data: bytes) -> tuple[str, str, str, int]:
    syntax, sop_class, instance, start = "1.2.840.10008.1.2.1", _CT, "1.2.3.4", 0
    if data[128:132] == b"DICM":
        start = min(144 + int.from_bytes(data[_META_LENGTH], "little"), len(data))
        told = {data[at + 2 : at + 4]: _value_at(data, at) for at in _heads(data, start)}
        syntax = told.get(b"\x10\0") or syntax
        sop_class, instance = told.get(b"\x02\0") or sop_class, told.get(b"\x03\0") or instance
    known = UID(syntax) in AllTransferSyntaxes and re.fullmatch(r"[0-9.]{5,64}", sop_class)
    sound = instance if re.fullmatch(r"[0-9.]{1,64}", instance) else "1.2.3.4"
    return (syntax, sop_class, sound, start) if known else ("1.2.840.10008.1.2.1", _CT, sound, start)


def _heads(data: bytes, end: int) -> Iterable[int]:
    at = 132
    while at + 8 <= end and data[at : at + 2] == b"\x02\0":
        yield at
        is_long = data[at + 4 : at + 6] in {b"OB", b"UN"}
        length = int.from_bytes(data[at + 8 : at + 12] if is_long else data[at + 6 : at + 8], "little")
        at += (12 if is_long else 8) + length


def _value_at(data: bytes, at: int) -> str:
    length = int.from_bytes(data[at + 6 : at + 8], "little")
    return data[at + 8 : at + 8 + length].decode("ascii", "replace").strip("\0 ")


def say(port: int, one: pdus.Pdu) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS + 5) as line:
        if one.is_after:
            line.sendall(pdus.request(small.AE_TITLE))
            assert line.recv(4096)[:1] == b"\x02", "the association was not accepted"
        with suppress(OSError):
            line.sendall(one.data)
        answered = b""
        try:
            while piece := line.recv(4096):
                answered += piece
        except TimeoutError:
            return "open"
        except OSError:
            pass
    return {b"": "closed", b"\x03": "rejected", b"\x07": "aborted"}.get(answered[:1], f"PDU {answered[:1].hex()}")

"""Messages as bytes, against the library's own words for them, and an own upper layer against hostile fragments."""

import io
import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom.dimse_messages import C_STORE_RQ, C_STORE_RSP
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import decode

from deid import Rejected
from imaging.dicom_node import commands, messages
from imaging.dicom_node.commands import StoreRequest
from imaging.dicom_node.messages import Fragment, MalformedMessageError, Messages, Peer

UIDS = st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,9})){1,5}", fullmatch=True)
CONTEXT = 5


def request_bytes(*, message_id: int, sop_class: str, sop_instance: str) -> bytes:
    """A C-STORE-RQ as pynetdicom encodes it."""
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = message_id, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = sop_class, sop_instance
    primitive.DataSet = io.BytesIO(b"data set")
    return encoded(C_STORE_RQ(), primitive)


def encoded(message: Any, primitive: C_STORE) -> bytes:
    """The command set."""
    message.primitive_to_message(primitive)
    first = next(message.encode_msg(CONTEXT, 16_384))
    return bytes(first.presentation_data_value_list[0][1])[1:]


@pytest.mark.req("R-NODE-08")
@given(message_id=st.integers(0, 65_535), sop_class=UIDS, sop_instance=UIDS)
def test_a_request_is_read_and_answered_as_the_library_would(
    message_id: int, sop_class: str, sop_instance: str
) -> None:
    request = commands.read(request_bytes(message_id=message_id, sop_class=sop_class, sop_instance=sop_instance))
    assert request == StoreRequest(
        message_id=message_id, sop_class=sop_class, sop_instance=sop_instance, has_data_set=True
    )
    primitive = C_STORE()
    primitive.MessageIDBeingRespondedTo, primitive.Status = message_id, 0xA700
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = sop_class, sop_instance
    assert commands.answer(request, 0xA700) == encoded(C_STORE_RSP(), primitive)


@pytest.mark.req("R-NODE-08")
@given(sop_class=UIDS, sop_instance=UIDS)
def test_the_head_of_a_file_is_read_back_by_pydicom(sop_class: str, sop_instance: str) -> None:
    request = StoreRequest(message_id=1, sop_class=sop_class, sop_instance=sop_instance, has_data_set=True)
    found = pydicom.dcmread(io.BytesIO(commands.head(request, ExplicitVRLittleEndian))).file_meta
    assert found.MediaStorageSOPClassUID == sop_class
    assert found.MediaStorageSOPInstanceUID == sop_instance
    assert found.TransferSyntaxUID == ExplicitVRLittleEndian
    assert found.FileMetaInformationVersion == b"\0\1"
    assert found.FileMetaInformationGroupLength == len(commands.head(request, ExplicitVRLittleEndian)) - 144


@pytest.mark.req("R-NODE-08")
@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_a_value_error(command: bytes) -> None:
    try:
        found = commands.read(command)
    except ValueError:
        return
    assert found is None or commands.answer(found, 0)


class Taking:
    """A reception that keeps what it is given, and the messages that went on to the library."""

    def __init__(self) -> None:
        self.objects: list[bytes] = []
        self.refusals: list[str] = []
        self.status = 0
        self.forwarded: list[bytes] = []
        peer = Peer(
            syntaxes={CONTEXT: str(ExplicitVRLittleEndian)}.get,
            reception=lambda: self,  # type: ignore[arg-type, return-value]  # as far as messages know one
            forward=lambda _context_id, value: self.forwarded.append(value),
        )
        self.messages = Messages(peer)

    def take(self, sent: Iterable[Fragment]) -> list[bytes]:
        """The answers."""
        return [answer for fragment in sent if (answer := self.messages.take(fragment))]

    def begin(self, _head: bytes, *, status: int = 0) -> None:
        self.status = status
        self.objects.append(b"")

    def more(self, data: memoryview) -> None:
        self.objects[-1] += bytes(data)

    def refuse(self, refusal: Rejected) -> None:
        self.refusals.append(refusal.code)

    def end(self) -> int:
        return self.status


def fragments(value: bytes, *, is_command: bool, cuts: list[int], context_id: int = CONTEXT) -> Iterator[Fragment]:
    places = sorted({0, len(value), *(cut % (len(value) + 1) for cut in cuts)})
    for begin, end in pairwise(places):
        yield Fragment(context_id, is_command, end == len(value), memoryview(value)[begin:end])


COMMAND = request_bytes(message_id=3, sop_class=CTImageStorage, sop_instance="1.2.3")


@pytest.mark.req("R-NODE-08")
@given(st.binary(min_size=1, max_size=500), st.lists(st.integers(0, 500), max_size=6))
def test_however_a_message_is_cut_the_object_comes_whole_and_is_answered_once(data: bytes, cuts: list[int]) -> None:
    taking = Taking()
    whole = [*fragments(COMMAND, is_command=True, cuts=cuts), *fragments(data, is_command=False, cuts=cuts)]
    assert len(taking.take(whole * 2)) == 2
    assert taking.objects == [data, data]


@pytest.mark.req("R-NODE-09")
@pytest.mark.parametrize(
    "sent",
    [
        [Fragment(CONTEXT, False, True, memoryview(b"data without a command"))],
        [Fragment(CONTEXT, True, True, memoryview(b"no command"))],
        [Fragment(7, True, True, memoryview(COMMAND))],
        [Fragment(CONTEXT, True, True, memoryview(COMMAND)), Fragment(7, False, True, memoryview(b"x"))],
        [Fragment(CONTEXT, True, True, memoryview(COMMAND))] * 2,
        [Fragment(CONTEXT, True, False, memoryview(COMMAND)), Fragment(7, True, True, memoryview(b""))],
        [Fragment(CONTEXT, True, False, memoryview(bytes(60_000)))] * 2,
    ],
)
def test_fragments_out_of_order_end_the_association(sent: list[Fragment]) -> None:
    taking = Taking()
    with pytest.raises(MalformedMessageError):
        taking.take(sent)


@pytest.mark.req("R-NODE-09")
def test_a_request_without_a_uid_or_a_data_set_is_answered_that_it_is_not_understood() -> None:
    taking = Taking()
    unsound = COMMAND.replace(b"1.2.3\0", b"../../")
    taking.messages.take(Fragment(CONTEXT, True, True, memoryview(unsound)))
    answer: Any = decode(io.BytesIO(taking.messages.take(Fragment(CONTEXT, False, True, memoryview(b"x")))), True, True)
    assert (answer.Status, "AffectedSOPInstanceUID" in answer) == (0xC000, False)
    bare = COMMAND.replace(struct.pack("<HHLH", 0, 0x0800, 2, 1), struct.pack("<HHLH", 0, 0x0800, 2, 0x0101))
    answer = decode(io.BytesIO(taking.messages.take(Fragment(CONTEXT, True, True, memoryview(bare)))), True, True)
    assert answer.Status == 0xC000


@pytest.mark.req("R-NODE-09")
def test_what_is_not_to_be_stored_goes_on_to_the_library_and_may_not_be_long() -> None:
    taking = Taking()
    other = COMMAND.replace(struct.pack("<HHLH", 0, 0x0100, 2, 1), struct.pack("<HHLH", 0, 0x0100, 2, 0x20))
    taking.messages.take(Fragment(CONTEXT, True, True, memoryview(other)))
    taking.messages.take(Fragment(CONTEXT, False, True, memoryview(b"identifier")))
    assert taking.forwarded == [b"\3" + other, b"\2identifier"]
    taking.messages.take(Fragment(CONTEXT, True, True, memoryview(other)))
    with pytest.raises(MalformedMessageError):
        taking.take([Fragment(CONTEXT, False, False, memoryview(bytes(100_000)))] * 50)


@pytest.mark.req("R-NODE-09")
@given(st.binary(max_size=300))
def test_any_body_of_a_pdu_is_cut_within_itself_or_refused(body: bytes) -> None:
    try:
        found = list(messages.fragments(memoryview(body)))
    except MalformedMessageError:
        return
    assert sum(len(fragment.data) + 6 for fragment in found) == len(body)


@pytest.mark.req("R-NODE-08")
@given(st.binary(min_size=1, max_size=400), st.sampled_from([0, 8, 50, 16_384]))
def test_an_answer_is_cut_for_a_peer_who_takes_short_pdus(command: bytes, longest: int) -> None:
    told = b""
    for pdu in messages.pdus(CONTEXT, command, longest):
        assert not longest or len(pdu) - 6 <= longest
        (fragment,) = messages.fragments(memoryview(pdu)[6:])
        told += bytes(fragment.data)
    assert told == command
    assert fragment.is_last

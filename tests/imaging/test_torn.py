"""What the DICOM door does with an object that is torn: the sender hears it at once, in words, and the trail tells."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from pynetdicom.dsutils import decode

from audit.models import AuditEvent
from audit.selectors import history
from imaging.dicom_node import hearsay
from imaging.dicom_node.messages import WORDS, Fragment, Messages, Peer
from imaging.dicom_node.reception import Reception
from imaging.models import Call, IncomingFile
from imaging.services import lines
from imaging.services.doors import Caller
from tests.cases import bad, good
from tests.cast import Cast
from tests.imaging.reception import AtOnce, opened
from tests.wire.test_dicom_messages import CONTEXT, request_bytes

pytestmark = pytest.mark.django_db
EXPLICIT = "1.2.840.10008.1.2.1"


def stored(reception: Reception, data: bytes) -> Any:
    """The answer to the data set of a file, sent in fragments of 4 kB."""
    peer = Peer(syntaxes={CONTEXT: EXPLICIT}.get, reception=lambda: reception, forward=lambda _id, _value: None)
    messages = Messages(peer)
    command = request_bytes(message_id=1, sop_class="1.2.840.10008.5.1.4.1.1.2", sop_instance="1.2.3")
    messages.take(Fragment(CONTEXT, True, True, memoryview(command)))
    body, answer = data[144 + int.from_bytes(data[140:144], "little") :], b""
    for at in range(0, len(body), 4096):
        piece = memoryview(body)[at : at + 4096]
        answer = messages.take(Fragment(CONTEXT, False, at + 4096 >= len(body), piece))
    return decode(io.BytesIO(answer), True, True)


@pytest.mark.req("R-NODE-10")
def test_a_torn_object_is_not_acknowledged_and_the_next_is_taken(cast: Cast) -> None:
    reception = opened("ALBA_PACS", AtOnce())
    torn = [one for one in bad.objects() if one.kind == "torn" and one.name in {"one byte short", "half of the pixels"}]
    for one in torn:
        answer = stored(reception, one.data)
        assert (answer.Status, answer.ErrorComment) == (0xC000, WORDS["malformed"])
    short = next(one for one in bad.objects() if one.name == "half of the pixels, and it says so")
    assert (answer := stored(reception, short.data)).Status == 0xC000
    assert "Pixels" in answer.ErrorComment
    nameless = next(one for one in bad.objects() if one.name == "StudyInstanceUID: empty")
    assert "UID" in stored(reception, nameless.data).ErrorComment
    assert stored(reception, good.written(good.image("CT"))).Status == 0
    assert (reception.stored, reception.refused) == (1, 4)
    assert IncomingFile.objects.count() == 1


@pytest.mark.req("R-NODE-10")
def test_an_association_with_torn_objects_leaves_an_event_with_the_reasons(cast: Cast) -> None:
    told = {"The file is cut off. Send a new copy.": 3, "Pixels are missing.": 1}
    lines.note(ae_title="ALBA_PACS", address="127.0.0.1", result=Call.Result.PARTLY, stored=2, refused=4, reasons=told)
    (event,) = history(cast.site_a).filter(act="objects.refused")
    assert event.after == '{"objects":4,"source":"dicom"}'
    assert event.reason == " ".join(told)


@pytest.mark.req("R-NODE-10")
@pytest.mark.parametrize("words", [*WORDS.values()])
def test_a_reason_fits_into_an_error_comment(words: str) -> None:
    assert len(words) <= 64
    assert words.isascii()


@pytest.mark.req("R-NODE-11")
def test_a_caller_who_comes_to_nothing_leaves_one_event_a_minute(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearsay, "_noted", {})
    caller = SimpleNamespace(caller=Caller(address="192.0.2.7"), ae=SimpleNamespace(desk=AtOnce()))
    for _ in range(3):
        hearsay.tell_unheard(caller)
    (event,) = AuditEvent.objects.filter(act="line.refused")
    assert (event.object_id, event.actor_id) == ("192.0.2.7", "machine:dicom-node")
    assert "Nothing was taken" in event.reason

"""Storage commitment with foreign senders against the running product: pynetdicom and Debian's Orthanc."""

from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made while the module is loaded
    CTImageStorage,
    MRImageStorage,
    StorageCommitmentPushModel,
)

from tests.imaging.scans import ct_slice, to_bytes
from tests.stack import Stack, free_port, wait_until
from tests.wire import vega as stage
from tests.wire.committing import Sender, ask, question
from tests.wire.orthanc import speaking
from tests.wire.vega import Vega

MODEL = StorageCommitmentPushModel
SUCCESS, NO_SUCH_OBJECT, CLASS_CONFLICT = 0x0000, 0x0112, 0x0119
PATIENCE = 60


@pytest.fixture(scope="module")
def vega(stack: Stack) -> Vega:
    return stage.found(stack)


@pytest.mark.req("R-COMMIT-01", "R-COMMIT-02")
def test_what_lies_in_the_quarantine_is_committed_on_the_line_that_asked_and_what_never_came_is_not(vega: Vega) -> None:
    sent, sender = [ct_slice(number, seed="kept") for number in range(3)], Sender(vega.stack)
    never = generate_uid()
    with sender.line() as line:
        assert {line.send_c_store(one).Status for one in sent} == {SUCCESS}
        asked = question(
            (CTImageStorage, sent[0].SOPInstanceUID),
            (CTImageStorage, sent[1].SOPInstanceUID),
            (MRImageStorage, sent[2].SOPInstanceUID),
            (CTImageStorage, never),
        )
        assert ask(line, asked) == SUCCESS
        assert sender.came.wait(PATIENCE)
        # The line still stores.
        assert line.send_c_store(ct_slice(4, seed="kept")).Status == SUCCESS
    assert (sender.event, sender.report.TransactionUID) == (2, asked.TransactionUID)
    assert sender.kept == {sent[0].SOPInstanceUID, sent[1].SOPInstanceUID}
    assert sender.lacking == {sent[2].SOPInstanceUID: CLASS_CONFLICT, never: NO_SUCH_OBJECT}
    told = vega.tell("told('storage.committed')")[-1]
    assert told == told | {"asked": 4, "kept": 2, "told": "the same association", "for": stage.SENDER}


@pytest.mark.req("R-COMMIT-03")
def test_what_was_filed_under_another_name_is_committed_under_the_name_it_was_sent_by(vega: Vega) -> None:
    sender = Sender(vega.stack)
    with sender.line() as line:
        named = [(CTImageStorage, str(ct_slice(number, seed="vega").SOPInstanceUID)) for number in range(stage.SLICES)]
        assert ask(line, question(*named)) == SUCCESS
        assert sender.came.wait(PATIENCE)
    assert (sender.event, sender.kept, sender.lacking) == (1, {uid for _name, uid in named}, {})


@pytest.mark.req("R-COMMIT-04")
def test_a_request_that_cannot_be_taken_up_gets_a_status_that_says_why(vega: Vega) -> None:
    vega.tell("tool('VEGA_ASKS')")
    empty, nameless = question(), question(("", "1.2.3"))
    with Sender(vega.stack).line() as line:
        assert ask(line, question((CTImageStorage, "1.2.3")), action=2) == 0x0123
        assert ask(line, question((CTImageStorage, "1.2.3")), instance="1.2.3.4") == NO_SUCH_OBJECT
        assert ask(line, None) == 0x0114
        assert ask(line, empty) == 0x0114
        assert ask(line, nameless) == 0x0115
    # A tool of the core laboratory sent nothing.
    with Sender(vega.stack, name="VEGA_ASKS").line() as line:
        assert ask(line, question((CTImageStorage, "1.2.3"))) == 0x0124


@pytest.mark.req("R-COMMIT-05")
def test_a_sender_that_hangs_up_is_called_where_it_listens(vega: Vega) -> None:
    port, sender = free_port(), Sender(vega.stack)
    vega.tell(f"listen({port})")
    ae = AE(ae_title=stage.SENDER)
    ae.add_supported_context(MODEL, scu_role=True, scp_role=True)
    listening: Any = ae.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, sender.take)]
    )
    try:
        named = (CTImageStorage, str(ct_slice(0, seed="vega").SOPInstanceUID))
        deaf = Sender(vega.stack)
        with deaf.line() as line:
            assert ask(line, question(named)) == SUCCESS
            line.abort()
        assert sender.came.wait(PATIENCE)
    finally:
        listening.shutdown()
        vega.tell("listen(None)")
    assert (sender.event, sender.kept) == (1, {named[1]})


@pytest.mark.req("R-COMMIT-06")
def test_orthanc_stores_asks_and_is_told_that_all_is_kept(vega: Vega, tmp_path: Path) -> None:
    port = free_port()
    vega.tell(f"listen({port})")
    try:
        with speaking(tmp_path, ae_title=stage.SENDER, port=port, peer=vega.stack.dicom_port) as orthanc:
            held = [orthanc.post("/instances", to_bytes(ct_slice(n, seed="orthanc-commits")))["ID"] for n in range(4)]
            told = orthanc.post(
                "/modalities/corelab/store", {"Resources": held, "StorageCommitment": True, "Synchronous": True}
            )
            address = f"/storage-commitment/{told['StorageCommitmentTransactionUID']}"
            wait_until(lambda: orthanc.get(address)["Status"] != "Pending", seconds=PATIENCE)
            report = orthanc.get(address)
            assert report["Status"] == "Success", report
            assert len(report["Success"]) == len(held)
    finally:
        vega.tell("listen(None)")

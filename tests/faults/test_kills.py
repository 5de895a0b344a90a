"""Node, web, worker, database and broker are killed while senders store: nothing acknowledged is lost."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage  # type: ignore[attr-defined]  # made while loading

from tests.faults.lab import NODE, WEB, WORKER, Lab
from tests.faults.load import Ledger, Load, wait_for_more
from tests.faults.test_writes import fresh
from tests.flows import small
from tests.stack import free_port
from tests.wire.committing import MODEL, SUCCESS, Sender, ask, question

# The same moments in every run; the long form (`make soak`) chooses its own.
SEED = 20261122


@pytest.mark.req("R-FAULT-01", "R-FAULT-02")
def test_whatever_is_killed_under_load_nothing_acknowledged_is_lost_and_nothing_stays_without_a_row(hurt: Lab) -> None:
    moments, ledger = random.Random(SEED), Ledger()  # noqa: S311  moments, no secrets
    print(f"moments by seed {SEED}")  # noqa: T201  shown where the test fails
    with Load(hurt, ledger).running():
        wait_for_more(hurt, ledger)
        for victim in (NODE, WEB, WORKER):
            time.sleep(moments.uniform(0.1, 1.0))
            hurt.fell(victim)
            wait_for_more(hurt, ledger)
        time.sleep(moments.uniform(0.1, 1.0))
        hurt.cut_power()
    hurt.start()
    count = hurt.count()
    assert (count.orphans, count.files - count.told) == (0, 0)
    assert count.files >= len(ledger.acknowledged)
    assert hurt.lacking(ledger.acknowledged) == set()


@contextmanager
def listening(port: int, sender: Sender) -> Iterator[None]:
    ae = AE(ae_title=small.AE_TITLE)
    ae.add_supported_context(MODEL, scu_role=True, scp_role=True)
    handlers: Any = [(evt.EVT_N_EVENT_REPORT, sender.take)]
    server: Any = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    yield
    server.shutdown()


@pytest.mark.req("R-COMMIT-07")
def test_a_node_that_is_killed_before_its_report_keeps_its_promise_once_it_is_back(hurt: Lab) -> None:
    port, one, sender = free_port(), fresh(), Sender(hurt.stack, small.AE_TITLE)
    hurt.told(f"reckoning.listen({port}); print()")
    with sender.line() as line:
        assert line.send_c_store(one).Status == SUCCESS
        assert ask(line, asked := question((CTImageStorage, str(one.SOPInstanceUID)))) == SUCCESS
        # Nobody listens yet, so the node goes on trying where the sender has its port.
        line.abort()
    hurt.kill(NODE)
    assert not sender.came.is_set()
    with listening(port, sender):
        assert sender.came.wait(60)
    assert (sender.report.TransactionUID, sender.kept) == (asked.TransactionUID, {str(one.SOPInstanceUID)})
    hurt.stack.wait(lambda: not list((hurt.home / "promises").iterdir()))

"""Database and broker are killed and emptied while senders store: refused meanwhile, taken again by itself, none lost."""

import pytest

from tests.faults.lab import Lab, hang_up
from tests.faults.load import Ledger, Load, wait_for_more
from tests.faults.servers import Broker, Database
from tests.faults.test_writes import OUT_OF_RESOURCES, SUCCESS, fresh


@pytest.fixture
def database(hurt: Lab) -> Database:
    assert hurt.database
    return hurt.database


@pytest.fixture
def broker(hurt: Lab) -> Broker:
    assert hurt.broker
    return hurt.broker


@pytest.mark.req("R-FAULT-05")
def test_without_a_database_nothing_is_acknowledged_and_with_it_all_goes_on(hurt: Lab, database: Database) -> None:
    ledger, line = Ledger(), hurt.associate()
    assert line.send_c_store(fresh()).Status == SUCCESS
    with Load(hurt, ledger).running():
        wait_for_more(hurt, ledger)
        database.kill()
        assert line.send_c_store(fresh()).Status == OUT_OF_RESOURCES
        database.rise()
        wait_for_more(hurt, ledger)
    hang_up(line)
    count = hurt.count()
    assert count.files == count.told
    assert hurt.lacking(ledger.acknowledged) == set()


@pytest.mark.req("R-FAULT-06")
def test_a_broker_that_dies_or_forgets_keeps_nobody_from_sending_and_no_delivery_stands(
    hurt: Lab, broker: Broker
) -> None:
    ledger = Ledger()
    with Load(hurt, ledger, over_dicom=1, named_every=10).running():
        wait_for_more(hurt, ledger)
        broker.flush()
        wait_for_more(hurt, ledger)
        broker.kill()
        wait_for_more(hurt, ledger)
        broker.rise()
        wait_for_more(hurt, ledger)
    assert hurt.lacking(ledger.acknowledged) == set()
    hurt.stack.wait(lambda: hurt.count().standing == 0)

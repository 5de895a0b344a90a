"""A signature that was refused leaves an event, although everything around it is taken back."""

import time

import pytest

from audit import services
from audit.models import AuditEvent, Signature
from audit.services import PasswordRefused, record
from tests.cast import PASSWORD, Cast, actor_for
from trials.models import Charter
from trials.services import charters, sign_in

pytestmark = pytest.mark.django_db
WRONG = "eight loud otters"


@pytest.fixture
def draft(cast: Cast) -> Charter:
    return charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="a new scanner")


def fail(cast: Cast, draft: Charter, times: int) -> None:
    for _ in range(times):
        with pytest.raises(PasswordRefused, match="not your password"):
            charters.approve(by=actor_for(cast.coordinator), charter=draft, password=WRONG)


@pytest.mark.req("R-AUD-05")
def test_a_wrong_password_under_a_record_leaves_an_event_and_nothing_else(cast: Cast, draft: Charter) -> None:
    signatures = Signature.objects.count()
    fail(cast, draft, 1)
    event = AuditEvent.objects.get(act="signature.failed")
    assert (event.actor_id, event.role, event.trial_code) == ("clara", "coordinator", "TUNDRA")
    assert (event.object_type, event.object_id) == ("trials.Charter", str(draft.pk))
    assert WRONG not in "".join(str(value) for value in vars(event).values())
    assert Signature.objects.count() == signatures
    assert Charter.objects.get(pk=draft.pk).state == Charter.State.DRAFT


@pytest.mark.req("R-AUD-06")
def test_after_five_wrong_passwords_not_even_the_right_one_signs(cast: Cast, draft: Charter) -> None:
    fail(cast, draft, 5)
    by = actor_for(cast.coordinator)
    with pytest.raises(PasswordRefused, match="Wait 15 minutes") as refusal:
        charters.approve(by=by, charter=draft, password=PASSWORD)
    assert refusal.value.code == "too-many-tries"
    assert AuditEvent.objects.get(act="signature.locked").object_id == str(draft.pk)
    assert sign_in.identify(username="clara", password=PASSWORD, request_id="request-0001") is None


@pytest.mark.req("R-AUD-06")
def test_wrong_tries_at_the_door_count_under_records_too_and_those_of_others_do_not(cast: Cast, draft: Charter) -> None:
    for name in ("clara",) * 4 + ("alba",) * 4:
        assert sign_in.identify(username=name, password=WRONG, request_id="request-0001") is None
    fail(cast, draft, 1)
    with pytest.raises(PasswordRefused, match="Wait 15 minutes"):
        charters.approve(by=actor_for(cast.coordinator), charter=draft, password=PASSWORD)


@pytest.mark.req("R-AUD-07")
def test_the_time_of_an_event_is_taken_when_its_place_in_the_chain_is_sure(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[float] = []

    def wait_for_the_chain() -> str:
        found = locked()
        held.append(time.time())
        return found

    locked = services._head_locked
    monkeypatch.setattr(services, "_head_locked", wait_for_the_chain)
    event = record(by=actor_for(cast.coordinator).acting_as("coordinator"), act="x.done", obj=cast.trial)
    assert event.at.timestamp() >= held[0]

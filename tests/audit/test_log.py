"""The meaning layer: one act a step, by somebody, in the transaction of the act, kept as it was written."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction

from audit.actor import machine
from audit.models import AuditEvent
from audit.services import record
from tests.cast import Cast, actor_for

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-AUD-01")
def test_every_step_of_founding_a_trial_left_an_event_with_actor_role_and_request(cast: Cast) -> None:
    events = AuditEvent.objects.filter(trial_code="TUNDRA", layer="act")
    acts = list(events.values_list("act", flat=True))
    assert acts[0] == "trial.created"
    assert {
        "charter.approved",
        "record.signed",
        "trial.opened",
        "site.added",
        "role.granted",
        "consent.given",
    } <= set(acts)
    assert not events.filter(role="").exists()
    assert set(events.values_list("request_id", flat=True)) == {"test-request"}


@pytest.mark.req("R-AUD-02")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_auditevent SET reason = 'x'",
        "UPDATE audit_auditevent SET object_label = '', before = '', after = '', reason = ''",
        "DELETE FROM audit_auditevent",
        "DELETE FROM trials_consent",
    ],
)
def test_the_database_refuses_to_change_evidence(cast: Cast, owner: None, sql: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEvent.objects.exists()


@pytest.mark.req("R-AUD-01")
def test_nobody_writes_no_event(cast: Cast) -> None:
    nobody = machine("", source="test", request_id="r").acting_as("")
    with pytest.raises(ValidationError, match="Nobody acts"):
        record(by=nobody, act="x", obj=cast.trial)


@pytest.mark.req("R-AUD-07")
def test_an_event_keeps_the_clock_of_who_acted_and_that_of_the_database(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)
    monkeypatch.setattr("audit.services.timezone.now", lambda: early)
    event = record(by=actor_for(cast.coordinator).acting_as("coordinator"), act="x.done", obj=cast.trial)
    event.refresh_from_db()
    assert event.at == early
    assert event.stored_at.year > 2020

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from audit import guards, selectors
from audit.actor import machine
from audit.models import AuditEvent
from audit.services import record
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-AUD-01")
def test_every_step_of_founding_a_trial_left_an_event_with_actor_role_and_request(cast: Cast) -> None:
    acts = list(AuditEvent.objects.filter(trial_code="TUNDRA").values_list("act", flat=True))
    assert acts[0] == "trial.created"
    assert {
        "charter.approved",
        "record.signed",
        "trial.opened",
        "site.added",
        "role.granted",
        "consent.given",
    } <= set(acts)
    assert not AuditEvent.objects.filter(role="").exists()
    assert set(AuditEvent.objects.values_list("request_id", flat=True)) == {"test-request"}


@pytest.mark.req("R-AUD-02")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_auditevent SET reason = 'x'",
        "DELETE FROM audit_auditevent",
        "DELETE FROM trials_consent",
    ],
)
def test_the_database_refuses_to_change_evidence(cast: Cast, sql: str) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert AuditEvent.objects.exists()


@pytest.mark.req("R-AUD-03")
def test_a_good_log_verifies_and_the_command_says_so(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_audit")
    assert "audit log holds" in capsys.readouterr().out


@pytest.mark.req("R-AUD-03")
@pytest.mark.parametrize(
    ("tampering", "word"),
    [
        ("UPDATE audit_auditevent SET reason = 'forged' WHERE sequence = {middle}", "edited"),
        ("DELETE FROM audit_auditevent WHERE sequence = {middle}", "deleted, inserted or moved"),
        (
            "UPDATE audit_auditevent SET sequence = 999999 WHERE sequence = {middle}",
            "deleted, inserted or moved",
        ),
    ],
)
def test_verify_names_the_first_bad_record(cast: Cast, tampering: str, word: str) -> None:
    sequences = list(AuditEvent.objects.values_list("sequence", flat=True))
    middle = sequences[len(sequences) // 2]
    with connection.cursor() as cursor:
        guards.remove(cursor.execute, vendor=connection.vendor, table="audit_auditevent")
        cursor.execute(tampering.format(middle=middle))
    fault = selectors.verify()
    assert fault is not None
    assert fault.sequence in (middle, middle + 1)
    with pytest.raises(CommandError, match=word):
        call_command("verify_audit")


@pytest.mark.req("R-AUD-01")
def test_nobody_writes_no_event(cast: Cast) -> None:
    nobody = machine("", source="test", request_id="r").acting_as("")
    with pytest.raises(ValidationError, match="Nobody acts"):
        record(by=nobody, act="x", obj=cast.trial)

"""Secondary use: under a permit, under its own ids, of those alone who agree now."""

import datetime as dt
import io
import json
import zipfile
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy.models import Permit, Request
from privacy.selectors import secondary_subjects
from privacy.services import pseudonyms, recipients, requests, secondary
from reports.services import take_results
from tests.cast import TODAY, Cast, actor_for, give, withdraw
from tests.privacy.conftest import wish
from tests.reports.rows import GROWN, HALVED, write_reads
from trials.agreement import Level
from trials.models import ConsentForm, Disclosure, Subject

pytestmark = pytest.mark.django_db


@pytest.fixture
def permit(cast: Cast) -> Permit:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    write_reads(cast, cast.subject_b, reader=cast.reader, told=GROWN, best="PD")
    return permitted(cast, "EHDS-1")


def permitted(cast: Cast, number: str) -> Permit:
    return secondary.add_permit(
        by=actor_for(cast.coordinator),
        trial=cast.trial,
        number=number,
        recipient=f"Institute {number}",
        purpose="a better nadir",
        valid_until=TODAY + dt.timedelta(days=30),
    )


def rows(made: secondary.Export) -> dict[str, object]:
    return {row["id"]: row for row in map(json.loads, made.data.splitlines())}


@pytest.mark.req("R-PRIV-14")
def test_it_tells_results_under_ids_that_differ_by_permit_and_nothing_that_joins(cast: Cast, permit: Permit) -> None:
    by = actor_for(cast.coordinator)
    first, again = (secondary.export(by=by, permit=permit) for _ in range(2))
    other = secondary.export(by=by, permit=permitted(cast, "EHDS-2"))
    assert rows(first) == rows(again)
    assert len(rows(first)) == 2
    assert not set(rows(first)) & set(rows(other))
    text = first.data.decode()
    banned = (cast.subject_a.code, cast.subject_b.code, "alba", "1.2.826", "1.3.6", "sha256", str(TODAY))
    assert [word for word in banned if word in text] == []
    assert "31.5" in text


@pytest.mark.req("R-PRIV-14")
def test_manifest_and_ledger_name_permit_purpose_module_subjects_and_hash(cast: Cast, permit: Permit) -> None:
    made = secondary.export(by=actor_for(cast.coordinator), permit=permit)
    manifest = json.loads(made.manifest)
    assert (manifest["permit"], manifest["module"], manifest["subjects"]) == ("EHDS-1", "secondary", 2)
    line = Disclosure.objects.get(kind="secondary")
    assert (line.sha256, line.permit, line.recipient) == (made.sha256, "EHDS-1", "Institute EHDS-1")
    assert line.modules == ["secondary"]
    assert set(line.codes) == {cast.subject_a.code, cast.subject_b.code}


@pytest.mark.req("R-CONS-18", "R-PRIV-14")
def test_a_recall_names_a_subject_to_each_recipient_by_the_id_that_is_known_there_alone(
    cast: Cast, permit: Permit
) -> None:
    by = actor_for(cast.coordinator)
    take_results(by=actor_for(cast.sponsor), trial=cast.trial)
    first, other = (secondary.export(by=by, permit=each) for each in (permit, permitted(cast, "EHDS-2")))
    withdraw(cast.alba, cast.subject_a, Level.W4)
    sponsor, *research = recipients.notices(cast.subject_a)
    assert [one.what for one in sponsor.recipients] == ["results as they stood"]
    assert cast.subject_a.code in sponsor.text
    for notice, made, name in zip(research, (first, other), ("EHDS-1", "EHDS-2"), strict=True):
        assert [one.name for one in notice.recipients] == [f"Institute {name}"]
        own = pseudonyms.id_of(Permit.objects.get(number=name), cast.subject_a)
        assert own in rows(made)
        assert own in notice.text
        assert cast.subject_a.code not in notice.text


@pytest.mark.req("R-PRIV-14", "R-CONS-07")
def test_under_w3_results_go_out_with_level_and_study_day_and_under_w4_not_at_all(cast: Cast, permit: Permit) -> None:
    by = actor_for(cast.coordinator)
    assert {row["withdrawn"] for row in map(json.loads, secondary.export(by=by, permit=permit).data.splitlines())} == {
        None
    }
    withdraw(cast.alba, cast.subject_a, Level.W3)
    told = [json.loads(line) for line in secondary.export(by=by, permit=permit).data.splitlines()]
    day = (TODAY - cast.subject_a.day_zero).days
    assert [row["withdrawn"] for row in told if row["withdrawn"]] == [{"level": "W3", "day": day}]
    assert len(told) == 2
    withdraw(cast.alba, cast.subject_a, Level.W4)
    (left,) = (json.loads(line) for line in secondary.export(by=by, permit=permit).data.splitlines())
    assert left["withdrawn"] is None


def opt_out(cast: Cast, subject: Subject, kind: Request.Kind = Request.Kind.OPT_OUT) -> Request:
    return requests.receive(by=actor_for(cast.officer), subject=subject, kind=kind, received_on=TODAY)


@pytest.mark.req("R-PRIV-15")
@pytest.mark.parametrize("kind", [Request.Kind.OPT_OUT, Request.Kind.OBJECTION, Request.Kind.RESTRICTION])
def test_an_opt_out_counts_from_its_recording_until_it_is_refused(cast: Cast, kind: Request.Kind) -> None:
    assert secondary_subjects(cast.trial) == sorted([cast.subject_a, cast.subject_b], key=lambda one: one.code)
    asked = opt_out(cast, cast.subject_a, kind)
    assert secondary_subjects(cast.trial) == [cast.subject_b]
    by = actor_for(cast.officer)
    requests.answer(by=by, request=asked, state=Request.State.GRANTED, words="yes")
    assert secondary_subjects(cast.trial) == [cast.subject_b]
    again = opt_out(cast, cast.subject_a, kind)
    requests.answer(by=by, request=again, state=Request.State.WITHDRAWN, words="taken back")
    assert secondary_subjects(cast.trial) == [cast.subject_b]


@pytest.mark.req("R-PRIV-15")
def test_withdrawn_unagreed_and_erased_subjects_are_left_out(cast: Cast, permit: Permit, erase: object) -> None:
    without = tuple(scope for scope in ConsentForm.Scope.values if scope != ConsentForm.Scope.SECONDARY)
    give(cast.alba, cast.monitor, cast.subject_a, cast.form, scopes=without)
    assert secondary_subjects(cast.trial) == [cast.subject_b]
    erase(cast.subject_b, reason=wish().reason)  # type: ignore[operator]  # a fixture's function
    made = secondary.export(by=actor_for(cast.coordinator), permit=permit)
    assert (made.count, made.data) == (0, b"")


@pytest.mark.req("R-PRIV-15")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(st.tuples(st.sampled_from(Request.Kind.values), st.sampled_from(Request.State.values)), max_size=4)
)
def test_whatever_was_asked_and_answered_no_standing_opt_out_is_passed_over(
    cast: Cast, told: list[tuple[str, str]]
) -> None:
    Request.objects.filter(subject=cast.subject_a).delete()
    for kind, state in told:
        is_open = state == Request.State.OPEN
        Request.objects.create(
            subject=cast.subject_a,
            kind=kind,
            state=state,
            received_on=TODAY,
            due_on=TODAY,
            answer="" if is_open else "told",
            answered_at=None if is_open else dt.datetime.now(dt.UTC),
            recorded_by="dora",
            recorded_at=dt.datetime.now(dt.UTC),
        )
    stops = {"opt-out", "objection", "restriction"}
    stands = any(kind in stops and state not in {"refused", "withdrawn"} for kind, state in told)
    assert (cast.subject_a in secondary_subjects(cast.trial)) is not stands


@pytest.mark.req("R-PRIV-14")
def test_no_permit_no_export_and_only_the_coordinator_hands_out(
    cast: Cast, permit: Permit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match="no permit"):
        call_command("secondary_export", "TUNDRA", permit="EHDS-9", out=tmp_path)
    with pytest.raises(PermissionDenied):
        secondary.export(by=actor_for(cast.officer), permit=permit)
    call_command("secondary_export", "TUNDRA", permit="EHDS-1", out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "subjects.jsonl"]
    monkeypatch.setattr("django.utils.timezone.localdate", lambda **_zone: TODAY + dt.timedelta(days=31))
    with pytest.raises(ValidationError) as over:
        secondary.export(by=actor_for(cast.coordinator), permit=permit)
    assert over.value.code == "over"


@pytest.mark.req("R-PRIV-14")
def test_the_page_counts_who_may_be_told_of_records_a_permit_and_exports(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    address = "/trials/TUNDRA/privacy/secondary/"
    opt_out(cast, cast.subject_a)
    assert "1 of 2 subjects" in client.get(address).content.decode()
    told = {"number": "N1", "recipient": "Institute", "purpose": "nadir", "valid_until": str(TODAY)}
    assert client.post(address, told | {"valid_until": "2020-01-01"}).status_code == 400
    assert client.post(address, told).status_code == 302
    answer = client.post(f"{address}{Permit.objects.get().pk}/export/")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["subjects.jsonl", "manifest.json"]

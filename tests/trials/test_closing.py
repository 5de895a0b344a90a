"""Closing a trial's data for edits, and opening them again: signed, reasoned, by two people, for a time (C09)."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, OperationalError, connection, transaction
from django.http import Http404
from django.test import Client

from audit.context import acting
from audit.models import AuditEvent
from audit.selectors import signatures
from audit.signing import SignatureRefused
from endpoints.models import Lesion
from endpoints.services import assignments, lesions, reads
from endpoints.services.lesions import NewLesion
from imaging.models import QCDecision, Submission
from imaging.services import doors, submissions
from reports import services as reports
from tests.cast import TODAY, Cast, actor_for, add_site, found_trial, new_consent, withdraw
from tests.imaging.scans import ct_series, drive, send
from tests.people import STAGE
from tests.signing import decide, prove
from tests.signpage import sign
from trials import access, closures
from trials.closures import EDITS
from trials.models import Closure, Restriction, Subject, User
from trials.roles import TABLE, Act, Role
from trials.services import charters, closing, corrections, restriction, subjects
from trials.services.closing import Step

pytestmark = pytest.mark.django_db
Kind = Closure.Kind
ADDRESS = "/trials/TUNDRA/closing/"


def step(cast: Cast, who: User, kind: Closure.Kind, **told: Any) -> Closure:
    by, other = actor_for(who), told.pop("proof", {})
    new = Step(**({"kind": kind, "reason": "final analysis"} | told))
    offered = closing.offer_step(by=by, trial=cast.trial, step=new)
    return closing.take_step(by=by, trial=cast.trial, step=new, proof=prove(by, offered, **other))


def close(cast: Cast) -> Closure:
    return step(cast, cast.coordinator, Kind.CLOSED, cut_off=TODAY)


def reopen(cast: Cast, hours: int = 2) -> Closure:
    step(cast, cast.coordinator, Kind.ASKED, hours=hours, reason="a date was mistyped")
    return step(cast, cast.administrator, Kind.OPENED, reason="agreed")


def code_of(call: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        call()
    return str(refused.value.code)


@pytest.mark.req("R-LOCK-01")
def test_closing_is_signed_and_says_how_far_the_data_had_come(cast: Cast) -> None:
    made = close(cast)
    (signature,) = signatures(made)
    assert (signature.signer_id, signature.record_sha256) == (cast.coordinator.username, made.record_sha256)
    assert '"time_points":{"expected":6}' in signature.contents
    event = AuditEvent.objects.get(act="data.closed")
    assert (event.reason, event.trial_code) == ("final analysis", "TUNDRA")
    assert closures.is_closed(cast.trial.pk)


@pytest.mark.req("R-LOCK-01")
def test_closing_without_reason_or_with_a_day_to_come_or_twice_is_refused(cast: Cast) -> None:
    tomorrow = TODAY + dt.timedelta(days=2)
    assert code_of(lambda: step(cast, cast.coordinator, Kind.CLOSED, cut_off=tomorrow)) == "date"
    assert code_of(lambda: step(cast, cast.coordinator, Kind.CLOSED, cut_off=TODAY, reason=" ")) == "no-reason"
    with pytest.raises(SignatureRefused):
        step(cast, cast.coordinator, Kind.CLOSED, cut_off=TODAY, proof={"password": "wrong"})
    assert not closures.is_closed(cast.trial.pk)
    close(cast)
    assert code_of(lambda: close(cast)) == "wrong-state"


@pytest.mark.req("R-LOCK-02")
def test_every_edit_by_a_person_is_refused_once_data_are_closed(cast: Cast, filed: Submission) -> None:
    people = {"coordinator", "alba", "analyst", "data_manager"}
    close(cast)
    for who in people:
        actor = actor_for(getattr(cast, who))
        assert not access.acts_in(actor, cast.trial) & EDITS
        for act in EDITS:
            assert access.may(actor, act, filed.time_point or cast.trial) is None
    with pytest.raises(access.EditRefused, match="closed for edits"):
        subjects.register(
            by=actor_for(cast.alba), trial_site=cast.site_a, day_zero=TODAY, consent=new_consent(cast.form)
        )
    with pytest.raises(access.EditRefused):
        charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="later")
    assert filed.time_point is not None
    with pytest.raises(access.EditRefused):
        decide(cast.analyst, filed.time_point, QCDecision.Verdict.ACCEPTED)
    assert Subject.objects.filter(trial_site__trial=cast.trial).count() == 2


@pytest.mark.req("R-LOCK-02")
def test_no_right_that_changes_data_is_forgotten_among_the_edits() -> None:
    """A new act that changes something must be sorted: an edit, or one of those that go on with a ground."""
    looking = {act for act in Act if act.endswith((".view", ".name", ".own", ".oversee", ".site", ".veiled"))}
    go_on = {
        "read.perform",  # a reader may look at own locked reads; what it writes is refused by the services
        "consent.record", "consent.check", "subject.restrict", "destruction.decide", "submission.discard",
        "quarantine.decide",
        "request.handle", "erasure.decide", "breach.handle", "identity.record", "identity.unlock",
        "member.grant", "access.review", "sending.grant", "tool.grant", "tool.use", "trail.review", "trail.mask",
        "report.build", "secondary.export", "arm.record", "unblinding.record", "unblinding.decide",
        "data.close", "data.open",
    }  # fmt: skip
    assert {str(act) for act in set(Act) - looking - EDITS} == go_on


@pytest.mark.req("R-LOCK-02")
def test_a_draft_read_is_not_written_on_and_no_case_is_opened_once_data_are_closed(
    cast: Cast, filed: Submission
) -> None:
    assert filed.time_point is not None
    decide(cast.analyst, filed.time_point, QCDecision.Verdict.ACCEPTED)
    by = actor_for(cast.reader)
    given = assignments.assign(by=actor_for(cast.coordinator), time_point=filed.time_point, reader=cast.reader)
    other = assignments.assign(by=actor_for(cast.coordinator), time_point=filed.time_point, reader=cast.second_reader)
    read = reads.open_read(by=by, assignment=given)
    close(cast)
    new = NewLesion(kind=Lesion.Kind.TARGET, organ="liver", is_node=False)
    assert code_of(lambda: lesions.add_lesion(by=by, read=read, new=new)) == "closed"
    assert code_of(lambda: reads.open_read(by=actor_for(cast.second_reader), assignment=other)) == "closed"
    assert reads.open_read(by=by, assignment=given) == read


@pytest.mark.req("R-LOCK-02")
def test_what_is_on_its_way_is_not_filed_and_machines_meet_a_closed_door(cast: Cast) -> None:
    on_way = send(cast.alba, cast.subject_a.time_points.get(scheduled__code="BL"), ct_series())
    assert doors.sender("ALBA_PACS") == cast.site_a
    close(cast)
    assert doors.sender("ALBA_PACS") is None
    assert not doors.is_open(cast.site_a)
    after = drive(on_way)
    assert after.state == Submission.State.QUARANTINED
    assert "closed for edits" in after.refusal
    with pytest.raises(access.EditRefused):
        submissions.start(by=actor_for(cast.alba), time_point=cast.subject_a.time_points.earliest("due_on"))


@pytest.mark.req("R-LOCK-02")
def test_what_the_law_lets_a_person_demand_and_reports_go_on(cast: Cast) -> None:
    close(cast)
    by = actor_for(cast.officer)
    restriction.restrict(by=by, subject=cast.subject_b, ground=Restriction.Ground.CLAIMS, reason="a claim")
    withdraw(cast.alba, cast.subject_a)
    cast.subject_a.refresh_from_db()
    assert cast.subject_a.state == Subject.State.WITHDRAWN
    assert reports.build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY).number == 1


@pytest.mark.req("R-LOCK-03")
def test_a_refused_edit_leaves_an_event_and_a_sentence_by_page_and_by_script(cast: Cast, client: Client) -> None:
    close(cast)
    client.force_login(cast.coordinator)
    page = client.post("/trials/TUNDRA/correct/", {"title": "Another", "reason": "typo"})
    assert page.status_code == 403
    assert "closed for edits" in page.content.decode()
    answer = client.patch("/api/trials/TUNDRA/", {"title": "X", "reason": "y"}, content_type="application/json")
    assert answer.status_code == 403
    assert "closed for edits" in answer.json()["detail"]
    told = AuditEvent.objects.filter(act="edit.refused", trial_code="TUNDRA").order_by("sequence")
    assert [(event.actor_id, event.after) for event in told] == [
        (cast.coordinator.username, '{"act":"trial.edit"}'),
        (cast.coordinator.username, '{"act":"trial.edit"}'),
    ]
    cast.trial.refresh_from_db()
    assert cast.trial.title == "The TUNDRA trial"


@pytest.mark.req("R-LOCK-04")
def test_opening_again_takes_a_reason_two_people_and_ends_by_itself(cast: Cast) -> None:
    close(cast)
    assert code_of(lambda: step(cast, cast.administrator, Kind.OPENED)) == "wrong-state"
    assert code_of(lambda: step(cast, cast.coordinator, Kind.ASKED, hours=closing.LONGEST_HOURS + 1)) == "hours"
    step(cast, cast.coordinator, Kind.ASKED, hours=2, reason="a date was mistyped")
    assert closures.is_closed(cast.trial.pk)
    assert code_of(lambda: step(cast, cast.coordinator, Kind.OPENED)) == "same-person"
    made = step(cast, cast.data_manager, Kind.OPENED, reason="agreed")
    assert made.until is not None
    assert made.until == made.at + dt.timedelta(hours=2)
    assert not closures.is_closed(cast.trial.pk)
    assert not closures.closes(made, at=made.until - dt.timedelta(seconds=1))
    assert closures.closes(made, at=made.until)
    assert '"asked_because":"a date was mistyped"' in signatures(made)[0].contents
    close(cast)
    assert closures.is_closed(cast.trial.pk)


@pytest.mark.req("R-LOCK-04")
@pytest.mark.parametrize("who", ["alba", "analyst", "reader", "monitor", "inspector", "statistician", "officer"])
def test_nobody_else_closes_or_opens(cast: Cast, who: str) -> None:
    with pytest.raises((PermissionDenied, Http404)):
        step(cast, getattr(cast, who), Kind.CLOSED, cut_off=TODAY)
    close(cast)
    step(cast, cast.coordinator, Kind.ASKED, hours=2)
    with pytest.raises((PermissionDenied, Http404)):
        step(cast, getattr(cast, who), Kind.OPENED)
    assert closures.is_closed(cast.trial.pk)


@pytest.mark.req("R-LOCK-04")
def test_a_step_is_never_changed_or_taken_away(cast: Cast) -> None:
    made = close(cast)
    for change in (lambda: Closure.objects.filter(pk=made.pk).update(reason="x"), made.delete):
        with pytest.raises(DatabaseError), transaction.atomic(), acting(STAGE, reason="tampering"):
            change()


@pytest.mark.req("R-LOCK-05")
def test_by_page_data_are_closed_asked_for_and_opened_and_an_inspector_sees_it(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    sent = client.post(f"{ADDRESS}close/", {"cut_off": TODAY, "reason": "database lock"})
    assert sign(client, sent).headers["Location"] == ADDRESS
    assert sign(client, client.post(f"{ADDRESS}ask/", {"hours": 3, "reason": "one day is wrong"})).status_code == 302
    assert "Open again for a time" not in client.get(ADDRESS).content.decode()
    client.force_login(cast.sponsor)
    assert "Open again for a time" in client.get(ADDRESS).content.decode()
    assert "one day is wrong" in client.get(f"{ADDRESS}open/").content.decode()
    assert sign(client, client.post(f"{ADDRESS}open/", {"reason": "agreed"})).status_code == 302
    assert not closures.is_closed(cast.trial.pk)
    client.force_login(cast.inspector)
    page = client.get(ADDRESS).content.decode()
    assert all(word in page for word in ("database lock", "one day is wrong", "agreed"))
    assert "Close the data" not in page
    assert "database lock" in client.get(f"/history/trial/{cast.trial.pk}/").content.decode()


@pytest.mark.req("R-LOCK-01")
def test_only_the_coordinator_closes() -> None:
    assert {role for role in Role if Act.DATA_CLOSE in TABLE[role]} == {Role.COORDINATOR}


@pytest.mark.req("R-LOCK-02")
def test_a_hospital_of_closed_data_is_not_renamed_by_way_of_another_trial(cast: Cast) -> None:
    other = add_site(
        found_trial(cast.coordinator, code="FJORD"), cast.coordinator, code="alba", number="09", ae_title=""
    )
    close(cast)
    with pytest.raises(PermissionDenied, match="closed"):
        corrections.correct_site(
            by=actor_for(cast.coordinator),
            trial_site=other,
            change=corrections.SiteChange(hospital="New Hospital"),
            reason="renamed",
        )


def elsewhere(act: Callable[[], object]) -> str:
    """What becomes of an act on a connection of its own, which waits for no lock: done and taken back, or waiting."""

    def run() -> str:
        try:
            with acting(STAGE), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '50ms'")
                act()
                transaction.set_rollback(True)
        except OperationalError as error:
            return type(error.__cause__).__name__
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(max_workers=1) as alone:
        return alone.submit(run).result()


def enrol(cast: Cast) -> Subject:
    return subjects.register(
        by=actor_for(cast.alba), trial_site=cast.site_a, day_zero=TODAY, consent=new_consent(cast.form)
    )


@pytest.mark.req("R-LOCK-07")
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one writing transaction in at a time")
def test_a_closing_waits_for_the_edit_that_is_under_way_and_for_no_look(cast: Cast) -> None:
    assert elsewhere(lambda: close(cast)) == "done"
    with transaction.atomic():
        enrol(cast)
        assert elsewhere(lambda: close(cast)) == "LockNotAvailable"
        assert elsewhere(lambda: enrol(cast)) == "done"


@pytest.mark.req("R-LOCK-07")
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one writing transaction in at a time")
def test_an_edit_waits_for_the_closing_that_is_under_way_and_is_then_refused(cast: Cast) -> None:
    with transaction.atomic():
        close(cast)
        assert elsewhere(lambda: enrol(cast)) == "LockNotAvailable"
    with pytest.raises(access.EditRefused):
        enrol(cast)

"""Every unblinding is recorded, signed, with its impact; what it touches is not read until a person decides (C10)."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction
from django.test import Client

from audit.context import acting
from audit.models import AuditEvent
from audit.selectors import signatures
from endpoints.models import Assignment, UnblindedCase, Unblinding
from endpoints.services import assignments, reads, unblindings
from endpoints.services.unblindings import NewUnblinding
from imaging.models import QCDecision, Submission
from tests.cast import TODAY, Cast, actor_for
from tests.people import STAGE
from tests.signing import decide, prove
from tests.signpage import sign
from trials.models import Closure
from trials.services import closing

pytestmark = pytest.mark.django_db
Decision = UnblindedCase.Decision
ADDRESS = "/trials/TUNDRA/unblindings/"
SECRET = "KANARI-KNOWN"


@pytest.fixture
def given(cast: Cast, filed: Submission) -> Assignment:
    assert filed.time_point is not None
    decide(cast.analyst, filed.time_point, QCDecision.Verdict.ACCEPTED)
    by = actor_for(cast.coordinator)
    return assignments.assign(by=by, time_point=filed.time_point, reader=cast.reader)


def told(cast: Cast, **changes: Any) -> NewUnblinding:
    new: dict[str, Any] = {
        "kind": Unblinding.Kind.ACCIDENTAL,
        "happened_on": TODAY,
        "who": "the reader, told by a monitor",
        "known": f"the site, {SECRET}",
        "impact": "the baseline is unread; no result is touched",
        "action": "monitor instructed anew",
        "subjects": (cast.subject_a.code,),
        "readers": (cast.reader.username,),
    }
    return NewUnblinding(**(new | changes))


def enter(cast: Cast, **changes: Any) -> Unblinding:
    by, new = actor_for(cast.coordinator), told(cast, **changes)
    proof = prove(by, unblindings.offer_entry(by=by, trial=cast.trial, new=new))
    return unblindings.enter(by=by, trial=cast.trial, new=new, proof=proof)


def settle(cast: Cast, decision: UnblindedCase.Decision) -> UnblindedCase:
    by = actor_for(cast.coordinator)
    return unblindings.decide(by=by, case=UnblindedCase.objects.get(), decision=decision, reason="looked at it")


def code_of(call: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        call()
    return str(refused.value.code)


def open_case(cast: Cast, given: Assignment) -> Any:
    given.refresh_from_db()
    return reads.open_read(by=actor_for(cast.reader), assignment=given)


@pytest.mark.req("R-UNBL-01")
def test_an_entry_is_signed_and_stands_in_the_trail_and_is_never_changed(cast: Cast) -> None:
    made = enter(cast)
    (signature,) = signatures(made)
    assert signature.record_sha256 == made.record_sha256
    assert '"impact":"the baseline is unread; no result is touched"' in signature.contents
    assert AuditEvent.objects.get(act="unblinding.recorded").trial_code == "TUNDRA"
    with pytest.raises(DatabaseError), transaction.atomic(), acting(STAGE, reason="tampering"):
        Unblinding.objects.update(impact="none at all")


@pytest.mark.req("R-UNBL-01")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"impact": " "}, "incomplete"),
        ({"happened_on": TODAY.replace(year=TODAY.year + 1, day=1)}, "date"),
        ({"subjects": ("0000-0000",)}, "subjects"),
        ({"readers": ("stig",)}, "readers"),
    ],
)
def test_an_entry_that_lacks_something_is_refused_and_the_refusal_told(
    cast: Cast, changes: dict[str, Any], code: str
) -> None:
    assert code_of(lambda: enter(cast, **changes)) == code
    assert not Unblinding.objects.exists()
    assert f'"cause":"{code}"' in AuditEvent.objects.get(act="act.refused").after


@pytest.mark.req("R-UNBL-02")
def test_what_is_unread_is_shut_until_a_person_lets_the_reader_go_on(cast: Cast, given: Assignment) -> None:
    enter(cast)
    assert code_of(lambda: open_case(cast, given)) == "unblinded"
    settle(cast, Decision.GO_ON)
    assert open_case(cast, given).assignment == given
    assert AuditEvent.objects.get(act="unblinding.decided").reason == "looked at it"
    assert code_of(lambda: settle(cast, Decision.STOP)) == "wrong-state"


@pytest.mark.req("R-UNBL-02")
def test_a_reader_who_is_stopped_gets_no_case_of_the_subject_any_more(cast: Cast, given: Assignment) -> None:
    draft = open_case(cast, given)
    enter(cast)
    assert code_of(lambda: reads.view(by=actor_for(cast.reader), read=draft)) == "unblinded"
    settle(cast, Decision.STOP)
    given.refresh_from_db()
    assert given.state == Assignment.State.STOPPED
    by = actor_for(cast.coordinator)
    assert code_of(lambda: assignments.assign(by=by, time_point=given.time_point, reader=cast.reader)) == "unblinded"
    assert (
        assignments.assign(by=by, time_point=given.time_point, reader=cast.second_reader).reader == cast.second_reader
    )


@pytest.mark.req("R-UNBL-02")
def test_another_reader_and_another_subject_are_untouched(cast: Cast, given: Assignment) -> None:
    enter(cast, readers=(cast.second_reader.username,))
    enter(cast, subjects=(cast.subject_b.code,))
    assert open_case(cast, given).assignment == given


@pytest.mark.req("R-UNBL-03")
def test_nobody_is_unblinded_by_plan_while_data_can_change(cast: Cast) -> None:
    assert code_of(lambda: enter(cast, kind=Unblinding.Kind.PLANNED)) == "open"
    by = actor_for(cast.coordinator)
    step = closing.Step(kind=Closure.Kind.CLOSED, reason="final analysis", cut_off=TODAY)
    proof = prove(by, closing.offer_step(by=by, trial=cast.trial, step=step))
    closing.take_step(by=by, trial=cast.trial, step=step, proof=proof)
    assert enter(cast, kind=Unblinding.Kind.PLANNED).number == 1


@pytest.mark.req("R-UNBL-04")
def test_by_page_it_is_recorded_decided_and_seen_by_an_inspector_and_never_by_a_reader(
    cast: Cast, given: Assignment, client: Client
) -> None:
    client.force_login(cast.coordinator)
    new = told(cast)
    fields = {name: getattr(new, name) for name in ("kind", "happened_on", "who", "known", "impact", "action")}
    fields |= {"subjects": cast.subject_a.code, "readers": [cast.reader.username, cast.second_reader.username]}
    assert sign(client, client.post(f"{ADDRESS}new/", fields)).headers["Location"] == ADDRESS
    case = UnblindedCase.objects.get(reader=cast.reader)
    assert UnblindedCase.objects.count() == 2
    client.force_login(cast.inspector)
    page = client.get(ADDRESS).content.decode()
    assert SECRET in page
    assert f"/unblindings/cases/{case.pk}/" not in page
    client.force_login(cast.reader)
    assert client.get(ADDRESS).status_code == 404
    for address in ("/", "/reads/", f"/reads/{given.pk}/", f"/reads/{given.pk}/dicomweb/studies"):
        assert SECRET not in client.get(address, follow=True).content.decode()
    client.force_login(cast.coordinator)
    told_off = {"decision": "go_on", "reason": "knew nothing of the scan"}
    assert client.post(f"/unblindings/cases/{case.pk}/", told_off).status_code == 302
    assert open_case(cast, given).assignment == given


@pytest.mark.req("R-UNBL-04")
@pytest.mark.parametrize("who", ["monitor", "inspector", "statistician", "analyst"])
def test_nobody_else_records(cast: Cast, who: str) -> None:
    with pytest.raises(PermissionDenied):
        unblindings.offer_entry(by=actor_for(getattr(cast, who)), trial=cast.trial, new=told(cast))

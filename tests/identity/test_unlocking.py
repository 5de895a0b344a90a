"""Two people, both with password and second factor, one hour, one session, every look told."""

import datetime as dt
import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404

from audit.context import acting
from audit.models import AuditEvent, Signature
from audit.signing import SignatureRefused
from identity import services
from identity.models import Identity, UnlockWindow
from identity.refusals import VaultRefused
from identity.services import unlocking
from tests.cast import Cast, actor_for, person, register, seat
from tests.identity.conftest import ALMA, PLANTED, SESSION, agree, ask, later
from tests.people import STAGE
from tests.signing import prove
from trials.models import Membership, Subject, User
from trials.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "identity"])


def reveal(user: User, window: UnlockWindow, session: str = SESSION) -> Any:
    return services.reveal(by=actor_for(user), window=window, session=session)


def refused_with(code: str, user: User, window: UnlockWindow, session: str = SESSION) -> None:
    """Nothing is shown or counted, and the trail says who tried."""
    with pytest.raises(VaultRefused) as refused:
        reveal(user, window, session)
    assert refused.value.code == code
    assert not [planted for planted in PLANTED if planted in str(refused.value)]
    event = AuditEvent.objects.filter(layer="act").latest("sequence")
    assert (event.act, event.actor_id, json.loads(event.after)) == ("identity.refused", user.username, {"cause": code})
    assert UnlockWindow.objects.get(pk=window.pk).reads == window.reads


@pytest.mark.req("R-ID-11")
def test_two_people_unlock_and_each_look_is_told_without_a_value(cast: Cast, opened: UnlockWindow) -> None:
    for looks in (1, 2):
        assert reveal(cast.alba, opened) == ALMA
        assert UnlockWindow.objects.get(pk=opened.pk).reads == looks
    told = AuditEvent.objects.filter(act__startswith="identity.", object_id=str(cast.subject_a.pk))
    acts = [(event.act, event.actor_id) for event in told.order_by("sequence")]
    assert acts == [
        ("identity.recorded", "alba"),
        ("identity.requested", "alba"),
        ("identity.unlocked", "dora"),
        ("identity.read", "alba"),
        ("identity.read", "alba"),
    ]
    looks_told = [event for event in told if event.act == "identity.read"]
    assert {event.object_label for event in looks_told} == {cast.subject_a.code}
    assert [json.loads(event.after) for event in looks_told] == [{"window": str(opened.pk)}] * 2
    held = json.dumps(list(AuditEvent.objects.values_list("object_label", "before", "after", "reason")))
    held += json.dumps(list(Signature.objects.values_list("contents", flat=True)))
    assert not [planted for planted in PLANTED if planted in held]


@pytest.mark.req("R-ID-11")
def test_both_sign_with_password_and_second_factor(cast: Cast, opened: UnlockWindow) -> None:
    asked = Signature.objects.get(object_type="trials.Subject", object_id=str(cast.subject_a.pk))
    agreed = Signature.objects.get(object_type="identity.UnlockWindow", object_id=str(opened.pk))
    assert (asked.signer_id, asked.meaning, asked.method) == ("alba", "responsibility", "password+totp")
    assert (agreed.signer_id, agreed.meaning, agreed.method) == ("dora", "approval", "password+totp")
    assert opened.ends_at == agreed.at + dt.timedelta(hours=1)


@pytest.mark.req("R-ID-11")
@pytest.mark.parametrize("wrong", [{"password": "not my password"}, {"code": "000000"}])
def test_a_wrong_password_or_code_asks_nothing_and_opens_nothing(
    cast: Cast, recorded: Subject, wrong: dict[str, str]
) -> None:
    with pytest.raises(SignatureRefused):
        ask(cast.alba, recorded, **wrong)
    assert not UnlockWindow.objects.exists()
    window = ask(cast.alba, recorded)
    with pytest.raises(SignatureRefused):
        agree(cast.officer, window, **wrong)
    refused_with("not-open", cast.alba, window)


@pytest.mark.req("R-ID-12")
def test_nobody_agrees_to_their_own_request(cast: Cast, recorded: Subject) -> None:
    window = ask(cast.officer, recorded)
    with pytest.raises(VaultRefused, match="Two people"):
        agree(cast.officer, window)
    # Not with another's form either.
    by = actor_for(cast.alba)
    proof = prove(by, services.offer_approval(by=by, window=window))
    with pytest.raises(VaultRefused, match="Two people"):
        services.approve(by=actor_for(cast.officer), window=window, proof=proof)
    event = AuditEvent.objects.filter(act="identity.refused").latest("sequence")
    assert json.loads(event.after) == {"cause": "one-person"}
    refused_with("not-open", cast.officer, window)


@pytest.mark.req("R-ID-12")
def test_a_second_person_of_the_site_may_agree_and_the_officer_may_ask(cast: Cast, recorded: Subject) -> None:
    second = person("astrid", "Astrid Alsosite")
    seat(cast.trial, cast.coordinator, second, Role.SITE_STAFF, cast.site_a)
    assert reveal(cast.alba, agree(second, ask(cast.alba, recorded))) == ALMA
    assert reveal(cast.officer, agree(second, ask(cast.officer, recorded))) == ALMA


@pytest.mark.req("R-ID-12")
def test_no_other_role_asks_agrees_or_finds_a_window(cast: Cast, recorded: Subject) -> None:
    window = ask(cast.alba, recorded)
    for user in (cast.coordinator, cast.analyst, cast.monitor):
        with pytest.raises(PermissionDenied):
            ask(user, recorded)
        with pytest.raises(PermissionDenied):
            unlocking.find(by=actor_for(user), pk=window.pk)
    for user in (cast.brisa, cast.reader, cast.sponsor, cast.stranger, cast.operator):
        with pytest.raises(Http404):
            ask(user, recorded)
        with pytest.raises(Http404):
            agree(user, window)
        with pytest.raises(Http404):
            unlocking.find(by=actor_for(user), pk=window.pk)
        with pytest.raises(Http404):
            reveal(user, window)
    tried = AuditEvent.objects.filter(act="identity.refused", object_id=str(window.pk))
    assert {json.loads(event.after)["cause"] for event in tried} == {"foreign"}
    assert {"brisa", "rhea", "stig"} <= set(tried.values_list("actor_id", flat=True))


@pytest.mark.req("R-ID-13")
def test_the_window_is_for_its_requester_in_its_session(cast: Cast, opened: UnlockWindow) -> None:
    refused_with("not-yours", cast.officer, opened)
    refused_with("other-session", cast.alba, opened, session="f" * 64)
    assert reveal(cast.alba, opened) == ALMA


@pytest.mark.req("R-ID-13")
def test_after_an_hour_nothing_is_shown(cast: Cast, opened: UnlockWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as soon:
        later(soon, dt.timedelta(minutes=59))
        assert reveal(cast.alba, opened) == ALMA
    opened.refresh_from_db()
    later(monkeypatch, dt.timedelta(minutes=60))
    refused_with("expired", cast.alba, opened)


@pytest.mark.req("R-ID-13")
@pytest.mark.parametrize("closer", ["alba", "officer"])
def test_closed_by_either_nothing_is_shown(cast: Cast, opened: UnlockWindow, closer: str) -> None:
    services.close(by=actor_for(getattr(cast, closer)), window=opened)
    refused_with("closed", cast.alba, opened)
    with pytest.raises(VaultRefused, match="closed already"):
        services.close(by=actor_for(cast.alba), window=opened)


@pytest.mark.req("R-ID-13")
def test_a_request_that_was_closed_or_is_a_day_old_cannot_be_agreed_to(
    cast: Cast, recorded: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, closed = ask(cast.alba, recorded), ask(cast.alba, recorded)
    services.close(by=actor_for(cast.officer), window=closed)
    with pytest.raises(VaultRefused, match="does not wait"):
        agree(cast.officer, closed)
    later(monkeypatch, dt.timedelta(hours=25))
    with pytest.raises(VaultRefused, match="older than a day"):
        agree(cast.officer, old)


@pytest.mark.req("R-ID-13")
def test_the_same_agreement_played_again_is_refused_and_opens_no_second_hour(cast: Cast, recorded: Subject) -> None:
    window, by = ask(cast.alba, recorded), actor_for(cast.officer)
    proof = prove(by, services.offer_approval(by=by, window=window))
    opened = services.approve(by=by, window=window, proof=proof)
    with pytest.raises(SignatureRefused) as refused:
        services.approve(by=by, window=window, proof=proof)
    assert refused.value.code == "replayed"
    assert UnlockWindow.objects.get(pk=window.pk).ends_at == opened.ends_at
    other = ask(cast.alba, recorded)
    with pytest.raises(SignatureRefused):
        services.approve(by=by, window=other, proof=proof)
    refused_with("not-open", cast.alba, other)


FORGED = {
    "ends_at": "later",
    "requester_id": "astrid",
    "session": "e" * 64,
    "signature_id": None,
    "reason": "another",
    "subject_code": "of the twin",
}


@pytest.mark.req("R-ID-13")
@pytest.mark.parametrize("name", FORGED)
def test_whoever_writes_to_the_vaults_database_alone_opens_nothing(cast: Cast, opened: UnlockWindow, name: str) -> None:
    astrid = person("astrid", "Astrid Alsosite")
    seat(cast.trial, cast.coordinator, astrid, Role.SITE_STAFF, cast.site_a)
    twin = register(cast.alba, cast.site_a, cast.form)
    services.record(by=actor_for(cast.alba), subject=twin, person=ALMA, although_registered=True)
    assert opened.ends_at is not None
    made = {"ends_at": opened.ends_at + dt.timedelta(hours=8), "subject_code": twin.code}
    UnlockWindow.objects.filter(pk=opened.pk).update(**{name: made.get(name, FORGED[name])})
    window = UnlockWindow.objects.get(pk=opened.pk)
    reader = astrid if name == "requester_id" else cast.alba
    with pytest.raises(VaultRefused, match="not the one that was signed"):
        reveal(reader, window, window.session)


@pytest.mark.req("R-ID-13")
def test_a_right_that_ended_meanwhile_closes_the_window(cast: Cast, opened: UnlockWindow) -> None:
    yesterday = dt.datetime.now(tz=dt.UTC).date() - dt.timedelta(days=1)
    with acting(STAGE, reason="she left"):
        Membership.objects.filter(user=cast.alba).update(starts=yesterday, ends=yesterday)
    with pytest.raises(Http404):
        reveal(cast.alba, opened)


@pytest.mark.req("R-ID-13")
def test_odd_clocks_open_nothing(cast: Cast, opened: UnlockWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identity.services.unlocking.clock.is_unsafe", lambda: True)
    refused_with("clock", cast.alba, opened)


@pytest.mark.req("R-ID-06")
def test_a_touched_value_is_refused_and_nothing_sealed_is_shown(cast: Cast, opened: UnlockWindow) -> None:
    row = Identity.objects.get()
    touched = bytearray(row.name)
    touched[20] ^= 1
    Identity.objects.filter(pk=row.pk).update(name=bytes(touched))
    refused_with("damaged", cast.alba, opened)


@pytest.mark.req("R-ID-11")
def test_no_reason_or_nothing_recorded_asks_nothing(cast: Cast, recorded: Subject) -> None:
    with pytest.raises(ValidationError, match="Say why"):
        ask(cast.alba, recorded, reason="  ")
    with pytest.raises(VaultRefused, match="No identity is recorded"):
        ask(cast.brisa, cast.subject_b)
    assert not UnlockWindow.objects.exists()

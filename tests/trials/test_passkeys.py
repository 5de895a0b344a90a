"""Passkeys: a device that verifies its person signs in alone, stands second, and stands for a code when signing."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from audit.actor import Actor
from audit.context import acting
from audit.models import AuditEvent
from audit.signing import SignatureRefused
from tests.cast import PASSWORD, Cast, actor_for
from tests.newcomer import Newcomer, bare, come_by, give_passkey, is_in, newcomer
from tests.signing import prove
from tests.softkey import SoftKey
from trials.models import User
from trials.services import authenticators, charters, factors, passkeys, webauthn

pytestmark = pytest.mark.django_db
SECOND = "/sign-in/second/"


@pytest.fixture
def ada(cast: Cast) -> Newcomer:
    return newcomer("ada")


@pytest.fixture
def key(ada: Newcomer) -> SoftKey:
    """Ada's passkey, enrolled by the pages."""
    client, made = Client(), SoftKey()
    client.force_login(ada.user)
    assert give_passkey(client, made, code=ada.code())["Location"] == "/account/second-factor/"
    return made


def acts(user: User) -> list[str]:
    events = AuditEvent.objects.filter(layer="act", object_type="trials.User", object_id=str(user.pk))
    return list(events.order_by("sequence").values_list("act", flat=True))


def ticket_for(client: Client, key: SoftKey) -> Any:
    options = client.post("/account/passkeys/prove/", secure=True).json()
    return client.post("/account/passkeys/prove/", {"passkey": key.get(options)}, secure=True)


@pytest.mark.req("R-IN-05")
def test_a_first_passkey_is_a_second_factor_with_recovery_codes(cast: Cast, client: Client) -> None:
    bea = bare("bea")
    client.force_login(bea)
    page = give_passkey(client, SoftKey()).content.decode()
    assert page.count('<li class="mono">') == 10
    assert factors.has_factor(bea)
    assert factors.recovery_codes_left(bea) == 10
    assert "key on my ring" in client.get("/account/second-factor/").content.decode()
    assert acts(bea)[-1] == "second_factor.enrolled"
    assert "key on my ring" not in AuditEvent.objects.latest("sequence").after


@pytest.mark.req("R-IN-05")
@pytest.mark.parametrize(("password", "code"), [("eight loud otters", "right"), (PASSWORD, "000000"), (PASSWORD, "")])
def test_a_further_factor_needs_password_and_a_factor_one_has(
    ada: Newcomer, client: Client, password: str, code: str
) -> None:
    client.force_login(ada.user)
    options = client.post("/account/passkeys/begin/", secure=True).json()
    told = {"name": "another", "password": password, "code": ada.code() if code == "right" else code}
    answer = client.post("/account/passkeys/add/", told | {"passkey": SoftKey().create(options)}, secure=True)
    assert answer.status_code == 400
    assert passkeys.held_by(ada.user) == []


@pytest.mark.req("R-IN-05")
def test_an_app_beside_a_passkey_needs_the_passkey(cast: Cast, client: Client) -> None:
    bea, made = bare("bea"), SoftKey()
    client.force_login(bea)
    give_passkey(client, made)
    begun = factors.enrol_begin(user=bea)
    told: dict[str, Any] = {"by": actor_for(bea), "user": bea, "pending": begun.pending, "password": PASSWORD}
    with pytest.raises(Exception, match="do not both fit"):
        factors.enrol(**told, code=newest(begun.secret))
    ticket = ticket_for(client, made).json()["code"]
    assert len(factors.enrol(**told, code=newest(begun.secret), present=ticket)) == 10


def newest(secret: str) -> str:
    step = int(timezone.now().timestamp()) // 30
    return authenticators._code_at(secret, step)


@pytest.mark.req("R-IN-04")
def test_a_passkey_signs_in_alone_since_it_verifies_its_person(ada: Newcomer, key: SoftKey, client: Client) -> None:
    assert come_by(client, key)["Location"] == "/"
    assert is_in(client)
    event = AuditEvent.objects.filter(act="sign_in.succeeded").latest("sequence")
    assert (event.actor_id, json.loads(event.after)) == ("ada", {"method": "passkey"})


@pytest.mark.req("R-IN-04")
def test_a_passkey_is_a_second_step(ada: Newcomer, key: SoftKey, client: Client) -> None:
    client.post("/sign-in/", {"username": "ada", "password": PASSWORD}, secure=True)
    options = client.post("/sign-in/passkey/begin/", secure=True).json()
    assert len(options["allowCredentials"]) == 1
    client.post(SECOND, {"passkey": key.get(options)}, secure=True)
    assert is_in(client)
    assert "password+passkey" in AuditEvent.objects.filter(act="sign_in.succeeded").latest("sequence").after


@pytest.mark.req("R-IN-04")
@pytest.mark.parametrize("lie", ["unverified", "origin", "challenge", "key", "stranger", "no holder", "nothing"])
def test_a_passkey_that_lies_signs_nobody_in(ada: Newcomer, key: SoftKey, client: Client, lie: str) -> None:
    options = client.post("/sign-in/passkey/begin/", secure=True).json()
    match lie:
        case "unverified":
            key.verifies = False
        case "origin":
            key.origin = "https://testserver.example"
        case "challenge":
            options["challenge"] = "AAAAAAAAAAAAAAAAAAAAAA"
        case "key":
            key.private = SoftKey().private
        case "stranger":
            key.holder = "MQ"
        case "no holder":
            key.holder = ""
    answer = "" if lie == "nothing" else key.get(options)
    page = client.post("/sign-in/passkey/", {"passkey": answer}, secure=True)
    assert "No open account fits this passkey" in page.content.decode()
    assert not is_in(client)
    assert AuditEvent.objects.filter(act="sign_in.failed").exists()


@pytest.mark.req("R-IN-04")
def test_an_answer_is_good_once(ada: Newcomer, key: SoftKey, client: Client) -> None:
    options = client.post("/sign-in/passkey/begin/", secure=True).json()
    answer = key.get(options)
    client.post("/sign-in/passkey/", {"passkey": answer}, secure=True)
    assert is_in(client)
    client.post("/sign-out/", secure=True)
    client.post("/sign-in/passkey/", {"passkey": answer}, secure=True)
    assert not is_in(client)


@pytest.mark.req("R-IN-04")
def test_a_copied_key_is_found_by_its_counter(ada: Newcomer, client: Client) -> None:
    counting = SoftKey(count=5)
    client.force_login(ada.user)
    give_passkey(client, counting, code=ada.code())
    assert come_by(Client(), counting).status_code == 302
    counting.count = 3
    page = come_by(Client(), counting)
    assert page.status_code != 302


@pytest.mark.req("R-IN-04")
def test_a_passkey_moved_to_another_account_opens_nothing(ada: Newcomer, key: SoftKey, cast: Cast) -> None:
    row = Authenticator.objects.get(user=ada.user, type="webauthn")
    row.user = cast.sponsor
    row.save()
    assert passkeys.held_by(cast.sponsor) == []
    key.holder = _handle(cast.sponsor)
    client = Client()
    come_by(client, key)
    assert not is_in(client)


def _handle(user: User) -> str:
    options = passkeys.enrol_begin(user=user, host="testserver").options
    return str(options["user"]["id"])


@pytest.mark.req("R-IN-04")
def test_a_closed_account_is_not_opened_by_its_passkey(ada: Newcomer, key: SoftKey, client: Client) -> None:
    ada.user.is_active = False
    ada.user.save()
    come_by(client, key)
    assert not is_in(client)


@pytest.mark.req("R-IN-04")
def test_the_database_holds_no_secret_of_a_passkey_and_no_key_is_enrolled_twice(
    ada: Newcomer, key: SoftKey, cast: Cast
) -> None:
    number = key.private.private_numbers().private_value
    assert str(number) not in str(Authenticator.objects.get(user=ada.user, type="webauthn").data)
    client = Client()
    client.force_login(ada.user)
    assert give_passkey(client, key, code=ada.code()).status_code == 400
    assert len(passkeys.held_by(ada.user)) == 1


@pytest.mark.req("R-IN-05")
def test_a_passkey_gives_a_code_that_signs_once(cast: Cast, client: Client) -> None:
    made = SoftKey()
    client.force_login(cast.coordinator)
    give_passkey(client, made, code=str(factors.demo_code(cast.coordinator)))
    by = actor_for(cast.coordinator)
    draft = charters.amend(by=by, charter=cast.charter, reason="more visits")
    ticket = ticket_for(client, made).json()["code"]
    offered = charters.offer_approval(by=by, charter=draft)
    proof = prove(by, offered, code=ticket, code_at=None)
    assert charters.approve(by=by, charter=draft, proof=proof).state == "approved"
    assert "password+passkey" in AuditEvent.objects.filter(act="record.signed").latest("sequence").after
    again = amended(by, cast)
    with pytest.raises(SignatureRefused, match="does not hold now"):
        charters.approve(
            by=by,
            charter=again,
            proof=prove(by, charters.offer_approval(by=by, charter=again), code=ticket, code_at=None),
        )


def amended(by: Actor, cast: Cast) -> Any:
    return charters.amend(by=by, charter=cast.trial.charters.get(state="approved"), reason="again")


@pytest.mark.req("R-IN-05")
def test_the_code_of_a_passkey_is_its_holders_alone_and_holds_two_minutes(
    ada: Newcomer, key: SoftKey, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    client.force_login(ada.user)
    ticket = ticket_for(client, key).json()["code"]
    with acting(actor_for(cast.sponsor)):
        assert factors.verify(user=cast.sponsor, code=ticket) is None
    late = timezone.now() + webauthn.TICKET * 1.1
    monkeypatch.setattr("trials.services.webauthn.timezone.now", lambda: late)
    assert factors.verify(user=ada.user, code=ticket) is None
    assert ticket not in str(Authenticator.objects.get(user=ada.user, type="webauthn").data)


@pytest.mark.req("R-IN-05")
def test_a_passkey_is_removed_with_password_and_code_and_the_last_factor_takes_the_recovery_codes(
    cast: Cast, client: Client
) -> None:
    bea, made = bare("bea"), SoftKey()
    client.force_login(bea)
    give_passkey(client, made)
    (held,) = passkeys.held_by(bea)
    address = f"/account/passkeys/{held.number}/remove/"
    assert client.post(address, {"password": PASSWORD, "code": "1"}).status_code == 400
    ticket = ticket_for(client, made).json()["code"]
    assert client.post(address, {"password": PASSWORD, "code": ticket})["Location"] == "/account/second-factor/"
    assert not Authenticator.objects.filter(user=bea).exists()
    assert acts(bea)[-1] == "second_factor.removed"


@pytest.mark.req("R-IN-05")
def test_nobody_removes_or_proves_with_somebody_elses_passkey(
    ada: Newcomer, key: SoftKey, cast: Cast, client: Client
) -> None:
    (held,) = passkeys.held_by(ada.user)
    client.force_login(cast.operator)
    assert client.get(f"/account/passkeys/{held.number}/remove/").status_code == 404
    answer = ticket_for(client, key)
    assert answer.status_code == 400
    assert "did not answer as it should" in answer.json()["sentence"]


@pytest.mark.req("R-IN-03")
def test_wrong_passkeys_in_a_session_count_as_wrong_codes_do(ada: Newcomer, key: SoftKey) -> None:
    client = Client()
    client.force_login(ada.user)
    key.verifies = False
    for _number in range(5):
        assert ticket_for(client, key).status_code == 400
    key.verifies = True
    assert "Too many wrong tries" in ticket_for(client, key).json()["sentence"]

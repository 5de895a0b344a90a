"""Duties before anything else: a second factor, and a password that nobody else knows."""

import json
import re
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from audit.context import acting
from audit.models import AuditEvent
from tests.cast import PASSWORD, Cast, actor_for
from tests.newcomer import Newcomer, bare, code_of, give_passkey, is_in, newcomer
from tests.softkey import SoftKey
from tests.test_architecture import modules
from trials.models import User
from trials.services import authenticators, factors, vouching

pytestmark = pytest.mark.django_db
NEW = "nine calm herons"
FACTOR, OWN = "/account/second-factor/", "/account/password/"


@pytest.fixture
def ada(cast: Cast) -> Newcomer:
    return newcomer("ada")


def acts(user: User) -> list[str]:
    events = AuditEvent.objects.filter(layer="act", object_type="trials.User", object_id=str(user.pk))
    return list(events.order_by("sequence").values_list("act", flat=True))


def told_new(code: str, **other: str) -> dict[str, str]:
    return {"password": PASSWORD, "code": code, "new": NEW, "again": NEW} | other


@pytest.mark.req("R-IN-06")
def test_without_a_second_factor_every_page_leads_to_where_it_is_set_up(cast: Cast, client: Client) -> None:
    bea = bare("bea")
    client.post("/sign-in/", {"username": "bea", "password": PASSWORD})
    assert is_in(client)
    for address in ("/", "/trials/new/", "/trials/TUNDRA/", "/reads/", "/operator/"):
        assert client.get(address)["Location"] == FACTOR, address
    assert "Until then nothing else opens" in client.get(FACTOR).content.decode()
    for address in ("/account/", FACTOR, f"{FACTOR}set-up/", "/account/passkeys/add/"):
        assert client.get(address).status_code == 200, address
    assert client.get(OWN)["Location"] == FACTOR
    assert client.post("/sign-out/").status_code == 302
    assert bea.pk


@pytest.mark.req("R-IN-06")
def test_scripts_pictures_and_pieces_of_pages_get_a_problem_with_a_sentence(cast: Cast, client: Client) -> None:
    client.force_login(bare("bea"))
    asked: tuple[tuple[str, dict[str, str]], ...] = (
        ("/api/trials/", {}),
        ("/", {"Accept": "image/webp,*/*;q=0.8"}),
        ("/", {"HX-Request": "true", "Accept": "text/html"}),
    )
    for address, headers in asked:
        answer = client.get(address, headers=headers)
        assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
        assert answer.json()["detail"].startswith("Set up a second factor first")


@pytest.mark.req("R-IN-06")
def test_the_duty_holds_for_the_operator_as_for_everybody(cast: Cast, client: Client) -> None:
    User.objects.create_superuser("boss", password=PASSWORD)
    client.post("/sign-in/", {"username": "boss", "password": PASSWORD})
    assert client.get("/operator/")["Location"] == FACTOR
    assert client.post("/operator/trials/user/add/", {"username": "x"})["Location"] == FACTOR
    assert not User.objects.filter(username="x").exists()


@pytest.mark.req("R-IN-06")
@pytest.mark.parametrize("kind", ["app", "passkey"])
def test_either_factor_does_the_duty(cast: Cast, client: Client, kind: str) -> None:
    client.force_login(bare("bea"))
    if kind == "passkey":
        give_passkey(client, SoftKey())
    else:
        page = client.get(f"{FACTOR}set-up/").content.decode()
        found = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", page)
        assert found
        client.post(f"{FACTOR}set-up/", {"password": PASSWORD, "code": code_of(found[1].replace(" ", ""))})
    assert client.get("/").status_code == 200


@pytest.mark.req("R-IN-08")
def test_the_holder_changes_the_password_and_every_other_session_ends(ada: Newcomer, client: Client) -> None:
    ada.sign_in(client)
    other = ada.sign_in(Client())
    assert client.post(OWN, told_new(ada.code()))["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    assert other.get("/account/")["Location"].startswith("/sign-in/")
    assert acts(ada.user)[-2:] == ["password.changed", "session.ended"]
    assert ada.first_step(Client()).status_code == 400
    assert ada.first_step(Client(), password=NEW).status_code == 302


@pytest.mark.req("R-IN-08")
@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"password": "eight loud otters"}, "do not both fit"),
        ({"code": "000000"}, "do not both fit"),
        ({"again": "something else"}, "differ"),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": "password1234", "again": "password1234"}, "too common"),
        ({"new": PASSWORD, "again": PASSWORD}, "the password you have"),
    ],
)
def test_a_password_that_cannot_be_changed_stays(
    ada: Newcomer, client: Client, other: dict[str, str], sentence: str
) -> None:
    client.force_login(ada.user)
    answer = client.post(OWN, told_new(ada.code()) | other)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    ada.user.refresh_from_db()
    assert ada.user.check_password(PASSWORD)
    assert "password.changed" not in acts(ada.user)


@pytest.mark.req("R-IN-17")
def test_no_event_of_a_password_tells_any_of_it(ada: Newcomer, client: Client) -> None:
    client.force_login(ada.user)
    client.post(OWN, told_new(ada.code()))
    told = "".join(str(vars(event)) for event in AuditEvent.objects.filter(object_id=str(ada.user.pk)))
    assert not any(word in told for word in (PASSWORD, NEW))


def set_by_operator(cast: Cast, user: User, words: str = "ten quick foxes") -> Client:
    operator = Client()
    operator.force_login(cast.operator)
    told = {"password1": words, "password2": words, "usable_password": "true"}
    assert operator.post(f"/operator/trials/user/{user.pk}/password/", told).status_code == 302
    user.refresh_from_db()
    return operator


@pytest.mark.req("R-IN-09")
def test_a_password_of_the_operators_opens_nothing_but_the_page_that_replaces_it(
    cast: Cast, ada: Newcomer, client: Client
) -> None:
    set_by_operator(cast, ada.user)
    assert ada.first_step(client, password="ten quick foxes")["Location"] == "/sign-in/second/"
    client.post("/sign-in/second/", {"code": ada.code()})
    for address in ("/", "/trials/TUNDRA/", "/operator/"):
        assert client.get(address)["Location"] == OWN
    assert client.get("/api/trials/").json()["detail"].startswith("Choose a password of your own first")
    changed = told_new(ada.code(), password="ten quick foxes")
    assert client.post(OWN, changed).status_code == 302
    assert client.get("/").status_code == 200
    ada.user.refresh_from_db()
    assert not ada.user.must_change_password


@pytest.mark.req("R-IN-09")
def test_a_password_of_the_operators_signs_nothing_by_any_door(cast: Cast, ada: Newcomer) -> None:
    set_by_operator(cast, ada.user)
    code = ada.code()
    with acting(actor_for(ada.user)):
        assert factors.verify(user=ada.user, code=code) is None
        assert factors.verify(user=ada.user, code=ada.recovery_codes[0]) is None
        ada.user.must_change_password = False
        assert factors.verify(user=ada.user, code=code) == "totp"


@pytest.mark.req("R-IN-09")
def test_a_new_account_owes_both_a_factor_and_a_password(cast: Cast, client: Client) -> None:
    operator = Client()
    operator.force_login(cast.operator)
    told = {"username": "nora", "first_name": "Nora", "last_name": "New", "email": "", "usable_password": "true"}
    words = {"password1": "ten quick foxes", "password2": "ten quick foxes"}
    assert operator.post("/operator/trials/user/add/", told | words).status_code == 302
    client.post("/sign-in/", {"username": "nora", "password": "ten quick foxes"})
    assert client.get("/")["Location"] == FACTOR
    nora = User.objects.get(username="nora")
    assert nora.must_change_password


@pytest.mark.req("R-IN-09")
def test_the_operators_own_password_is_changed_on_the_page_of_everybody(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    words = {"password1": "ten quick foxes", "password2": "ten quick foxes", "usable_password": "true"}
    for address in (f"/operator/trials/user/{cast.operator.pk}/password/", "/operator/password_change/"):
        assert client.post(address, words)["Location"] == OWN
    cast.operator.refresh_from_db()
    assert cast.operator.check_password(PASSWORD)


def of_account(user: User) -> str:
    return f"/operator/accounts/{user.pk}/"


def act(name: str, **told: str) -> dict[str, str]:
    return {"act": name} | {f"{name}-{field}": value for field, value in told.items()}


@pytest.mark.req("R-IN-10")
def test_the_operator_revokes_lost_factors_with_a_reason_and_the_holder_begins_anew(
    cast: Cast, ada: Newcomer, client: Client
) -> None:
    ada.sign_in(client)
    operator = Client()
    operator.force_login(cast.operator)
    assert operator.post(of_account(ada.user), act("revoke", reason="")).status_code == 400
    assert factors.has_factor(ada.user)
    done = operator.post(of_account(ada.user), act("revoke", reason="Phone lost, seen in person."), follow=True)
    assert "Set a new password" in done.content.decode()
    assert not factors.has_factor(ada.user)
    assert factors.recovery_codes_left(ada.user) == 0
    assert client.get("/account/")["Location"].startswith("/sign-in/")
    assert ada.first_step(Client()).status_code == 400
    event = AuditEvent.objects.get(act="second_factor.revoked")
    assert (event.actor_id, event.role, event.reason) == ("root", "operator", "Phone lost, seen in person.")
    assert json.loads(event.after) == {"methods": ["recovery_codes", "totp"]}
    set_by_operator(cast, ada.user)
    ada.first_step(client, password="ten quick foxes")
    assert client.get("/")["Location"] == FACTOR


@pytest.mark.req("R-IN-10")
def test_no_operator_revokes_their_own_factors_and_nobody_else_revokes_any(
    cast: Cast, ada: Newcomer, client: Client
) -> None:
    client.force_login(cast.operator)
    page = client.post(of_account(cast.operator), act("revoke", reason="mine"))
    assert (page.status_code, "Another operator does this" in page.content.decode()) == (400, True)
    for person in (cast.coordinator, cast.officer, ada.user):
        client.force_login(person)
        assert client.get(of_account(ada.user)).status_code == 403
        assert client.post(of_account(ada.user), act("revoke", reason="x")).status_code == 403
    assert factors.has_factor(ada.user)


@pytest.mark.req("R-IN-10")
def test_the_operators_page_shows_no_secret_and_takes_none(cast: Cast, ada: Newcomer, client: Client) -> None:
    client.force_login(cast.operator)
    page = client.get(of_account(ada.user)).content.decode()
    assert not any(word in page for word in (ada.secret, *ada.recovery_codes, "authenticator shows"))
    names = set(re.findall(r'name="([^"]+)"', page))
    assert names <= {"csrfmiddlewaretoken", "act", "language", "viewport", "htmx-config", "end-reason", "revoke-reason"}
    assert of_account(ada.user) in client.get(f"/operator/trials/user/{ada.user.pk}/change/").content.decode()


def addresses_on(page: str) -> set[str]:
    return {found for found in re.findall(r'(?:href|action)="(/[^"#?]*)', page) if not found.startswith("/static/")}


@pytest.mark.req("R-IN-16")
def test_no_page_of_the_operator_makes_them_somebody_else(cast: Cast, ada: Newcomer, client: Client) -> None:
    """Walk every page the operator reaches, press every button about Ada: the session stays the operator's."""
    client.force_login(cast.operator)
    seen: set[str] = set()
    waiting = {"/operator/", f"/operator/trials/user/{ada.user.pk}/change/", of_account(ada.user)}
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = client.get(address)
        assert client.session["_auth_user_id"] == str(cast.operator.pk), address
        if answer.status_code == 200 and "text/html" in answer["Content-Type"]:
            found = addresses_on(answer.content.decode())
            waiting |= {one for one in found if one.startswith("/operator/") and "logout" not in one} - seen
    assert len(seen) > 8
    told: dict[str, Any] = {"user": ada.user.pk, "user_id": ada.user.pk, "username": "ada", "act": "impersonate"}
    for address in seen:
        client.post(address, told)
        assert client.session["_auth_user_id"] == str(cast.operator.pk), address
    words = {"hijack", "impersonate", "login_as", "loginas", "login-as", "su/", "switch-user"}
    assert not [address for address in seen if any(word in address for word in words)]


@pytest.mark.req("R-IN-16")
def test_one_place_alone_signs_anybody_in(cast: Cast) -> None:
    """Django's `login` is called where both steps were taken, and nowhere else in the product."""
    calls = [path.name for path in modules() if re.search(r"(?<![\w.])(login|alogin)\(", path.read_text())]
    assert calls == ["pending.py"]


def revoked(cast: Cast, user: User) -> None:
    """Lost factors revoked, a new password given, changed by whoever has it, and a new factor enrolled."""
    operator = Client()
    operator.force_login(cast.operator)
    operator.post(of_account(user), act("revoke", reason="Phone lost."))
    set_by_operator(cast, user)
    begun = factors.enrol_begin(user=user)
    told: dict[str, Any] = {"pending": begun.pending, "password": "ten quick foxes", "code": code_of(begun.secret)}
    codes = factors.enrol(by=actor_for(user), user=user, **told)
    client = Client()
    client.force_login(user)
    client.post(OWN, told_new(codes[0], password="ten quick foxes"))
    user.refresh_from_db()
    assert not user.must_change_password


@pytest.mark.req("R-IN-10")
def test_after_a_revocation_nobody_signs_before_a_colleague_of_the_trial_vouched(cast: Cast, client: Client) -> None:
    revoked(cast, cast.reader)
    (code, *_rest) = authenticators.renew_recovery_codes(cast.reader)
    with acting(actor_for(cast.reader)):
        assert factors.verify(user=cast.reader, code=code) is None
    client.force_login(cast.monitor)
    assert "Rhea Reader" in client.get("/account/").content.decode()
    address = f"/account/vouch/{cast.reader.pk}/"
    wrong = {"password": PASSWORD, "code": "000000"}
    assert client.post(address, wrong).status_code == 400
    right = {"password": PASSWORD, "code": str(factors.demo_code(cast.monitor))}
    assert client.post(address, right)["Location"] == "/account/"
    cast.reader.refresh_from_db()
    with acting(actor_for(cast.reader)):
        assert factors.verify(user=cast.reader, code=code) == "recovery_code"
    event = AuditEvent.objects.get(act="account.vouched")
    assert (event.actor_id, event.object_label) == ("mona", "Rhea Reader")


@pytest.mark.req("R-IN-16")
def test_neither_the_operator_nor_the_person_nor_a_stranger_vouches(cast: Cast, client: Client) -> None:
    revoked(cast, cast.coordinator)
    address = f"/account/vouch/{cast.coordinator.pk}/"
    for person in (cast.operator, cast.coordinator, cast.stranger, cast.reader, cast.sponsor):
        client.force_login(person)
        assert client.get(address).status_code == 404, person.username
    with pytest.raises(PermissionDenied):
        vouching.vouch(
            by=actor_for(cast.operator), user=cast.operator, account=cast.coordinator, password=PASSWORD, code="x"
        )


@pytest.mark.req("R-IN-16")
def test_who_waits_for_a_word_gives_none(cast: Cast) -> None:
    revoked(cast, cast.coordinator)
    revoked(cast, cast.monitor)
    told: dict[str, Any] = {"password": NEW, "code": authenticators.renew_recovery_codes(cast.coordinator)[0]}
    with pytest.raises(PermissionDenied):
        vouching.vouch(by=actor_for(cast.coordinator), user=cast.coordinator, account=cast.monitor, **told)

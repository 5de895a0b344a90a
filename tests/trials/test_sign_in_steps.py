"""Two steps at the door: what is known, then a second factor; and nobody is signed in before the second."""

import json
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from pytest_django.fixtures import Settings

from audit.models import AuditEvent
from config import door
from config import settings as product
from tests.cast import PASSWORD, Cast
from tests.newcomer import Newcomer, is_in, newcomer
from trials.models import User
from trials.services import factors

pytestmark = pytest.mark.django_db
SECOND = "/sign-in/second/"


@pytest.fixture
def ada(cast: Cast) -> Newcomer:
    return newcomer("ada")


def acts(user: User) -> list[str]:
    events = AuditEvent.objects.filter(layer="act", object_type="trials.User", object_id=str(user.pk))
    return list(events.order_by("sequence").values_list("act", flat=True))


def method_of(user: User) -> str:
    event = AuditEvent.objects.filter(act="sign_in.succeeded", object_id=str(user.pk)).latest("sequence")
    return str(json.loads(event.after)["method"])


@pytest.mark.req("R-IN-01")
def test_the_password_alone_signs_nobody_in(ada: Newcomer, client: Client) -> None:
    assert ada.first_step(client)["Location"] == SECOND
    assert not is_in(client)
    for address in ("/", "/account/", "/trials/TUNDRA/", "/account/second-factor/set-up/", "/operator/"):
        assert client.get(address)["Location"].startswith(("/sign-in/", "/operator/login/")), address
    assert client.get("/api/trials/").status_code in (302, 401, 403)
    assert acts(ada.user)[-1] == "sign_in.begun"


@pytest.mark.req("R-IN-01")
def test_password_and_code_sign_in_lead_on_and_leave_the_method_in_an_event(ada: Newcomer, client: Client) -> None:
    ada.first_step(client, next="/account/")
    assert client.post(SECOND, {"code": ada.code()})["Location"] == "/account/"
    assert is_in(client)
    assert acts(ada.user)[-2:] == ["sign_in.begun", "sign_in.succeeded"]
    assert method_of(ada.user) == "password+totp"


@pytest.mark.req("R-IN-01")
def test_a_recovery_code_is_a_second_step_once(ada: Newcomer, client: Client) -> None:
    code = ada.recovery_codes[0]
    ada.first_step(client)
    client.post(SECOND, {"code": f"{code[:4]} {code[4:]}"})
    assert is_in(client)
    assert method_of(ada.user) == "password+recovery_code"
    other = Client()
    ada.first_step(other)
    assert other.post(SECOND, {"code": code}).status_code == 400
    assert not is_in(other)


@pytest.mark.req("R-IN-01")
def test_no_code_signs_in_twice(ada: Newcomer, client: Client) -> None:
    code = ada.code()
    ada.first_step(client)
    client.post(SECOND, {"code": code})
    other = Client()
    ada.first_step(other)
    assert other.post(SECOND, {"code": code}).status_code == 400


@pytest.mark.req("R-IN-01")
def test_the_key_of_the_browsers_session_is_another_after_each_step(ada: Newcomer, client: Client) -> None:
    client.get("/sign-in/")
    ada.first_step(client)
    between = client.session.session_key
    ada.first_step(client)
    again = client.session.session_key
    client.post(SECOND, {"code": ada.code()})
    assert len({between, again, client.session.session_key}) == 3
    assert "sign_in_pending" not in client.session


@pytest.mark.req("R-IN-02")
def test_the_first_step_waits_five_minutes(ada: Newcomer, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ada.first_step(client)
    now = time.time()
    monkeypatch.setattr("trials.views.pending.time.time", lambda: now + 299)
    assert client.get(SECOND).status_code == 200
    monkeypatch.setattr("trials.views.pending.time.time", lambda: now + 302)
    answer = client.post(SECOND, {"code": ada.code()}, follow=True)
    assert answer.redirect_chain == [("/sign-in/", 302)]
    assert "Begin again" in answer.content.decode()
    assert not is_in(client)


@pytest.mark.req("R-IN-02")
def test_the_second_step_belongs_to_the_browser_that_took_the_first(ada: Newcomer, client: Client) -> None:
    ada.first_step(client)
    other = Client()
    assert other.post(SECOND, {"code": ada.code()})["Location"] == "/sign-in/"
    assert not is_in(other)


@pytest.mark.req("R-IN-02")
@pytest.mark.parametrize("change", ["password", "closed"])
def test_a_first_step_ends_with_its_password_and_with_its_account(ada: Newcomer, client: Client, change: str) -> None:
    ada.first_step(client)
    if change == "password":
        ada.user.set_password("ten quick foxes")
    ada.user.is_active = change != "closed"
    ada.user.save()
    assert client.post(SECOND, {"code": ada.code()})["Location"] == "/sign-in/"
    assert not is_in(client)


@pytest.mark.req("R-IN-02")
def test_who_comes_to_the_first_page_again_begins_anew(ada: Newcomer, client: Client) -> None:
    ada.first_step(client)
    client.get("/sign-in/")
    assert client.post(SECOND, {"code": ada.code()})["Location"] == "/sign-in/"


@pytest.mark.req("R-IN-03")
def test_wrong_codes_close_the_door_and_then_the_right_one_is_refused(ada: Newcomer, client: Client) -> None:
    ada.first_step(client)
    for _number in range(5):
        assert client.post(SECOND, {"code": "000 000 000"}).status_code == 400
    closed = client.post(SECOND, {"code": ada.code()})
    assert closed.status_code == 400
    assert "Too many wrong tries" in closed.content.decode()
    assert acts(ada.user)[-6:] == [*["second_factor.failed"] * 5, "second_factor.locked"]
    assert ada.first_step(Client()).status_code == 400


@pytest.mark.req("R-IN-03")
def test_wrong_passwords_and_wrong_codes_count_together(ada: Newcomer, client: Client) -> None:
    ada.first_step(client)
    for _number in range(3):
        client.post(SECOND, {"code": "1"})
    for _number in range(2):
        Client().post("/sign-in/", {"username": "ada", "password": "eight loud otters"})
    assert client.post(SECOND, {"code": ada.code()}).status_code == 400
    assert not is_in(client)


@pytest.mark.req("R-IN-03")
@pytest.mark.parametrize(
    "told", [{}, {"code": ""}, {"code": "\x00"}, {"passkey": "{"}, {"passkey": "[]"}, {"code": "9" * 40}]
)
def test_an_empty_or_odd_second_step_is_refused_in_peace(ada: Newcomer, client: Client, told: dict[str, Any]) -> None:
    ada.first_step(client)
    assert client.post(SECOND, told).status_code == 400
    assert not is_in(client)


@pytest.mark.req("R-IN-07")
def test_an_account_of_the_demo_needs_one_step_on_a_machine_of_its_own(cast: Cast, client: Client) -> None:
    client.post("/sign-in/", {"username": "alba", "password": PASSWORD})
    assert is_in(client)
    assert method_of(cast.alba) == "password"


@pytest.mark.req("R-IN-07")
def test_where_others_can_knock_an_account_of_the_demo_needs_both_steps(
    cast: Cast, client: Client, settings: Settings
) -> None:
    settings.DEMO_DOOR = False
    answer = client.post("/sign-in/", {"username": "alba", "password": PASSWORD})
    assert answer["Location"] == SECOND
    assert "authenticator shows" not in client.get(SECOND).content.decode()
    client.post(SECOND, {"code": str(factors.demo_code(cast.alba))})
    assert is_in(client)


@pytest.mark.req("R-IN-07")
def test_a_mark_set_on_the_row_from_outside_spares_nobody_the_second_step(ada: Newcomer, client: Client) -> None:
    held = Authenticator.objects.get(user=ada.user, type="totp")
    held.data["demo"] = True
    held.save()
    assert ada.first_step(client)["Location"] == SECOND


@pytest.mark.req("R-IN-17")
def test_nothing_that_was_typed_at_either_step_is_told_to_the_trail(ada: Newcomer, client: Client) -> None:
    ada.first_step(client)
    client.post(SECOND, {"code": "73519284"})
    code = ada.code()
    client.post(SECOND, {"code": code})
    told = "".join(str(vars(event)) for event in AuditEvent.objects.filter(object_id=str(ada.user.pk)))
    assert not any(word in told for word in (PASSWORD, "73519284", code, ada.secret, *ada.recovery_codes))


@pytest.mark.req("R-IN-01")
def test_passwords_of_the_product_are_kept_by_argon2_and_its_limits_are_those_of_the_page() -> None:
    assert product.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")
    assert (door.SESSION_IDLE, door.SESSION_ABSOLUTE, door.SESSION_WARNING) == (1800, 43_200, 120)
    assert product.DEMO_DOOR
    assert product.SESSION_COOKIE_HTTPONLY

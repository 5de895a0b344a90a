import datetime as dt

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from audit.models import AuditEvent
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def enter(client: Client, username: str, password: str, onward: str = "") -> int:
    told = {"username": username, "password": password, "next": onward}
    return client.post("/sign-in/", told).status_code


def acts() -> list[str]:
    told = AuditEvent.objects.filter(actor_id="alba", layer="act", trial_code="")
    return list(told.values_list("act", flat=True))


@pytest.mark.req("R-ACC-01")
def test_name_and_password_lead_to_my_work_and_leave_an_event(cast: Cast, client: Client) -> None:
    answer = client.post("/sign-in/", {"username": "alba", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "My work" in answer.content.decode()
    event = AuditEvent.objects.get(act="sign_in.succeeded")
    assert (event.actor_id, event.object_label, event.role) == ("alba", "Alba Sitestaff", "account")


@pytest.mark.req("R-ACC-01")
def test_a_wrong_password_signs_nobody_in_and_leaves_an_event_about_the_account(cast: Cast, client: Client) -> None:
    assert enter(client, "alba", "eight loud otters") == 400
    assert "_auth_user_id" not in client.session
    event = AuditEvent.objects.get(act="sign_in.failed")
    assert (event.actor_id, event.object_label) == ("machine:sign-in", "Alba Sitestaff")
    assert "eight loud otters" not in "".join(str(value) for value in vars(event).values())


@pytest.mark.req("R-ACC-01")
def test_an_unknown_name_is_never_stored_since_it_may_be_a_password(cast: Cast, client: Client) -> None:
    assert enter(client, PASSWORD, "x") == 400
    event = AuditEvent.objects.get(act="sign_in.failed")
    assert event.object_label == "unknown account"
    assert PASSWORD not in "".join(str(value) for value in vars(event).values())


@pytest.mark.req("R-ACC-01")
def test_unknown_name_closed_account_and_wrong_password_read_the_same(cast: Cast, client: Client) -> None:
    cast.brisa.is_active = False
    cast.brisa.save()
    tries = (("alba", "wrong"), ("nobody", "wrong"), ("brisa", PASSWORD))
    pages = [client.post("/sign-in/", {"username": name, "password": word}) for name, word in tries]
    sentences = {"do not fit an open account" in page.content.decode() for page in pages}
    assert sentences == {True}
    assert {page.status_code for page in pages} == {400}


@pytest.mark.req("R-ACC-01")
def test_signing_out_needs_a_post_and_leaves_an_event(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    assert client.get("/sign-out/").status_code == 405
    left = client.post("/sign-out/")
    assert left.headers["Location"] == "/sign-in/"
    assert left.headers["Clear-Site-Data"] == '"storage"'
    assert "_auth_user_id" not in client.session
    assert acts() == ["sign_out"]


@pytest.mark.req("R-ACC-01")
@pytest.mark.parametrize(
    ("onward", "place"),
    [("/trials/TUNDRA/", "/trials/TUNDRA/"), ("https://example.org/", "/"), ("//example.org/", "/"), ("", "/")],
)
def test_signing_in_goes_on_to_own_addresses_only(cast: Cast, client: Client, onward: str, place: str) -> None:
    answer = client.post("/sign-in/", {"username": "alba", "password": PASSWORD, "next": onward})
    assert answer.headers["Location"] == place


@pytest.mark.req("R-ACC-01")
def test_every_page_of_a_stranger_to_the_house_leads_to_the_sign_in(cast: Cast, client: Client) -> None:
    for address in ("/", "/trials/TUNDRA/", f"/subjects/{cast.subject_a.code}/", "/trials/TUNDRA/audit/"):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in/?next=")


@pytest.mark.req("R-ACC-01")
def test_who_is_signed_in_already_is_sent_on(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    assert client.get("/sign-in/?next=/trials/TUNDRA/").headers["Location"] == "/trials/TUNDRA/"


def fail(client: Client, username: str, times: int, address: str = "192.0.2.1") -> list[str]:
    told = {"username": username, "password": "eight loud otters"}
    return [client.post("/sign-in/", told, REMOTE_ADDR=address).content.decode() for _ in range(times)]


@pytest.mark.req("R-ACC-09")
def test_after_five_wrong_tries_the_right_password_is_refused_for_a_quarter_of_an_hour(
    cast: Cast, client: Client
) -> None:
    fail(client, "alba", 5)
    assert enter(client, "alba", PASSWORD) == 400
    event = AuditEvent.objects.get(act="sign_in.locked")
    assert event.object_label == "Alba Sitestaff"
    assert PASSWORD not in "".join(str(value) for value in vars(event).values())
    assert enter(client, "brisa", PASSWORD) == 302


@pytest.mark.req("R-ACC-09")
def test_the_door_opens_again_when_the_quarter_of_an_hour_is_over(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(client, "alba", 5)
    monkeypatch.setattr("audit.services.TRIES_WINDOW", dt.timedelta(0))
    assert enter(client, "alba", PASSWORD) == 302


@pytest.mark.req("R-ACC-09")
def test_a_closed_door_tells_nobody_which_names_exist(cast: Cast, client: Client) -> None:
    known, unknown = fail(client, "alba", 7), fail(client, "nobody", 7)
    assert all("stays closed for 15 minutes" in page for page in (*known, *unknown))
    assert "nobody" not in "".join(AuditEvent.objects.values_list("object_label", flat=True))


@pytest.mark.req("R-ACC-09")
def test_wrong_tries_with_changing_names_close_the_door_to_their_address_alone(cast: Cast, client: Client) -> None:
    for number in range(25):
        fail(client, f"name-{number}", 1)
    told = {"username": "alba", "password": PASSWORD}
    assert client.post("/sign-in/", told, REMOTE_ADDR="192.0.2.1").status_code == 400
    assert client.post("/sign-in/", told, REMOTE_ADDR="192.0.2.2").status_code == 302


@pytest.mark.req("R-ACC-09")
def test_the_address_of_the_house_proxy_is_never_locked_out(cast: Cast, client: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXY = "192.0.2.1"
    for number in range(25):
        fail(client, f"name-{number}", 1)
    told = {"username": "alba", "password": PASSWORD}
    assert client.post("/sign-in/", told, REMOTE_ADDR="192.0.2.1").status_code == 302

"""Sessions: how long they are good, who keeps them alive, and who ends them."""

import datetime as dt
import json
import uuid
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from audit.models import AuditEvent
from tests.cast import PASSWORD, Cast
from tests.newcomer import is_in
from trials.models import AccountSession, User
from trials.services import sessions
from trials.views.limits import BACKGROUND

pytestmark = pytest.mark.django_db
STATE, EXTEND = "/account/session/", "/account/session/extend/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def open_for(user: User, **environment: str) -> Client:
    client = Client(**environment)  # type: ignore[arg-type]  # REMOTE_ADDR and the like
    client.post("/sign-in/", {"username": user.username, "password": PASSWORD})
    assert is_in(client)
    return client


def row_of(client: Client) -> AccountSession:
    return AccountSession.objects.get(pk=client.session[sessions.KEY])


def age(client: Client, *, idle: float = 0, started: float = 0) -> None:
    """Let minutes go by since the session was used, and since it began."""
    now = timezone.now()
    AccountSession.objects.filter(pk=client.session[sessions.KEY]).update(
        last_seen_at=now - dt.timedelta(minutes=idle), started_at=now - dt.timedelta(minutes=max(started, idle))
    )


def ended(user: User) -> list[str]:
    events = AuditEvent.objects.filter(act="session.ended", object_id=str(user.pk)).order_by("sequence")
    return [json.loads(event.after)["why"] for event in events]


@pytest.mark.req("R-IN-11")
def test_thirty_minutes_without_use_end_a_session_and_say_so(cast: Cast) -> None:
    client = open_for(cast.alba)
    age(client, idle=29)
    assert client.get("/").status_code == 200
    age(client, idle=30.1)
    answer = client.get("/trials/TUNDRA/", follow=True)
    assert answer.redirect_chain == [("/sign-in/?next=/trials/TUNDRA/", 302)]
    assert "it was not used for 30 minutes" in answer.content.decode()
    assert ended(cast.alba) == ["idle"]
    assert "it was not used" not in client.get("/sign-in/").content.decode()


@pytest.mark.req("R-IN-11")
def test_twelve_hours_end_a_session_however_much_it_is_used(cast: Cast) -> None:
    client = open_for(cast.alba)
    age(client, started=12 * 60 - 1)
    assert client.get("/").status_code == 200
    assert client.post(EXTEND).json()["absolute"] <= 60
    age(client, started=12 * 60 + 0.1)
    assert client.post(EXTEND).json() == {"ended": True}
    assert ended(cast.alba) == ["absolute"]


@pytest.mark.req("R-IN-11")
def test_use_keeps_a_session_alive_with_one_write_a_minute(cast: Cast) -> None:
    client = open_for(cast.alba)
    age(client, idle=0.5)
    before = row_of(client).last_seen_at
    client.get("/")
    assert row_of(client).last_seen_at == before
    age(client, idle=1.5)
    client.get("/")
    assert timezone.now() - row_of(client).last_seen_at < dt.timedelta(seconds=30)


@pytest.mark.req("R-IN-11")
def test_what_a_page_asks_by_itself_keeps_nobody_signed_in(cast: Cast) -> None:
    client = open_for(cast.alba)
    age(client, idle=20)
    for address in (STATE, "/", "/trials/TUNDRA/"):
        assert client.get(address, headers={BACKGROUND: "1"}).status_code == 200
    assert client.get(STATE, headers={BACKGROUND: "1"}).json()["idle"] <= 10 * 60
    age(client, idle=31)
    assert client.get(STATE, headers={BACKGROUND: "1"}).json() == {"ended": True}
    assert not is_in(client)


@pytest.mark.req("R-IN-11")
def test_every_poll_of_our_pages_says_that_it_is_one() -> None:
    folder = Path(__file__).parents[2] / "templates"
    polls = [page for page in folder.rglob("*.html") if 'hx-trigger="load delay' in page.read_text()]
    assert polls
    assert [page.name for page in polls if BACKGROUND not in page.read_text()] == []


@pytest.mark.req("R-IN-11")
def test_extending_counts_as_use_at_once_and_needs_a_post(cast: Cast) -> None:
    client = open_for(cast.alba)
    age(client, idle=29)
    assert client.get(EXTEND).status_code == 405
    age(client, idle=29)
    told = client.post(EXTEND).json()
    assert told["idle"] >= 29 * 60
    assert told["account"] == "alba"
    assert Client(enforce_csrf_checks=True).post(EXTEND).status_code == 403


@pytest.mark.req("R-IN-11")
def test_a_house_may_ask_for_less_than_thirty_minutes(cast: Cast, settings: Settings) -> None:
    client = open_for(cast.alba)
    settings.SESSION_IDLE = 15 * 60
    age(client, idle=16)
    assert client.get("/").status_code == 302


@pytest.mark.req("R-IN-11")
@given(idle=st.integers(0, 4000), started=st.integers(0, 50_000))
def test_a_session_is_over_exactly_when_either_limit_is_reached(idle: int, started: int) -> None:
    now = timezone.now()
    row = AccountSession(started_at=now - dt.timedelta(seconds=started), last_seen_at=now - dt.timedelta(seconds=idle))
    assert sessions.left_of(row, at=now).is_over == (idle >= 1800 or started >= 43_200)


@pytest.mark.req("R-IN-13")
def test_a_browser_whose_row_is_gone_or_of_somebody_else_is_signed_out(cast: Cast) -> None:
    for spoil in ("gone", "other", "odd"):
        client = open_for(cast.alba)
        kept = client.session
        if spoil == "gone":
            row_of(client).delete()
        else:
            kept[sessions.KEY] = str(row_of(open_for(cast.brisa)).pk) if spoil == "other" else str(uuid.uuid4())
            kept.save()
        assert client.get("/").status_code == 302, spoil
        assert not is_in(client)


@pytest.mark.req("R-IN-13")
def test_the_account_page_lists_open_sessions_in_words(cast: Cast) -> None:
    here = open_for(cast.alba, HTTP_USER_AGENT=FIREFOX)
    open_for(cast.alba, REMOTE_ADDR="192.0.2.7")
    open_for(cast.brisa, REMOTE_ADDR="192.0.2.99")
    page = here.get("/account/").content.decode()
    assert "Firefox on Linux" in page
    assert "192.0.2.7" in page
    assert "192.0.2.99" not in page
    assert "Mozilla" not in page
    assert page.count("this one") == 1


@pytest.mark.req("R-IN-13")
def test_one_other_session_or_all_others_are_ended_by_their_holder(cast: Cast) -> None:
    here, second, third = (open_for(cast.alba) for _each in range(3))
    here.post(f"/account/sessions/{row_of(second).pk}/end/")
    assert second.get("/").status_code == 302
    assert third.get("/").status_code == 200
    here.post("/account/sessions/end-others/")
    assert third.get("/").status_code == 302
    assert here.get("/").status_code == 200
    assert ended(cast.alba) == ["by_holder", "by_holder"]


@pytest.mark.req("R-IN-13")
def test_nobody_ends_somebody_elses_session(cast: Cast) -> None:
    alba, brisa = open_for(cast.alba), open_for(cast.brisa)
    page = brisa.post(f"/account/sessions/{row_of(alba).pk}/end/", follow=True).content.decode()
    assert "has ended already" in page
    assert alba.get("/").status_code == 200


@pytest.mark.req("R-IN-13")
def test_the_operator_ends_every_session_of_an_account_with_a_reason(cast: Cast) -> None:
    one, two, operator = open_for(cast.alba), open_for(cast.alba), open_for(cast.operator)
    address = reverse("operator-account", args=[cast.alba.pk])
    assert operator.post(address, {"act": "end", "end-reason": " "}).status_code == 400
    operator.post(address, {"act": "end", "end-reason": "Laptop stolen."})
    assert (one.get("/").status_code, two.get("/").status_code) == (302, 302)
    event = AuditEvent.objects.get(act="session.ended", object_id=str(cast.alba.pk))
    assert (event.role, event.reason) == ("operator", "Laptop stolen.")


@pytest.mark.req("R-IN-13")
@pytest.mark.parametrize("field", ["is_active", "is_staff"])
def test_a_closed_account_and_one_with_other_rights_lose_their_sessions(cast: Cast, field: str) -> None:
    alba, operator = open_for(cast.alba), open_for(cast.operator)
    told = {"first_name": "Alba", "last_name": "Sitestaff", "email": "", "is_active": "on", "is_staff": "on"}
    if field == "is_active":
        del told["is_active"], told["is_staff"]
    assert operator.post(f"/operator/trials/user/{cast.alba.pk}/change/", told).status_code == 302
    assert alba.get("/").status_code == 302
    assert row_of(operator).ended_at is None
    assert AccountSession.objects.get(user=cast.alba).ended_at is not None


@pytest.mark.req("R-IN-13")
def test_signing_out_ends_the_row_as_well(cast: Cast) -> None:
    client = open_for(cast.alba)
    row = row_of(client)
    client.post("/sign-out/")
    row.refresh_from_db()
    assert row.ending == "signed_out"
    assert ended(cast.alba) == []


@pytest.mark.req("R-IN-13")
def test_sessions_hold_no_identity_beyond_the_account_and_the_trail_tells_no_place(cast: Cast) -> None:
    client = open_for(cast.alba, REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=FIREFOX)
    kept = set(dict(client.session))
    assert kept <= {"_auth_user_id", "_auth_user_backend", "_auth_user_hash", sessions.KEY}
    assert "alba" not in str(Session.objects.get(session_key=client.session.session_key).get_decoded())
    told = AuditEvent.objects.filter(object_type="trials.AccountSession", act="row.added").latest("sequence")
    assert str(cast.alba.pk) in told.after
    assert "192.0.2.7" not in told.after
    assert "Firefox" not in told.after


@pytest.mark.req("R-IN-13")
def test_the_account_page_tells_ones_roles_with_their_dates(cast: Cast) -> None:
    page = open_for(cast.alba).get("/account/").content.decode()
    held = cast.alba.memberships.get()
    for word in ("TUNDRA", "site staff", "01 · Alba Hospital", held.starts.strftime("%d %b %Y"), "alba"):
        assert word in page, word

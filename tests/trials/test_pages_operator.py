import pytest
from django.contrib import admin
from django.test import Client

from audit.models import AuditEvent
from tests.cast import PASSWORD, Cast
from trials.models import User

pytestmark = pytest.mark.django_db


def account(user: User, **changes: object) -> dict[str, object]:
    told = {"first_name": user.first_name, "last_name": user.last_name, "email": "", "is_active": "on"}
    return told | changes


@pytest.mark.req("R-ACC-04")
def test_the_operator_sees_accounts_and_nothing_of_a_trial(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    assert set(admin.site._registry) == {User}
    assert client.get("/operator/").status_code == 200
    for address in ("/trials/TUNDRA/", f"/subjects/{cast.subject_a.code}/", "/trials/TUNDRA/audit/"):
        assert client.get(address).status_code == 404
    assert "TUNDRA" not in client.get(f"/operator/trials/user/{cast.alba.pk}/change/").content.decode()


@pytest.mark.req("R-ACC-04")
def test_others_reach_no_operator_page(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    answer = client.get("/operator/", follow=True)
    assert answer.status_code == 403
    assert client.get("/operator/trials/user/", follow=True).status_code == 403


@pytest.mark.req("R-ACC-04")
def test_the_operator_signs_in_through_the_door_that_leaves_events(cast: Cast, client: Client) -> None:
    landing = client.get("/operator/", follow=True)
    assert landing.redirect_chain[-1][0] == "/sign-in/?next=%2Foperator%2F"
    told = {"username": "root", "password": PASSWORD, "next": "/operator/"}
    assert client.post("/sign-in/", told).headers["Location"] == "/operator/"
    assert AuditEvent.objects.filter(act="sign_in.succeeded", actor_id="root").exists()
    client.post("/operator/logout/")
    assert AuditEvent.objects.filter(act="sign_out", actor_id="root").exists()


@pytest.mark.req("R-ACC-04")
def test_making_and_changing_an_account_leaves_events_without_any_value(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    told = {"username": "nora", "first_name": "Nora", "last_name": "New", "email": "", "usable_password": "true"}
    words = {"password1": "nine calm herons", "password2": "nine calm herons"}
    assert client.post("/operator/trials/user/add/", told | words).status_code == 302
    nora = User.objects.get(username="nora")
    change = account(nora, may_create_trials="on")
    assert client.post(f"/operator/trials/user/{nora.pk}/change/", change).status_code == 302
    other = {"password1": "ten quick foxes", "password2": "ten quick foxes", "usable_password": "true"}
    assert client.post(f"/operator/trials/user/{nora.pk}/password/", other).status_code == 302
    events = AuditEvent.objects.filter(object_label="Nora New")
    assert list(events.values_list("act", flat=True)) == ["account.added", "account.changed", "account.changed"]
    assert not events.filter(after__contains="herons").exists()
    assert events.filter(after__contains="password").count() == 1


@pytest.mark.req("R-ACC-04")
def test_an_account_keeps_its_name_and_is_never_deleted(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    address = f"/operator/trials/user/{cast.alba.pk}/"
    client.post(f"{address}change/", account(cast.alba, username="renamed"))
    cast.alba.refresh_from_db()
    assert cast.alba.username == "alba"
    assert client.post(f"{address}delete/", {"post": "yes"}).status_code == 403


@pytest.mark.req("R-ACC-04")
def test_the_operator_cannot_reach_the_groups_that_carry_rights(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    assert client.get("/operator/auth/group/").status_code == 404
    before = set(cast.alba.groups.values_list("pk", flat=True))
    client.post(f"/operator/trials/user/{cast.alba.pk}/change/", account(cast.alba, groups=[1, 2, 3]))
    assert set(cast.alba.groups.values_list("pk", flat=True)) == before

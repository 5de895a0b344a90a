import datetime as dt
import hashlib
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audit.actor import OPERATOR
from audit.models import AuditEvent, Letter
from tests.cast import PASSWORD, TODAY, Cast
from tests.people import ORGANISATION
from trials.models import User

pytestmark = pytest.mark.django_db


LETTERS = "/operator/audit/letter/"
TEXT = b"%PDF-1.7 We sign electronically as if by hand."


def letter(**other: object) -> dict[str, object]:
    document = SimpleUploadedFile("letter.pdf", TEXT, content_type="application/pdf")
    return {"organisation": "North Hospital", "filed_on": TODAY.isoformat(), "document": document} | other


def account(user: User, **changes: object) -> dict[str, object]:
    told = {"first_name": user.first_name, "last_name": user.last_name, "email": "", "is_active": "on"}
    return told | changes


@pytest.mark.req("R-ACC-04")
def test_the_operator_sees_accounts_and_nothing_of_a_trial(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    assert set(admin.site._registry) == {User, Letter}
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
    assert set(events.values_list("role", flat=True)) == {"operator"}


@pytest.mark.req("R-ACC-04")
def test_the_databases_own_trail_names_the_operator_and_tells_no_password(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    change = account(cast.alba, organisation="North Hospital")
    assert client.post(f"/operator/trials/user/{cast.alba.pk}/change/", change).status_code == 302
    words = {"password1": "ten quick foxes", "password2": "ten quick foxes", "usable_password": "true"}
    assert client.post(f"/operator/trials/user/{cast.alba.pk}/password/", words).status_code == 302
    rows = AuditEvent.objects.filter(object_type="trials.User", object_id=str(cast.alba.pk), act="row.changed")
    assert set(rows.values_list("actor_id", "role")) == {("root", "operator")}
    assert rows.filter(before__contains=ORGANISATION, after__contains="North Hospital").count() == 1
    assert not rows.filter(after__contains="foxes").exists()


@pytest.mark.req("R-ACC-04")
def test_a_password_that_leaves_no_event_is_not_changed(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(cast.operator)

    def broken(**_told: object) -> None:
        raise RuntimeError("no event today")

    monkeypatch.setattr("trials.admin.record_change", broken)
    words = {"password1": "ten quick foxes", "password2": "ten quick foxes", "usable_password": "true"}
    with pytest.raises(RuntimeError, match="no event today"):
        client.post(f"/operator/trials/user/{cast.alba.pk}/password/", words)
    assert User.objects.get(pk=cast.alba.pk).check_password(PASSWORD)


@pytest.mark.req("R-SIG-12")
def test_an_account_names_the_organisation_whose_letter_covers_it(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    told = {"username": "nora", "first_name": "Nora", "last_name": "New", "email": "", "usable_password": "true"}
    words = {"password1": "nine calm herons", "password2": "nine calm herons"}
    new = told | words | {"organisation": "  Tundra  Core Laboratory "}
    made = client.post("/operator/trials/user/add/", new, follow=True).content.decode()
    nora = User.objects.get(username="nora")
    assert nora.organisation == ORGANISATION
    assert "its people cannot sign yet" not in made
    address = f"/operator/trials/user/{nora.pk}/change/"
    page = client.post(address, account(nora, organisation="North Hospital"), follow=True).content.decode()
    assert User.objects.get(username="nora").organisation == "North Hospital"
    assert "No letter of non-repudiation of this organisation is on file: its people cannot sign yet." in page


@pytest.mark.req("R-SIG-12")
def test_the_operator_files_a_letter_and_only_its_hash_is_kept(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    assert LETTERS in client.get("/operator/").content.decode()
    page = client.get(f"{LETTERS}add/").content.decode()
    assert 'enctype="multipart/form-data"' in page
    assert client.post(f"{LETTERS}add/", letter(organisation=" North  Hospital ")).headers["Location"] == LETTERS
    filed = Letter.objects.get(organisation="North Hospital")
    assert (filed.filed_on, filed.recorded_by) == (TODAY, "root")
    assert filed.document_sha256 == hashlib.sha256(TEXT).hexdigest()
    event = AuditEvent.objects.get(act="letter.filed", object_id=str(filed.pk))
    assert (event.actor_id, event.role) == ("root", OPERATOR)
    assert "North Hospital" in client.get(LETTERS).content.decode()
    assert filed.document_sha256 in client.get(f"{LETTERS}{filed.pk}/change/").content.decode()
    kept = [path for path in Path(settings.HOME).rglob("*") if path.is_file() and TEXT in path.read_bytes()]
    assert kept == []


@pytest.mark.req("R-SIG-12")
@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"organisation": f" {ORGANISATION} "}, "is on file already"),
        ({"filed_on": (TODAY + dt.timedelta(days=2)).isoformat()}, "has not come yet"),
        ({"document": ""}, "This field is required"),
        ({"document": SimpleUploadedFile("letter.pdf", b"")}, "file is empty"),
        ({"organisation": " "}, "This field is required"),
        ({"filed_on": "soon"}, "Enter a valid date"),
    ],
)
def test_a_letter_that_cannot_be_filed_is_told_beside_the_form(
    cast: Cast, client: Client, told: dict[str, object], sentence: str
) -> None:
    client.force_login(cast.operator)
    page = client.post(f"{LETTERS}add/", letter(**told))
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert Letter.objects.count() == 1
    assert AuditEvent.objects.filter(act="letter.filed").count() == 1


@pytest.mark.req("R-SIG-12")
def test_a_letter_on_file_is_neither_changed_nor_removed(cast: Cast, client: Client) -> None:
    client.force_login(cast.operator)
    filed = Letter.objects.get()
    for verb in ("change", "delete"):
        assert client.post(f"{LETTERS}{filed.pk}/{verb}/", letter(post="yes")).status_code == 403
    assert Letter.objects.get().organisation == ORGANISATION


@pytest.mark.req("R-SIG-12")
def test_nobody_but_a_superuser_files_or_sees_letters(cast: Cast, client: Client) -> None:
    User.objects.filter(pk=cast.stranger.pk).update(is_staff=True)
    client.force_login(cast.stranger)
    assert client.get(LETTERS).status_code == 403
    assert client.post(f"{LETTERS}add/", letter()).status_code == 403
    assert LETTERS not in client.get("/operator/").content.decode()
    client.force_login(cast.coordinator)
    assert client.post(f"{LETTERS}add/", letter(), follow=True).status_code == 403
    assert Letter.objects.count() == 1


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

"""The vault's pages: who opens which, and where a value may stand: on one page, when pressed for, kept by nobody."""

import datetime as dt
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from identity.models import UnlockWindow
from tests.cast import Cast, actor_for, add_form, add_site, found_trial, person, register, seat, write_charter
from tests.identity.conftest import PLANTED, agree, ask, later
from tests.signpage import sign
from tests.test_access_matrix import OF_THE_VAULT, ROLES, Objects, faults, signed_in
from tests.test_access_matrix import ask as ask_for
from trials.models import Subject, User
from trials.roles import Role
from trials.services import trials

pytestmark = pytest.mark.django_db(databases=["default", "identity"])
TYPED = {
    "name": "Zweistein, Alma",
    "birth_date": "1947-02-11",
    "sex": "F",
    "local_number": "QX99871345",
    "contact": "Calle Inventada 7",
}


def seated(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


def objects(subject: Subject, window: UnlockWindow) -> Objects:
    code = subject.trial_site.trial.code
    return Objects({"trial": {"code": code}, "subject": {"code": subject.code}, "window": {"pk": window.pk}})


@pytest.mark.req("R-ID-23", "R-ACC-10")
def test_each_role_opens_of_the_vault_what_the_table_says(cast: Cast, recorded: Subject) -> None:
    own = objects(recorded, ask(cast.alba, recorded))
    browsers = signed_in(cast)
    wrong = [fault for name, row in OF_THE_VAULT.items() for fault in faults(browsers, own, name, row)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.req("R-ID-23", "R-ACC-11")
def test_another_trials_vault_is_404_to_everybody(cast: Cast, recorded: Subject) -> None:
    otis, ines = (person(name, f"{name.title()} Elsewhere") for name in ("otis", "ines"))
    trial = found_trial(otis, code="BOREAL")
    write_charter(trial, otis)
    trials.open_trial(by=actor_for(otis), trial=trial)
    site = add_site(trial, otis, code="cima", number="01", ae_title="")
    form = add_form(otis, trial)
    seat(trial, otis, ines, Role.SITE_STAFF, site)
    seat(trial, otis, person("mila", "Mila Elsewhere"), Role.MONITOR)
    foreign = objects(register(ines, site, form), ask(cast.alba, recorded))
    UnlockWindow.objects.update(subject_code=foreign.arguments["subject"]["code"], trial_code="BOREAL")
    for who in ROLES.values():
        client = seated(getattr(cast, who))
        for name, row in OF_THE_VAULT.items():
            for method, _allowed in row.methods():
                assert ask_for(client, method, name, foreign.arguments[row.takes]) == 404, (name, method, who)


@pytest.mark.req("R-ID-23")
def test_recording_asking_agreeing_and_reading_by_pages(cast: Cast, vault: object) -> None:
    code, alba, dora = cast.subject_a.code, seated(cast.alba), seated(cast.officer)
    answer = alba.post(f"/subjects/{code}/identity/record/", TYPED, follow=True)
    assert "Recorded. To read it again takes two people." in text_of(answer)
    assert not _told(answer)
    answer = sign(alba, alba.post(f"/subjects/{code}/identity/unlock/", {"reason": "call her back"}))
    window = UnlockWindow.objects.get()
    assert answer.headers["Location"] == f"/identity-windows/{window.pk}/"
    assert "Nothing opens until another person has agreed" in text_of(alba.get(answer.headers["Location"]))
    assert f"/identity-windows/{window.pk}/agree/" in text_of(dora.get("/trials/TUNDRA/identities/"))
    assert sign(dora, dora.get(f"/identity-windows/{window.pk}/agree/")).status_code == 302
    hidden = alba.get(f"/identity-windows/{window.pk}/")
    assert not _told(hidden)
    assert "Show who it is" in text_of(hidden)
    shown = alba.post(f"/identity-windows/{window.pk}/")
    assert all(value in text_of(shown) for value in ("Zweistein, Alma", "11 Feb 1947", "QX99871345", "Calle Inventada"))
    assert {"no-store", "private"} <= set(shown.headers["Cache-Control"].split(", "))
    assert not _told(shown, within="<title>.*</title>")
    assert "<img" not in text_of(shown)
    alba.post(f"/identity-windows/{window.pk}/close/")
    closed = alba.post(f"/identity-windows/{window.pk}/")
    assert closed.status_code == 400
    assert "This window is closed" in text_of(closed)
    assert not _told(closed)


def _told(response: Any, within: str = ".*") -> list[str]:
    parts = "".join(re.findall(within, text_of(response), re.DOTALL))
    return [planted for planted in (*PLANTED, "11 Feb 1947") if planted in parts]


@pytest.mark.req("R-ID-24")
def test_no_other_page_list_or_history_tells_a_value_or_keeps_one(cast: Cast, opened: UnlockWindow) -> None:
    code, pk = cast.subject_a.code, cast.subject_a.pk
    pages = [
        f"/subjects/{code}/",
        f"/history/subject/{pk}/",
        "/trials/TUNDRA/",
        "/trials/TUNDRA/subjects/",
        "/trials/TUNDRA/audit/",
        "/trials/TUNDRA/identities/",
        f"/subjects/{code}/identity/",
        f"/subjects/{code}/identity/correct/",
        f"/identity-windows/{opened.pk}/",
        "/api/trials/TUNDRA/subjects/",
    ]
    for user in (cast.alba, cast.officer, cast.coordinator, cast.monitor):
        client = seated(user)
        for page in pages:
            answer = client.get(page)
            assert not _told(answer), (user, page)
            if "identit" in page and answer.status_code == 200:
                assert "no-store" in answer.headers["Cache-Control"]
    assert cache.get(code) is None


@pytest.mark.req("R-ID-24")
def test_the_officer_sees_every_request_and_site_staff_their_own_sites(cast: Cast, opened: UnlockWindow) -> None:
    page = text_of(seated(cast.officer).get("/trials/TUNDRA/identities/"))
    for told in (cast.subject_a.code, "Alba Sitestaff", "Dora Officer", "the hospital must call her back"):
        assert told in page
    elsewhere = text_of(seated(cast.brisa).get("/trials/TUNDRA/identities/"))
    assert cast.subject_a.code not in elsewhere
    assert cast.subject_b.code in elsewhere
    assert "Nobody has asked" in elsewhere


@pytest.mark.req("R-ID-23")
@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("name", "''"),
        ("name", "x" * 201),
        ("birth_date", "1747-02-11"),
        ("birth_date", "2947-02-11"),
        ("birth_date", "yesterday"),
        ("sex", "X"),
        ("local_number", "x" * 65),
        ("contact", "\0"),
    ],
)
def test_odd_input_is_told_beside_its_field_and_records_nothing(
    cast: Cast, vault: object, field: str, typed: str
) -> None:
    answer = seated(cast.alba).post(f"/subjects/{cast.subject_a.code}/identity/record/", TYPED | {field: typed})
    assert answer.status_code == 400
    assert "field--bad" in text_of(answer)
    assert not AuditEvent.objects.filter(act="identity.recorded").exists()


@pytest.mark.req("R-ID-23")
def test_an_expired_window_and_a_foreign_session_are_told_on_the_page(
    cast: Cast, opened: UnlockWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = seated(cast.alba).post(f"/identity-windows/{opened.pk}/")
    assert (answer.status_code, "another session" in text_of(answer)) == (400, True)
    later(monkeypatch, dt.timedelta(hours=2))
    client = seated(cast.alba)
    assert "over" in text_of(client.get(f"/identity-windows/{opened.pk}/"))
    assert client.get("/identity-windows/12345678-1234-1234-1234-123456789abc/").status_code == 404


@pytest.mark.req("R-ID-23")
def test_a_request_already_agreed_to_offers_no_second_signature(cast: Cast, recorded: Subject) -> None:
    window = agree(cast.officer, ask(cast.alba, recorded))
    answer = seated(cast.officer).get(f"/identity-windows/{window.pk}/agree/", follow=True)
    assert "does not wait any more" in text_of(answer)
    own = seated(cast.alba).get(f"/identity-windows/{window.pk}/agree/", follow=True)
    assert "Two people unlock" in text_of(own)


@pytest.mark.req("R-ID-23")
def test_the_tab_is_there_for_whom_it_concerns(cast: Cast, vault: object) -> None:
    address = reverse("identity-list", args=["TUNDRA"])
    for who, sees in (("alba", True), ("officer", True), ("coordinator", False), ("monitor", False)):
        assert (address in text_of(seated(getattr(cast, who)).get("/trials/TUNDRA/"))) == sees, who

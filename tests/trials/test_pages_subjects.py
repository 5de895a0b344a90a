import datetime as dt
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEvent
from tests.cast import ALL_CHECKS, SCOPES, TODAY, Cast
from trials.models import Consent, Subject

pytestmark = pytest.mark.django_db
WITHDRAWAL = {"what": "W3", "on": TODAY, "reason": "asked by letter"}
PAPER = {"language": "en", "scan_sha256": "a" * 64, "scan_pages": 3, "checks": ALL_CHECKS}


def registration(cast: Cast, **changes: object) -> dict[str, object]:
    told = {"trial_site": cast.site_a.pk, "day_zero": TODAY, "form": cast.form.pk, "scopes": SCOPES, "on": TODAY}
    return told | PAPER | changes


def withdraw(client: Client, code: str, typed: str, **changes: object) -> Any:
    """Ask for the preview, then confirm what it showed with the code as typed."""
    address, told = f"/subjects/{code}/withdrawal/", WITHDRAWAL | changes
    shown = client.post(address, told).context["shown"]
    return client.post(address, told | {"confirm": "yes", "seen": shown.seen, "code": typed})


@pytest.mark.req("R-SUB-02")
def test_site_staff_register_at_their_own_site_and_get_a_code(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    offered = client.get("/trials/TUNDRA/subjects/new/").context["form"].fields["trial_site"].queryset
    assert list(offered) == [cast.site_a]
    answer = client.post("/trials/TUNDRA/subjects/new/", registration(cast), follow=True)
    subject = Subject.objects.order_by("-pk")[0]
    assert answer.redirect_chain == [(f"/subjects/{subject.code}/", 302)]
    assert subject.time_points.count() == 3
    assert AuditEvent.objects.filter(act="subject.registered", object_label=subject.code, actor_id="alba").exists()


@pytest.mark.req("R-SUB-02")
def test_another_site_cannot_be_chosen(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    answer = client.post("/trials/TUNDRA/subjects/new/", registration(cast, trial_site=cast.site_b.pk))
    assert answer.status_code == 400
    assert Subject.objects.count() == 2


@pytest.mark.req("R-SUB-02")
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scopes": ["computing"]}, "Without consent to imaging"),
        ({"on": TODAY + dt.timedelta(days=9)}, "lies in the future"),
        ({"on": TODAY - dt.timedelta(days=9)}, "before the form was approved"),
        ({"day_zero": "soon"}, "valid date"),
    ],
)
def test_a_registration_that_does_not_fit_is_refused_in_words(
    cast: Cast, client: Client, changes: dict[str, object], word: str
) -> None:
    client.force_login(cast.alba)
    answer = client.post("/trials/TUNDRA/subjects/new/", registration(cast, **changes))
    assert answer.status_code == 400
    assert word in answer.content.decode()
    assert Subject.objects.count() == 2


@pytest.mark.req("R-SUB-02")
def test_no_field_of_the_registration_could_take_a_name(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    fields = client.get("/trials/TUNDRA/subjects/new/").context["form"].fields
    paper = {"language", "scan_sha256", "scan_pages", "checks"}
    assert set(fields) == {"trial_site", "day_zero", "form", "scopes", "on"} | paper


@pytest.mark.req("R-ACC-03")
@pytest.mark.parametrize("page", ["", "consent/", "withdrawal/"])
def test_staff_of_one_site_get_nothing_of_a_subject_of_another(cast: Cast, client: Client, page: str) -> None:
    client.force_login(cast.alba)
    assert client.get(f"/subjects/{cast.subject_a.code}/{page}").status_code == 200
    assert client.get(f"/subjects/{cast.subject_b.code}/{page}").status_code == 404


@pytest.mark.req("R-ACC-03")
@pytest.mark.parametrize("name", ["reader", "sponsor", "stranger", "operator"])
def test_who_may_see_no_subject_finds_none(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    for page in ("", "consent/", "withdrawal/"):
        assert client.get(f"/subjects/{cast.subject_a.code}/{page}").status_code == 404


@pytest.mark.req("R-ACC-03")
@pytest.mark.parametrize("name", ["analyst", "monitor", "officer"])
def test_who_only_looks_cannot_register_or_touch_consent(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    code = cast.subject_a.code
    assert client.get("/trials/TUNDRA/subjects/new/").status_code == 403
    assert client.post("/trials/TUNDRA/subjects/new/", registration(cast)).status_code == 403
    assert client.get(f"/subjects/{code}/consent/").status_code == 403
    assert client.post(f"/subjects/{code}/withdrawal/", WITHDRAWAL | {"code": code}).status_code == 403
    assert client.get("/trials/TUNDRA/consent-forms/new/").status_code == 403


@pytest.mark.req("R-SUB-03")
def test_the_list_shows_the_own_site_to_its_staff_and_all_to_the_coordinator(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    assert list(client.get("/trials/TUNDRA/subjects/").context["subjects"]) == [cast.subject_a]
    client.force_login(cast.coordinator)
    assert len(client.get("/trials/TUNDRA/subjects/").context["subjects"]) == 2


@pytest.mark.req("R-SUB-03")
def test_a_consent_form_version_is_recorded_with_what_it_asks_for(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    told = {"version": "2.0", "approved_on": TODAY, "scopes": ["imaging", "export"], "basis_imaging": "research"}
    assert client.post("/trials/TUNDRA/consent-forms/new/", told).status_code == 400
    told["basis_export"] = "public_interest"
    assert client.post("/trials/TUNDRA/consent-forms/new/", told).status_code == 302
    assert cast.trial.consent_forms.get(version="2.0").scopes == ["export", "imaging"]
    assert client.post("/trials/TUNDRA/consent-forms/new/", told).status_code == 400


@pytest.mark.req("R-SUB-04")
def test_a_new_consent_replaces_the_old_one_and_keeps_it_readable(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    code = cast.subject_a.code
    told = {"form": cast.form.pk, "scopes": ["imaging"], "on": TODAY} | PAPER
    assert client.post(f"/subjects/{code}/consent/", told).status_code == 302
    page = client.get(f"/subjects/{code}/")
    assert [line.words for line in page.context["modules"]] == ["valid", "refused", "refused", "refused"]
    kinds = [row.kind for row, _scopes in client.get(f"/subjects/{code}/consent/history/").context["rows"]]
    assert kinds == ["given", "confirmed", "given"]


@pytest.mark.req("R-SUB-04")
def test_withdrawal_covers_nothing_any_more_and_stops_what_was_expected(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    code = cast.subject_a.code
    assert withdraw(client, code, code).status_code == 302
    page = client.get(f"/subjects/{code}/")
    assert [line.words for line in page.context["modules"]] == ["withdrawn", "withdrawn", "valid", "valid"]
    assert {visit.standing.word for visit in page.context["visits"]} == {"stopped"}
    event = AuditEvent.objects.get(act="consent.withdrawn")
    assert (event.reason, event.actor_id) == ("asked by letter", "alba")


@pytest.mark.req("R-SUB-04")
@pytest.mark.parametrize("typed", ["", "AAAA-AAAA", "yes"])
def test_withdrawal_needs_the_code_of_this_subject(cast: Cast, client: Client, typed: str) -> None:
    client.force_login(cast.alba)
    assert withdraw(client, cast.subject_a.code, typed).status_code == 400
    assert not Consent.objects.filter(kind=Consent.Kind.WITHDRAWN).exists()


@pytest.mark.req("R-SUB-04")
def test_the_typed_code_may_come_in_small_letters_and_without_hyphen(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    typed = cast.subject_a.code.replace("-", "").lower()
    assert withdraw(client, cast.subject_a.code, typed).status_code == 302


@pytest.mark.req("R-SUB-04")
def test_withdrawal_needs_a_reason_and_happens_once(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    address, code = f"/subjects/{cast.subject_a.code}/withdrawal/", cast.subject_a.code
    assert client.post(address, WITHDRAWAL | {"reason": " "}).status_code == 400
    assert withdraw(client, code, code).status_code == 302
    answer = client.post(address, WITHDRAWAL)
    assert answer.status_code == 400
    assert "no consent to withdraw" in answer.content.decode()


@pytest.mark.req("R-SUB-05")
def test_the_history_tells_who_did_what_to_the_subject_newest_first(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    code = cast.subject_a.code
    withdraw(client, code, code)
    address = f"/history/subject/{cast.subject_a.pk}/"
    assert address in client.get(f"/subjects/{code}/").content.decode()
    acts = [line for line in client.get(address).context["lines"] if not line.is_row]
    assert [line.event.act for line in acts] == [
        "consent.withdrawn",
        "consent.confirmed",
        "consent.given",
        "subject.registered",
    ]
    assert {line.event.object_label for line in acts} == {code}

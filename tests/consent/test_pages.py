"""The pages of consent: what they show, and how they refuse."""

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEvent
from imaging.models import Seclusion
from imaging.tasks import seclude
from reports import services as reports
from tests.cast import ALL_CHECKS, TODAY, Cast, actor_for, new_consent, withdraw
from tests.imaging.scans import baseline_of, ct_series, drive, send
from tests.people import ORGANISATION
from tests.reports.rows import HALVED, write_reads
from trials.agreement import Gate, Level
from trials.models import Consent
from trials.services import consent, consents

pytestmark = pytest.mark.django_db


def body(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


@pytest.mark.req("R-CONS-03")
def test_the_monitor_confirms_on_the_page_and_the_recorder_is_told_to_leave_it(cast: Cast, client: Client) -> None:
    by = actor_for(cast.alba)
    paper = consents.give(by=by, subject=cast.subject_a, new=new_consent(cast.form))
    client.force_login(cast.alba)
    assert "somebody else must check it" in body(client, f"/consents/{paper.pk}/check/")
    told = {"scan_sha256": paper.scan_sha256.upper(), "scan_pages": 3, "checks": ALL_CHECKS, "confirm": "yes"}
    assert client.post(f"/consents/{paper.pk}/check/", told).status_code == 400
    client.force_login(cast.monitor)
    assert paper.scan_sha256 not in body(client, f"/consents/{paper.pk}/check/")
    assert client.post(f"/consents/{paper.pk}/check/", told | {"scan_sha256": "0" * 64}).status_code == 400
    assert client.post(f"/consents/{paper.pk}/check/", told).status_code == 302
    assert Consent.objects.filter(of=paper, kind=Consent.Kind.CONFIRMED).exists()


@pytest.mark.req("R-CONS-03")
def test_a_paper_is_rejected_on_the_page_with_what_is_wrong(cast: Cast, client: Client) -> None:
    by = actor_for(cast.alba)
    paper = consents.give(by=by, subject=cast.subject_a, new=new_consent(cast.form))
    client.force_login(cast.monitor)
    address = f"/consents/{paper.pk}/check/"
    assert client.post(address, {"reject": "yes", "note": " "}).status_code == 400
    assert client.post(address, {"reject": "yes", "note": "no date"}).status_code == 302
    assert "no date" in body(client, f"/subjects/{cast.subject_a.code}/consent/history/")
    assert not consent.allows(cast.subject_a, Gate.READ)


@pytest.mark.req("R-CONS-04")
def test_a_version_shows_its_modules_and_takes_approvals_from_the_coordinator(cast: Cast, client: Client) -> None:
    address = f"/trials/TUNDRA/consent-forms/{cast.form.pk}/"
    client.force_login(cast.monitor)
    page = body(client, address)
    assert "mandatory" in page
    assert "Record an approval" not in page
    client.force_login(cast.coordinator)
    told = {"trial_site": cast.site_a.pk, "language": "es", "on": TODAY}
    assert client.post(address, told).status_code == 302
    assert client.post(address, told).status_code == 400
    assert client.post(address, told | {"language": "Spanish"}).status_code == 400
    assert AuditEvent.objects.filter(act="consent_form.approved", actor_id="clara").count() == 3


@pytest.mark.req("R-CONS-13")
def test_a_restriction_is_shown_on_the_subjects_page_and_lifted_there(cast: Cast, client: Client) -> None:
    address = f"/subjects/{cast.subject_a.code}/"
    client.force_login(cast.officer)
    told = {"ground": "accuracy", "reason": "the person contests the side"}
    assert client.post(f"{address}restriction/", told).status_code == 302
    page = body(client, address)
    assert "restricted (GDPR 18)" in page
    assert "the person contests the side" in page
    assert client.post(f"{address}restriction/", {"reason": "it was right"}).status_code == 302
    assert "restricted (GDPR 18)" not in body(client, address)


@pytest.mark.req("R-CONS-08")
def test_the_preview_comes_again_where_something_changed_and_confirms_what_it_shows(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    address = f"/subjects/{cast.subject_a.code}/withdrawal/"
    told = {"what": "W3", "on": TODAY, "reason": "asked by letter"}
    seen = client.post(address, told).context["shown"].seen
    drive(send(cast.alba, baseline_of(cast), ct_series(1)))
    confirmed = {"confirm": "yes", "code": cast.subject_a.code}
    again = client.post(address, told | confirmed | {"seen": seen})
    assert again.status_code == 400
    assert "look at it once more" in again.content.decode()
    fresh = again.context["shown"].seen
    assert f'value="{fresh}"' in again.content.decode()
    assert client.post(address, told | confirmed | {"seen": fresh}).status_code == 302


@pytest.mark.req("R-CONS-18")
def test_who_received_something_is_listed_after_a_withdrawal_and_who_was_told_is_kept(
    cast: Cast, client: Client
) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    reports.take_results(by=actor_for(cast.sponsor), trial=cast.trial)
    client.force_login(cast.alba)
    address = f"/subjects/{cast.subject_a.code}/withdrawal/notice/"
    told: dict[str, Any] = {"names": [ORGANISATION], "on": TODAY}
    assert client.post(address, told).status_code == 302, "nobody is told of anything below W4"
    withdraw(cast.alba, cast.subject_a, Level.W4)
    assert "Record who was told" in body(client, address)
    names: list[dict[str, Any]] = [{"names": ["Somebody"]}, {"names": []}]
    days: list[dict[str, Any]] = [{"on": TODAY + dt.timedelta(days=1)}, {"on": "2020-01-01"}]
    for wrong in (*names, *days):
        assert client.post(address, told | wrong).status_code == 400, wrong
    assert not AuditEvent.objects.filter(act="recipients.told").exists()
    assert client.post(address, told).status_code == 302
    event = AuditEvent.objects.get(act="recipients.told")
    assert json.loads(event.after) == {"level": "W4", "on": str(TODAY), "recipients": [ORGANISATION]}
    page = body(client, address)
    assert "told on" in page
    assert "Record who was told" not in page
    withdraw(cast.alba, cast.subject_a, Level.W6)
    assert "Record who was told" in body(client, address), "of a graver withdrawal they are told again"


@pytest.mark.req("R-CONS-12")
def test_sponsor_and_officer_destroy_on_their_page_and_see_the_hashes(cast: Cast, client: Client) -> None:
    drive(send(cast.alba, baseline_of(cast), ct_series(1)))
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="the form was never signed")
    row = Seclusion.objects.get()
    seclude(str(row.pk))
    for user in (cast.sponsor, cast.officer):
        client.force_login(user)
        assert cast.subject_a.code in body(client, "/trials/TUNDRA/out-of-analysis/")
        assert row.images.get().sha256 in body(client, f"/out-of-analysis/{row.pk}/")
        assert client.post(f"/out-of-analysis/{row.pk}/", {"reason": "nobody consented"}).status_code == 302
    assert "destroyed; hashes are kept" in body(client, f"/out-of-analysis/{row.pk}/")


@pytest.mark.req("R-CONS-06")
def test_the_script_sees_consent_withdrawal_and_restriction_as_the_page_does(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    address = f"/api/trials/TUNDRA/subjects/{cast.subject_a.code}/"
    assert client.get(address).json()["consent"]["imaging"] == "valid"
    withdraw(cast.alba, cast.subject_a, Level.W4)
    told = client.get(address).json()
    assert told["withdrawal"] == {"level": "W4", "on": TODAY.isoformat()}
    assert (told["consent"]["secondary"], told["is_restricted"]) == ("withdrawn", False)

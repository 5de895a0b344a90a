"""The pages: figures with their tables, building, releasing with a password, taking the file."""

import datetime as dt
import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from audit.sealing import seal_all
from reports.models import Report, SealedDocument
from reports.sealing import seal_released
from tests.cast import TODAY, Cast, withdraw
from tests.signpage import filled
from tests.tampering import change_frozen
from trials.agreement import Level
from trials.models import Charter


@pytest.mark.req("R-REP-05", "R-REP-06")
def test_the_results_page_has_both_figures_and_the_numbers_in_tables(cast: Cast, built: Report, client: Client) -> None:
    client.force_login(cast.sponsor)
    page = client.get(reverse("results", args=["TUNDRA"])).content.decode()
    assert page.count("<svg") == 2
    assert 'id="waterfall-title"' in page
    assert 'id="spider-desc"' in page
    for words in (cast.subject_a.code, "-60.6", "52.1", "121.7", "PD by rows written for a test."):
        assert words in page
    assert not re.search(r"\sstyle=|<style|\son\w+=", page.split("<main", 1)[1])
    for name in ("Rhea", "rhea", "Hospital", "free comment"):
        assert name not in page


@pytest.mark.req("R-REP-07")
def test_the_results_page_names_who_is_left_out(cast: Cast, built: Report, client: Client) -> None:
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="the form was never signed")
    client.force_login(cast.sponsor)
    page = client.get(reverse("results", args=["TUNDRA"])).content.decode()
    assert "there never was a valid consent" in page
    assert "-60.6" not in page
    assert "121.7" in page


def test_the_results_page_says_so_before_a_charter_and_before_the_first_read(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    address = reverse("results", args=["TUNDRA"])
    assert "No read is locked yet" in client.get(address).content.decode()
    cast.trial.charters.update(state=Charter.State.SUPERSEDED)
    assert "No charter is approved yet" in client.get(address).content.decode()


@pytest.mark.req("R-REP-11")
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("coordinator", 200), ("monitor", 200), ("sponsor", 200), ("alba", 403), ("analyst", 403), ("officer", 403),
        ("reader", 404), ("stranger", 404), ("operator", 404),
    ],
)  # fmt: skip
@pytest.mark.parametrize("address", ["results", "report-list", "api-results"])
def test_results_and_reports_are_for_coordinator_monitor_and_sponsor(
    cast: Cast, client: Client, name: str, status: int, address: str
) -> None:
    client.force_login(getattr(cast, name))
    assert client.get(reverse(address, args=["TUNDRA"])).status_code == status


@pytest.mark.req("R-REP-08")
def test_the_coordinator_builds_and_lands_on_the_report(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    answer = client.post(reverse("report-build", args=["TUNDRA"]), {"cut_off": TODAY.isoformat()}, follow=True)
    report = Report.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("report", args=[report.pk])
    page = answer.content.decode()
    assert "only the coordinator sees it" in page
    assert report.contents_sha256 in page
    assert report.audit_hash in page


@pytest.mark.req("R-REP-08")
def test_a_cut_off_to_come_is_refused_on_the_page(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    answer = client.post(reverse("report-build", args=["TUNDRA"]), {"cut_off": "2999-01-01"})
    assert answer.status_code == 400
    assert "has not come yet" in answer.content.decode()
    assert not Report.objects.exists()


@pytest.mark.req("R-REP-09")
def test_a_wrong_password_is_told_and_the_right_one_releases(cast: Cast, built: Report, client: Client) -> None:
    client.force_login(cast.coordinator)
    address = reverse("report-release", args=[built.pk])
    assert f'href="{address}"' in client.get(reverse("report", args=[built.pk])).content.decode()
    page = client.get(address).content.decode()
    assert built.contents_sha256 in page
    assert "The sum is 31.5 mm, written for a test." in page
    wrong = client.post(address, filled(page, password="not mine"))
    assert wrong.status_code == 400
    assert "nothing was signed" in wrong.content.decode()
    built.refresh_from_db()
    assert built.state == Report.State.BUILT
    right = client.post(address, filled(wrong.content.decode()), follow=True)
    assert "Clara Coordinator, Tundra Core Laboratory" in right.content.decode()
    assert "never changes" in right.content.decode()
    built.refresh_from_db()
    assert built.state == Report.State.RELEASED


@pytest.mark.req("R-SIG-24")
def test_a_refused_release_is_told_on_the_reports_own_page(cast: Cast, built: Report, client: Client) -> None:
    withdraw(cast.alba, cast.subject_a, reason="told the nurse")
    client.force_login(cast.coordinator)
    answer = client.get(reverse("report-release", args=[built.pk]), follow=True)
    assert answer.redirect_chain[-1][0] == reverse("report", args=[built.pk])
    assert "The report stays unreleased" in answer.content.decode()


@pytest.mark.req("R-SIG-29")
def test_the_pages_say_which_void_signatures_stand_in_the_way(cast: Cast, built: Report, client: Client) -> None:
    change_frozen("endpoints_read", "UPDATE endpoints_read SET comment = 'something else'")
    client.force_login(cast.coordinator)
    refused = client.post(reverse("report-build", args=["TUNDRA"]), {"cut_off": TODAY.isoformat()})
    assert refused.status_code == 400
    stopped = client.get(reverse("report-release", args=[built.pk]), follow=True)
    for page in (refused, stopped):
        told = page.content.decode()
        assert "these signatures are void: read of CASE-" in told
        assert "Rhea" not in told


@pytest.mark.req("R-SIG-25")
def test_a_released_report_is_being_sealed_and_then_offers_its_document_with_its_hash(
    cast: Cast, released: Report, client: Client
) -> None:
    client.force_login(cast.sponsor)
    own, state, pdf = (reverse(name, args=[released.pk]) for name in ("report", "report-sealing", "report-download"))
    page = client.get(own).content.decode()
    assert "being sealed; this takes some seconds" in page
    assert f'hx-get="{state}"' in page
    assert pdf not in page
    early = client.get(pdf, follow=True)
    assert early.redirect_chain[-1][0] == own
    assert "is being sealed" in early.content.decode()
    assert "notice--bad" not in early.content.decode()
    assert client.get(state).status_code == 200
    seal_all()
    assert seal_released() == 1
    done = client.get(state)
    assert (done.status_code, done["HX-Refresh"]) == (286, "true")
    page = client.get(own).content.decode()
    document = released.documents.get()
    for words in (document.pdf_sha256, f"checkpoint over {document.checkpoint_size} records", pdf):
        assert words in page
    assert "hx-get" not in page


@pytest.mark.req("R-SIG-25")
def test_a_sealing_that_takes_too_long_says_so(
    cast: Cast, released: Report, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(cast.sponsor)
    address = reverse("report-sealing", args=[released.pk])
    assert "longer than it should" not in client.get(address).content.decode()
    monkeypatch.setattr("reports.views._SEALED_BY", dt.timedelta(seconds=-1))
    assert "longer than it should" in client.get(address).content.decode()


@pytest.mark.req("R-REP-10", "R-REP-11")
@pytest.mark.parametrize("name", ["sponsor", "monitor"])
def test_before_release_a_report_does_not_exist_for_sponsor_and_monitor(
    cast: Cast, built: Report, client: Client, name: str
) -> None:
    client.force_login(getattr(cast, name))
    for address in ("report", "report-download", "report-contents"):
        assert client.get(reverse(address, args=[built.pk])).status_code == 404
    assert client.post(reverse("report-release", args=[built.pk])).status_code == 404
    assert "Report 1" not in client.get(reverse("report-list", args=["TUNDRA"])).content.decode()


@pytest.mark.req("R-REP-09", "R-REP-11")
@pytest.mark.parametrize("name", ["sponsor", "monitor"])
def test_after_release_they_see_it_and_still_cannot_sign(
    cast: Cast, released: Report, client: Client, name: str
) -> None:
    client.force_login(getattr(cast, name))
    assert client.get(reverse("report", args=[released.pk])).status_code == 200
    assert client.post(reverse("report-release", args=[released.pk])).status_code == 403
    assert client.post(reverse("report-build", args=["TUNDRA"]), {"cut_off": TODAY}).status_code == 403


@pytest.mark.req("R-REP-11")
@pytest.mark.parametrize("name", ["stranger", "operator", "reader", "alba", "analyst", "officer"])
def test_for_everybody_else_no_report_exists(cast: Cast, released: Report, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    for address in ("report", "report-download", "report-contents"):
        assert client.get(reverse(address, args=[released.pk])).status_code == 404


@pytest.mark.req("R-REP-10")
def test_the_file_comes_as_an_attachment_and_is_listed_with_its_hash(
    cast: Cast, released: Report, document: SealedDocument, client: Client
) -> None:
    client.force_login(cast.sponsor)
    answer = client.get(reverse("report-download", args=[released.pk]))
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="TUNDRA-report-1.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content.startswith(b"%PDF")
    client.force_login(cast.coordinator)
    page = client.get(reverse("report", args=[released.pk])).content.decode()
    assert "sven" in page
    assert document.pdf_sha256[:16] in page


@pytest.mark.req("R-REP-06")
def test_the_sponsor_sees_the_own_downloads_alone(cast: Cast, released: Report, client: Client) -> None:
    for user in (cast.coordinator, cast.sponsor):
        client.force_login(user)
        client.get(reverse("report-contents", args=[released.pk]))
    page = client.get(reverse("report", args=[released.pk])).content.decode()
    assert '<th scope="row">sven</th>' in page
    assert "clara" not in page


@pytest.mark.req("R-REP-13")
def test_the_page_warns_when_a_subject_withdrew_after_the_build(cast: Cast, released: Report, client: Client) -> None:
    withdraw(cast.alba, cast.subject_a, reason="told the nurse")
    client.force_login(cast.coordinator)
    page = client.get(reverse("report", args=[released.pk])).content.decode()
    assert "consent ended or was withdrawn" in page
    assert cast.subject_a.code in page


@pytest.mark.req("R-REP-10")
def test_a_report_that_lost_its_hash_says_so_and_offers_nothing(cast: Cast, built: Report, client: Client) -> None:
    Report.objects.filter(pk=built.pk).update(contents="{}")
    client.force_login(cast.coordinator)
    page = client.get(reverse("report", args=[built.pk])).content.decode()
    assert "no longer matches its hash" in page
    assert reverse("report-download", args=[built.pk]) not in page
    answer = client.get(reverse("report-contents", args=[built.pk]), follow=True)
    assert "nothing was handed out" in answer.content.decode()


@pytest.mark.req("R-REP-15")
def test_the_api_gives_what_the_page_shows(cast: Cast, built: Report, client: Client) -> None:
    client.force_login(cast.sponsor)
    told = client.get(reverse("api-results", args=["TUNDRA"])).json()
    assert {reading["subject"] for reading in told["readings"]} == {cast.subject_a.code, cast.subject_b.code}
    assert told["trial"]["code"] == "TUNDRA"
    assert "software" not in told
    taken = AuditEvent.objects.get(act="results.taken")
    assert (taken.actor_id, json.loads(taken.after)["subjects"]) == (cast.sponsor.username, 2)
    cast.trial.charters.update(state=Charter.State.SUPERSEDED)
    assert client.get(reverse("api-results", args=["TUNDRA"])).status_code == 404

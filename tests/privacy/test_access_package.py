"""The access package: everything about one subject and nothing about anybody else, within a minute."""

import json
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from imaging.models import Submission
from privacy.models import Request
from privacy.services import access_packages, requests
from reports import services as reports
from reports.services import Form
from tests.cast import TODAY, Cast, actor_for
from tests.reports.pdftext import text_of
from tests.reports.rows import GROWN, HALVED, write_reads
from trials.models import Disclosure

pytestmark = pytest.mark.django_db
SECONDS = 60.0


@pytest.fixture
def told(registered: Cast, filed: Submission) -> Cast:
    """A trial with results, a report that the sponsor took, and a request."""
    write_reads(registered, registered.subject_a, reader=registered.reader, told=HALVED, best="PR")
    write_reads(registered, registered.subject_b, reader=registered.reader, told=GROWN, best="PD")
    report = reports.build(by=actor_for(registered.coordinator), trial=registered.trial, cut_off=TODAY)
    reports.download(by=actor_for(registered.coordinator), report=report, form=Form.PDF)
    requests.receive(
        by=actor_for(registered.officer),
        subject=registered.subject_a,
        kind=Request.Kind.ACCESS,
        received_on=TODAY,
    )
    return registered


@pytest.mark.req("R-PRIV-03")
def test_it_tells_purposes_consent_scans_results_people_by_role_recipients_retention_and_rights(told: Cast) -> None:
    package = access_packages.hand_out(by=actor_for(told.officer), subject=told.subject_a)
    data = json.loads(package.data)
    assert data["subject"]["code"] == told.subject_a.code
    assert {row["article_6"][:8] for row in data["purposes"]} >= {"task in ", "legal ob"}
    assert data["consents"][0]["modules"]
    scan = data["visits"][0]["scans"][0]
    assert (scan["modality"], scan["images"]) == ("CT", 5)
    assert scan["scanned_on"]
    assert [point["overall"] for point in data["results"][0]["time_points"]] == ["BASELINE", "PR", "PR"]
    assert "site staff" in {row["role"] for row in data["looked_at"]}
    assert [row["what"][:6] for row in data["received_by"]] == ["report"]
    assert data["requests"][0]["state"] == "open"
    assert (data["retention"]["rule"], data["retention"]["years"]) == ("CTR 58", 25)
    assert len(data["rights"]) == 9
    assert data["contacts"]["controller"].startswith("Northlight")
    assert "hospital" in data["identity"]


@pytest.mark.req("R-PRIV-03")
def test_it_names_no_other_subject_and_no_colleague(told: Cast, tmp_path: Path) -> None:
    package = access_packages.hand_out(by=actor_for(told.officer), subject=told.subject_a)
    text = package.data.decode() + text_of(package.pdf, tmp_path)
    strangers = (told.subject_b.code, "Clara", "Dora", "Quinn", "Rhea", "Alba Sitestaff", "clara", "dora", "quinn")
    assert [word for word in strangers if word in text] == []


@pytest.mark.req("R-PRIV-03")
def test_the_command_writes_pdf_and_json_within_a_minute_and_never_over_another(told: Cast, tmp_path: Path) -> None:
    folder, code = tmp_path / "out", told.subject_a.code
    start = time.monotonic()
    call_command("access_package", code.lower(), out=folder)
    assert time.monotonic() - start < SECONDS
    assert sorted(path.name for path in folder.iterdir()) == [f"access-{code}.json", f"access-{code}.pdf"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    lines = Disclosure.objects.filter(kind="access").count()
    with pytest.raises(CommandError, match="already"):
        call_command("access_package", code, out=folder)
    assert Disclosure.objects.filter(kind="access").count() == lines
    with pytest.raises(CommandError, match="No subject"):
        call_command("access_package", "0000-0000", out=tmp_path)


@pytest.mark.req("R-PRIV-03")
def test_the_officer_takes_it_from_the_page_of_the_request(told: Cast, client: Client) -> None:
    asked = Request.objects.get()
    client.force_login(told.officer)
    address = f"/trials/TUNDRA/privacy/requests/{asked.pk}/"
    assert "Make the access package" in client.get(address).content.decode()
    answer = client.post(f"{address}package/")
    assert answer["Content-Type"] == "application/zip"
    assert answer.content.startswith(b"PK")
    answered = client.post(address, {"state": "granted", "words": "sent to the site"})
    assert answered.status_code == 302
    asked.refresh_from_db()
    assert asked.state == "granted"
    client.force_login(told.coordinator)
    assert client.post(f"{address}package/").status_code == 403

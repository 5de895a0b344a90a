"""The access package: everything about one subject and nothing about anybody else, within a minute."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import Model
from django.test import Client

from audit.models import AuditEvent
from endpoints.models import Unblinding
from endpoints.services import unblindings
from imaging.models import QCDecision, Submission
from imaging.services import queries
from privacy.models import Request
from privacy.services import access_packages, breaches, decisions, requests
from reports import services as reports
from reports.services import Form
from tests.cast import TODAY, Cast, actor_for, withdraw
from tests.people import STAGE
from tests.reports.pdftext import text_of
from tests.reports.rows import GROWN, HALVED, write_reads
from tests.signing import decide, prove
from trials.agreement import Level
from trials.models import Closure, Disclosure, Restriction, Subject
from trials.services import arms, closing, restriction

pytestmark = pytest.mark.django_db
SECONDS = 60.0
ARM = "Kanaribumab 40"
# Which part of the package tells of the rows of a table that hangs on a subject.
TOLD = {
    "trials.Subject": "subject",
    "trials.Consent": "consents",
    "trials.CollectionAllowance": "allowances",
    "trials.Restriction": "restrictions",
    "trials.SubjectArm": "arm",
    "trials.TimePoint": "visits",
    "imaging.Study": "visits",
    "imaging.Series": "visits",
    "imaging.Instance": "visits",
    "imaging.Submission": "deliveries",
    "imaging.QCCheck": "quality",
    "imaging.QCDecision": "quality",
    "imaging.Query": "quality",
    "imaging.QueryMessage": "quality",
    "imaging.Seclusion": "destroyed",
    "endpoints.Assignment": "results",
    "endpoints.Read": "results",
    "endpoints.Lesion": "results",
    "endpoints.Measurement": "results",
    "endpoints.Response": "results",
    "endpoints.EndpointResult": "results",
    "endpoints.Segmentation": "results",
    "endpoints.RadiomicsRun": "features",
    "endpoints.ReadVoid": "voided",
    "endpoints.UnblindedCase": "unblindings",
    "privacy.Request": "requests",
    "privacy.RequestExtension": "requests",
    "privacy.Erasure": "destroyed",
    "privacy.Tombstone": "destroyed",
}
_ROAD = "how a delivery went its road; the delivery and what it became are told"
UNTOLD = {
    "imaging.CleaningCertificate": _ROAD,
    "imaging.Conflict": _ROAD,
    "imaging.IncomingFile": _ROAD,
    "imaging.Manifest": _ROAD,
    "imaging.PixelReview": _ROAD,
    "imaging.QuarantineDecision": _ROAD,
    "imaging.Resend": _ROAD,
    "imaging.SetAside": _ROAD,
    "imaging.StowDelivery": _ROAD,
    "imaging.Damage": "the state of a stored copy",
    "imaging.SecludedInstance": "its images are told, and that they were taken out",
    "imaging.SeclusionDecision": "what was decided is told by its state",
    "endpoints.SegmentationRun": "whether a segmentation could be measured; what was measured is told",
}


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
    assert (data["requests"][0]["state"], data["requests"][0]["extension"]) == ("open", None)
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


def hanging() -> Iterator[str]:
    """Every table from which keys lead to a subject."""
    return (model._meta.label for model in apps.get_models() if model is Subject or _leads(model, ()))


def _leads(model: type[Model], passed: tuple[type[Model], ...]) -> bool:
    keys = [one.related_model for one in model._meta.concrete_fields if one.is_relation]
    nearer = [one for one in keys if isinstance(one, type) and one not in (*passed, model)]
    return Subject in nearer or any(_leads(one, (*passed, model)) for one in nearer)


@pytest.mark.req("R-PRIV-03")
def test_no_table_that_hangs_on_a_subject_is_left_out_without_a_reason(told: Cast) -> None:
    without_key = {"privacy.Tombstone"}
    assert set(hanging()) == (TOLD.keys() - without_key) | UNTOLD.keys()
    package = access_packages.hand_out(by=actor_for(told.officer), subject=told.subject_a)
    assert set(TOLD.values()) <= set(json.loads(package.data))


@pytest.mark.req("R-PRIV-03")
def test_it_tells_extensions_restrictions_withdrawals_quality_and_breaches_in_both_files(
    told: Cast, filed: Submission, tmp_path: Path
) -> None:
    by, subject = actor_for(told.officer), told.subject_a
    point = subject.time_points.get(scheduled__code="BL")
    queries.ask(by=STAGE, time_point=point, text="was contrast given?")
    decide(told.analyst, point, QCDecision.Verdict.ACCEPTED)
    request = Request.objects.get()
    requests.extend(by=by, request=request, months=2, reason="forty scans on tape", told_on=TODAY)
    restriction.restrict(by=by, subject=subject, ground=Restriction.Ground.CLAIMS, reason="a lawsuit")
    breaches.open_breach(by=by, trial=told.trial, title="a disk was lost", known_at=request.recorded_at, codes=())
    withdraw(told.alba, subject, Level.W4)
    package = access_packages.hand_out(by=by, subject=subject)
    data, text = json.loads(package.data), text_of(package.pdf, tmp_path)
    request.refresh_from_db()
    (asked,) = data["requests"]
    assert (asked["due_on"], asked["extension"]["months"]) == (str(request.due_on), 2)
    assert data["consents"][-1]["level"].startswith("W4")
    assert data["restrictions"][0]["ground"].startswith("18(1)(c)")
    for words in (
        "was contrast given?",
        "accept for reading",
        "forty scans on tape",
        "a disk was lost",
        "W4",
        "18(1)(c)",
    ):
        assert words in text, words
    assert [row["what"] for row in data["breaches"]] == ["a disk was lost"]


def randomised(cast: Cast) -> None:
    given = [arms.Given(subject=cast.subject_a.code, arm=ARM), arms.Given(subject=cast.subject_b.code, arm="Placebo")]
    arms.write_down(by=actor_for(cast.statistician), trial=cast.trial, given=given, reason="")


def close(cast: Cast, kind: Closure.Kind = Closure.Kind.CLOSED, hours: int | None = None) -> None:
    cut_off = TODAY if kind == Closure.Kind.CLOSED else None
    new = closing.Step(kind=kind, reason="final analysis", cut_off=cut_off, hours=hours)
    who = cast.administrator if kind == Closure.Kind.OPENED else cast.coordinator
    by = actor_for(who)
    offered = closing.offer_step(by=by, trial=cast.trial, step=new)
    closing.take_step(by=by, trial=cast.trial, step=new, proof=prove(by, offered))


def unblind(cast: Cast, kind: Unblinding.Kind, *subjects: Subject) -> None:
    new = unblindings.NewUnblinding(
        kind=kind,
        happened_on=TODAY,
        who="the statistician",
        known=f"the arm: {ARM}",
        impact="none",
        action="none",
        subjects=tuple(one.code for one in subjects),
    )
    by = actor_for(cast.coordinator)
    offered = unblindings.offer_entry(by=by, trial=cast.trial, new=new)
    unblindings.enter(by=by, trial=cast.trial, new=new, proof=prove(by, offered))


@pytest.mark.req("R-PRIV-21")
def test_an_arm_is_kept_back_with_why_and_when_until_data_are_closed_and_the_subject_unblinded_by_plan(
    told: Cast, tmp_path: Path
) -> None:
    by, subject = actor_for(told.officer), told.subject_a

    def arm() -> dict[str, Any]:
        package = access_packages.hand_out(by=by, subject=subject)
        shown: dict[str, Any] = json.loads(package.data)["arm"]
        written = text_of(package.pdf, tmp_path) + package.data.decode()
        assert (ARM in written) == shown["is_told"]
        assert "Placebo" not in written
        assert shown["sentence"][:40] in written.replace("\n", " ")
        return shown

    assert arm()["sentence"] == decisions.ARM_UNKNOWN
    randomised(told)
    unblind(told, Unblinding.Kind.EMERGENCY, subject)
    assert arm() == {"is_told": False, "arm": "", "sentence": decisions.ARM_KEPT}
    assert "closed for edits" in decisions.ARM_KEPT
    close(told)
    assert not arm()["is_told"], "closed, and nobody unblinded by plan"
    unblind(told, Unblinding.Kind.PLANNED, told.subject_b)
    assert not arm()["is_told"], "another subject's"
    unblind(told, Unblinding.Kind.PLANNED, subject)
    assert not AuditEvent.objects.filter(act="arm.told").exists()
    assert arm()["arm"] == ARM
    event = AuditEvent.objects.get(act="arm.told")
    assert (event.actor_id, ARM in f"{event.before}{event.after}") == (told.officer.username, False)
    close(told, Closure.Kind.ASKED, hours=2)
    close(told, Closure.Kind.OPENED)
    assert not arm()["is_told"], "open for edits again"

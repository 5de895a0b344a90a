"""The record of processing and the impact assessment: made from what is live, refused while a duty is empty."""

import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from audit.context import acting
from privacy.models import Processor, Register
from privacy.services import register
from privacy.services.assessments import make_assessment
from privacy.services.records import IN_VAULT, DutyFieldEmpty, Side, make
from tests.cast import TODAY, Cast, actor_for, amend_charter
from tests.people import STAGE
from tests.privacy.conftest import WORDS
from tests.reports.pdftext import text_of
from trials.services import tokens

pytestmark = pytest.mark.django_db
SECONDS = 5.0


def article30(folder: Path, role: str) -> dict[str, Any]:
    call_command("article30", role=role, out=folder)
    told: dict[str, Any] = json.loads((folder / f"article30-{role}.json").read_text())
    return told


@pytest.mark.req("R-PRIV-11")
def test_the_record_of_a_controller_has_the_fields_a_to_g_within_five_seconds(registered: Cast, tmp_path: Path) -> None:
    start = time.monotonic()
    told = article30(tmp_path, "controller")
    assert time.monotonic() - start < SECONDS
    (activity,) = told["activities"]
    assert [name[:3] for name in activity if name.startswith("(")] == [f"({letter})" for letter in "abcdefg"]
    assert all(activity.values())
    assert activity["(f) time limits of erasure"]["years after the end of the trial"] == 25
    assert "sponsor: Northlight" in activity["(d) recipients"]
    text = text_of((tmp_path / "article30-controller.pdf").read_bytes(), tmp_path)
    assert "Northlight Ltd" in text
    assert "30(1)" in text


@pytest.mark.req("R-PRIV-11")
def test_the_record_of_a_processor_has_the_fields_a_to_d(registered: Cast, tmp_path: Path) -> None:
    (activity,) = article30(tmp_path, "processor")["activities"]
    assert [name[:3] for name in activity if name.startswith("(")] == [f"({letter})" for letter in "abcd"]
    assert all(activity.values())


@pytest.mark.req("R-PRIV-11")
@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("controller", "controller: name and contact"),
        ("representative", "representative in the Union"),
        ("officer", "data protection officer"),
        ("without_transfers", "transfers"),
        ("without_processors", "processors"),
    ],
)
def test_an_empty_duty_field_fails_the_command_and_is_named(
    registered: Cast, tmp_path: Path, field: str, words: str
) -> None:
    empty = {field: False if field.startswith("without") else " "}
    register.change(by=actor_for(registered.officer), trial=registered.trial, told=empty, reason="a test")
    with pytest.raises(CommandError, match=f"TUNDRA: {words}"):
        call_command("article30", role="controller", out=tmp_path)
    assert list(tmp_path.glob("article30*")) == []


@pytest.mark.req("R-PRIV-11")
def test_a_purpose_without_a_legal_basis_and_a_trial_without_a_clock_are_named(cast: Cast) -> None:
    register.change(by=actor_for(cast.officer), trial=cast.trial, told=WORDS, reason="")
    with pytest.raises(DutyFieldEmpty) as refused:
        make(side=Side.CONTROLLER)
    fields = [missing.field for missing in refused.value.missing]
    assert fields[0] == "retention clock"
    assert len([field for field in fields if field.startswith("legal basis")]) == 3


@pytest.mark.req("R-PRIV-12")
def test_the_assessment_tells_flow_threats_measures_and_what_people_judged(registered: Cast, tmp_path: Path) -> None:
    start = time.monotonic()
    call_command("dpia", "TUNDRA", out=tmp_path)
    assert time.monotonic() - start < SECONDS
    told = json.loads((tmp_path / "dpia-TUNDRA.json").read_text())
    assert [threat["name"].split(" by ")[1] for threat in told["risks"]] == [
        "pixels",
        "headers",
        "faces",
        "small sites",
    ]
    assert "01, 02" in told["risks"][3]["here"]
    assert told["need and proportion"] == WORDS["need"]
    assert all(measure["checks"] for measure in told["measures"])
    yesterday = TODAY - dt.timedelta(days=1)
    words = [(field, "") for field in ("need", "residual_risk", "officer_opinion")]
    for number, (field, empty) in enumerate([*words, ("review_on", None), ("review_on", yesterday)]):
        by = actor_for(registered.officer)
        register.change(by=by, trial=registered.trial, told={field: empty}, reason="a test")
        with pytest.raises(CommandError, match="TUNDRA: assessment"):
            call_command("dpia", "TUNDRA", out=tmp_path / str(number))
        register.change(by=by, trial=registered.trial, told=WORDS, reason="a test")


@pytest.mark.req("R-PRIV-12")
def test_what_is_told_of_security_follows_the_settings(registered: Cast, settings: object) -> None:
    settings.SESSION_IDLE = 7 * 60  # type: ignore[attr-defined]  # pytest-django's
    settings.SECURE_SSL_REDIRECT = True  # type: ignore[attr-defined]  # pytest-django's
    told = json.dumps(make(side=Side.CONTROLLER), default=str)
    assert "end after 7 idle minutes, and after 12 hours" in told
    assert "TLS is demanded" in told
    assert ("none is held" in told, IN_VAULT in told) == (True, False)
    settings.VAULT_ON = True  # type: ignore[attr-defined]  # pytest-django's
    told = json.dumps(make(side=Side.CONTROLLER), default=str)
    assert ("none is held" in told, IN_VAULT in told) == (False, True)


@pytest.mark.req("R-PRIV-12")
def test_the_assessment_tells_what_the_charter_keeps_and_who_sends_and_takes(registered: Cast) -> None:
    def told() -> str:
        # A site's staff, who acted last, does not see the register.
        with acting(STAGE):
            made = make_assessment(trial=registered.trial)
        return json.dumps([made["data flow"], made["risks"]], default=str)

    before = told()
    assert "kept by the charter in force: modified dates" in before
    assert "2 known senders" in before
    assert "0 tokens" in before
    assert "cleaned images: 0;" in before
    assert "browser removes identity" in before
    amend_charter(registered.trial, registered.coordinator, retain_patient_characteristics=True)
    send_by_token(registered)
    after = told()
    assert "modified dates, patient characteristics" in after
    assert "1 tokens" in after


def send_by_token(cast: Cast) -> None:
    tokens.grant(by=actor_for(cast.alba), trial_site=cast.site_a, label="PACS", reason="a test", ends_on=TODAY)


@pytest.mark.req("R-PRIV-13")
def test_a_saved_duty_changes_with_a_reason_only_and_the_first_entry_needs_none(registered: Cast) -> None:
    by, trial = actor_for(registered.officer), registered.trial
    with pytest.raises(ValidationError) as unreasoned:
        register.change(by=by, trial=trial, told={"controller": "Another Ltd"}, reason="")
    assert unreasoned.value.code == "no-reason"
    assert Register.objects.get().controller == WORDS["controller"]
    with pytest.raises(ValidationError):
        register.set_basis(by=by, trial=trial, purpose="research", article_6="6(1)(a)", article_9="9(2)(a)", reason="")


@pytest.mark.req("R-PRIV-13")
def test_the_page_keeps_register_processors_transfers_and_bases(registered: Cast, client: Client) -> None:
    client.force_login(registered.officer)
    root = "/trials/TUNDRA/privacy/register/"
    page = client.get(root).content.decode()
    assert "No record of processing can be made" not in page
    assert "Consent to take part in the trial is another thing" in page
    processor = {"name": "Cloud AS", "task": "storage", "contract": "C-1", "place": "Oslo"}
    told = {f"processor-{name}": value for name, value in processor.items()}
    assert client.post(f"{root}processors/", told).status_code == 302
    assert client.post(f"{root}processors/", told | {"processor-contract": ""}).status_code == 400
    transfer = {"transfer-recipient": "Lab Inc", "transfer-country": "US", "transfer-safeguard": "standard clauses"}
    assert client.post(f"{root}transfers/", transfer).status_code == 302
    row = Processor.objects.get()
    client.post(f"{root}processors/{row.pk}/end/", {"reason": " "})
    assert Processor.objects.exists()
    client.post(f"{root}processors/{row.pk}/end/", {"reason": "contract over"})
    assert not Processor.objects.exists()
    for paper in ("controller", "processor", "assessment"):
        assert client.get(f"{root}{paper}.pdf").content.startswith(b"%PDF")
    assert client.get(f"{root}other.pdf").status_code == 404
    client.force_login(registered.coordinator)
    assert client.post(root, {"controller": "x"}).status_code == 403


@pytest.mark.req("R-PRIV-13")
def test_a_paper_that_cannot_be_made_leads_back_and_names_the_fields(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    page = client.get("/trials/TUNDRA/privacy/register/controller.pdf", follow=True)
    assert "This duty field is empty: controller: name and contact." in page.content.decode()

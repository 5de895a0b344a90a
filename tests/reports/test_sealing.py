"""From a signed release to the sealed document: what it carries, what it keeps to itself, and when there is none."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audit.models import AuditEvent
from audit.sealing import public_key, seal_all
from audit.selectors import history, signatures
from audit.signing import SignatureRefused
from audit.verifier import examine_extract
from endpoints.models import Read
from endpoints.services import assignments
from imaging.models import QCDecision, Submission
from reports import sealing, store
from reports.document import render
from reports.inspection import inspect
from reports.models import Report, SealedDocument
from reports.sealing import EXTRACT_NAME, seal_released, seal_report
from reports.services import Form, build, download
from tests.cast import TODAY, Cast, actor_for, person, seat
from tests.endpoints.desk import State, name, open_read, say
from tests.reports.pdftext import text_of
from tests.reports.sealed import told_by_pdfsig
from tests.signing import decide, lock, release
from tests.tampering import change_frozen
from trials.models import User
from trials.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(cast: Cast, filed: Submission) -> Read:
    """A scan that was sent, judged, read and locked by the people of the cast."""
    point = filed.time_point
    assert point is not None
    decide(cast.analyst, point, QCDecision.Verdict.ACCEPTED)
    case = assignments.assign(by=actor_for(cast.coordinator), time_point=point, reader=cast.reader)
    draft = open_read(case, cast.reader)
    say(draft, name(draft), State.MEASURED, "31.5")
    return lock(draft)


def report_by(user: User, cast: Cast) -> Report:
    return build(by=actor_for(user), trial=cast.trial, cut_off=TODAY)


def attached(document: SealedDocument) -> dict[str, Any]:
    found = inspect(store.load(document.pdf_sha256), roots=[sealing.authority().root_pem])
    assert found.holds
    told: dict[str, Any] = json.loads(found.files[EXTRACT_NAME])
    return told


def shown_in(extract: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["event"] for entry in extract["entries"] if entry["event"]]


@pytest.fixture
def colleague(cast: Cast) -> User:
    """A second coordinator, who signs nothing here."""
    user = person("conny", "Conny Colleague")
    seat(cast.trial, cast.coordinator, user, Role.COORDINATOR)
    return user


@pytest.mark.req("R-SIG-26")
def test_a_released_report_comes_out_sealed_and_an_outside_tool_says_that_all_of_it_is_signed(
    cast: Cast, read: Read, tmp_path: Path
) -> None:
    report = release(cast.coordinator, report_by(cast.coordinator, cast))
    seal_all()
    assert seal_released() == 1
    document = report.documents.get()
    data = download(by=actor_for(cast.sponsor), report=report, form=Form.PDF)
    told = told_by_pdfsig(data, tmp_path)
    assert "Signature is Valid." in told
    assert "Total document signed" in told
    assert "Signed by Clara Coordinator" in text_of(data, tmp_path)
    extract = attached(document)
    assert examine_extract(extract, public_key()) == []
    assert document.checkpoint_size == int(extract["checkpoint"]["text"].splitlines()[2].removeprefix("size "))
    assert [event["act"] for event in shown_in(extract)] == [
        "record.signed", "report.built", "record.signed", "report.released",
    ]  # fmt: skip


@pytest.mark.req("R-SIG-27")
def test_the_signatures_under_a_report_are_proven_without_a_word_about_them(cast: Cast, read: Read) -> None:
    report = release(cast.coordinator, report_by(cast.coordinator, cast))
    seal_all()
    document = seal_report(report)
    assert document is not None
    withheld = [entry for entry in attached(document)["entries"] if entry["event"] is None]
    verdict = QCDecision.objects.get()
    signed = [signatures(read).get(), signatures(verdict.time_point).get()]
    assert {entry["index"] for entry in withheld} == {sealing_index(each.event_sequence) for each in signed}
    assert all(set(entry) == {"index", "leaf", "proof", "event"} for entry in withheld)


def sealing_index(sequence: int) -> int:
    """Return the place of an event in the sealed order: in a log with one writer, the number of events before it."""
    return AuditEvent.objects.filter(sequence__lt=sequence).count()


@pytest.mark.req("R-SIG-27")
def test_what_the_sponsor_gets_names_no_account_but_the_signer(
    cast: Cast, read: Read, colleague: User, tmp_path: Path
) -> None:
    report = report_by(colleague, cast)
    download(by=actor_for(colleague), report=report, form=Form.PDF)
    release(cast.coordinator, report)
    seal_all()
    seal_report(report := Report.objects.get())
    download(by=actor_for(cast.sponsor), report=report, form=Form.PDF)
    seal_all()
    document = seal_report(report)
    assert document is not None
    told = json.dumps(attached(document)) + text_of(store.load(document.pdf_sha256), tmp_path)
    assert "clara" in told
    for user in User.objects.exclude(pk=cast.coordinator.pk):
        for word in (user.username, user.get_full_name(), user.email):
            assert not word or f'"{word}"' not in told, word
        assert not user.first_name or user.first_name not in told
    assert {event["actor_id"] for event in shown_in(attached(document))} == {"clara", "machine:sealer"}
    acts = set(history(report).values_list("act", flat=True))
    assert {"report.built", "report.downloaded"} <= acts
    assert "report.downloaded" not in {event["act"] for event in shown_in(attached(document))}


@pytest.mark.req("R-SIG-26")
def test_sealing_waits_for_a_checkpoint_over_the_release(cast: Cast, built: Report) -> None:
    seal_all()
    release(cast.coordinator, built)
    assert seal_released() == 0
    assert not SealedDocument.objects.exists()
    seal_all()
    assert seal_released() == 1
    assert seal_released() == 0


@pytest.mark.req("R-SIG-26")
def test_a_report_that_waits_for_its_release_is_not_sealed(built: Report) -> None:
    seal_all()
    assert seal_report(built) is None
    assert seal_released() == 0


@pytest.mark.req("R-SIG-28")
def test_a_seal_can_be_renewed_and_the_newest_document_is_handed_out(
    cast: Cast, released: Report, document: SealedDocument
) -> None:
    seal_all()
    again = seal_report(released)
    assert again is not None
    assert again.pdf_sha256 != document.pdf_sha256
    assert again.checkpoint_size > document.checkpoint_size
    download(by=actor_for(cast.sponsor), report=released, form=Form.PDF)
    assert released.downloads.get().sha256 == again.pdf_sha256
    assert {"report.sealed"} < {event["act"] for event in shown_in(attached(again))}


@pytest.mark.req("R-SIG-28")
def test_of_two_sealers_at_one_report_the_first_has_it(released: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_all()

    def be_overtaken(*told: Any, **more: Any) -> bytes:
        monkeypatch.setattr("reports.sealing.render", render)
        assert seal_report(released) is not None
        return render(*told, **more)

    monkeypatch.setattr("reports.sealing.render", be_overtaken)
    assert seal_report(released) is None
    assert released.documents.count() == 1
    assert history(released).filter(act="report.sealed").count() == 1


@pytest.mark.req("R-SIG-26")
def test_the_sealer_acts_for_the_person_who_released(released: Report, document: SealedDocument) -> None:
    told = AuditEvent.objects.filter(object_type="reports.SealedDocument") | history(released).filter(
        act="report.sealed"
    )
    assert {event.layer for event in told} == {"act", "row"}
    assert {(event.actor_id, event.on_behalf_of) for event in told} == {("machine:sealer", "clara")}


@pytest.mark.req("R-SIG-29")
def test_a_report_that_changed_since_its_release_is_not_sealed_and_holds_up_no_other(
    cast: Cast, released: Report, caplog: pytest.LogCaptureFixture
) -> None:
    other = release(cast.coordinator, report_by(cast.coordinator, cast))
    seal_all()
    change_frozen("reports_report", "UPDATE reports_report SET contents = replace(contents, '31.5', '81.5')")
    Report.objects.filter(pk=other.pk).update(contents=other.contents)
    with caplog.at_level(logging.WARNING, logger="corelab.reports"):
        assert seal_released() == 1
    assert list(SealedDocument.objects.values_list("report", flat=True)) == [other.pk]
    assert "no longer says what its release signed" in caplog.text


CHANGES = {
    "endpoints_measurement": "UPDATE endpoints_measurement SET value = 11.5",
    "endpoints_lesion": "UPDATE endpoints_lesion SET organ = 'elsewhere'",
    "endpoints_read": "UPDATE endpoints_read SET comment = 'something else'",
    "trials_scheduledtimepoint": "UPDATE trials_scheduledtimepoint SET window_after = 90",
    "imaging_instance": "UPDATE imaging_instance SET sha256 = 'another'",
}


@pytest.mark.req("R-SIG-29")
@pytest.mark.parametrize("table", CHANGES)
def test_over_a_signature_that_is_void_nothing_is_built_and_nothing_released(
    cast: Cast, read: Read, table: str
) -> None:
    waiting = report_by(cast.coordinator, cast)
    change_frozen(table, CHANGES[table])
    with pytest.raises(ValidationError) as unreleased:
        release(cast.coordinator, waiting)
    with pytest.raises(ValidationError) as unbuilt:
        report_by(cast.coordinator, cast)
    assert (unreleased.value.code, unbuilt.value.code) == ("void", "void")
    assert not isinstance(unreleased.value, SignatureRefused)
    assert Report.objects.get().state == Report.State.BUILT
    assert not signatures(waiting).exists()

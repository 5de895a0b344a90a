"""Building, releasing and handing out: each act with its right, its proof and its event."""

import datetime as dt
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.http import Http404
from django.test import Client
from django.urls import reverse

from audit.context import acting
from audit.evidence import gather
from audit.models import AuditEvent
from audit.sealing import seal_all
from audit.selectors import head, history, signatures
from audit.verifier import examine
from reports import store
from reports.contents import AuditHead, SignatureFacts
from reports.document import render
from reports.models import Report, SealedDocument
from reports.seal import seal
from reports.sealing import seal_report
from reports.services import Form, build, download, read
from tests.cast import TODAY, Cast, actor_for, give, register, withdraw
from tests.people import STAGE
from tests.reports.pdftext import text_of
from tests.reports.rows import GROWN, HALVED, write_reads
from tests.signing import release
from trials.models import Charter, ConsentForm, User


def _refusal(error: pytest.ExceptionInfo[ValidationError]) -> str | None:
    return error.value.code


def _acts(report: Report) -> list[str]:
    return list(history(report).order_by("sequence").values_list("act", flat=True))


def _last(report: Report, act: str) -> AuditEvent:
    event = history(report).filter(act=act).last()
    assert event is not None
    return event


@pytest.mark.req("R-REP-08")
def test_a_built_report_carries_the_hashes_of_its_contents_and_its_file(cast: Cast, built: Report) -> None:
    assert (built.number, built.state, built.charter) == (1, Report.State.BUILT, cast.charter)
    assert hashlib.sha256(built.contents.encode()).hexdigest() == built.contents_sha256
    assert hashlib.sha256(store.load(built.pdf_sha256)).hexdigest() == built.pdf_sha256
    event = _last(built, "report.built")
    assert json.loads(event.after)["pdf_sha256"] == built.pdf_sha256
    assert json.loads(event.after)["contents_sha256"] == built.contents_sha256
    assert (event.actor_id, event.role) == ("clara", "coordinator")
    assert not examine(gather(outside=None, with_rows=True)).faults


@pytest.mark.req("R-REP-08")
def test_a_report_prints_the_last_checkpoint_before_it_was_frozen(cast: Cast) -> None:
    seal_all()
    report = build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)
    assert (report.audit_sequence, report.audit_hash) == (head().sequence, head().hash)
    assert report.audit_sequence > 0
    assert read(report).audit == AuditHead(sequence=report.audit_sequence, hash=report.audit_hash)


@pytest.mark.req("R-REP-01", "R-REP-02", "R-REP-06")
def test_the_document_of_the_rows_holds_results_and_no_names(
    cast: Cast, released: Report, document: SealedDocument, tmp_path: Path
) -> None:
    text = text_of(store.load(document.pdf_sha256), tmp_path)
    for words in (
        cast.subject_a.code, cast.subject_b.code, "80.0", "52.5", "31.5", "93.0", "121.7", "TUNDRA-001",
        "The sum is 31.5 mm, written for a test.", "b" * 64, released.contents_sha256, released.audit_hash,
        cast.charter.document_sha256, "Signed by Clara Coordinator",
    ):  # fmt: skip
        assert words in text
    for name in ("Rhea", "rhea", "Hospital", "Alba", "clara", "free comment"):
        assert name not in text


@pytest.mark.req("R-REP-12", "R-SIG-24")
def test_a_report_of_a_hundred_subjects_builds_and_names_them_all(cast: Cast, tmp_path: Path, client: Client) -> None:
    crowd = [register(cast.alba, cast.site_a, cast.form) for _ in range(98)]
    for index, subject in enumerate((cast.subject_a, cast.subject_b, *crowd)):
        told, best = ((HALVED, "PR"), (GROWN, "PD"))[index % 2]
        with acting(STAGE):
            write_reads(cast, subject, reader=cast.reader, told=told, best=best)
    report = build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)
    text = text_of(store.load(report.pdf_sha256), tmp_path)
    assert all(text.count(f"{subject.code} · site") == 2 for subject in crowd)
    client.force_login(cast.coordinator)
    page = client.post(reverse("report-release", args=[report.pk])).content.decode()
    assert all(subject.code in page for subject in crowd)
    assert re.search(r"<details>\s*<summary>\s*100 entries", page), "long lists are folded"
    assert len(page) < 1_000_000


@pytest.mark.req("R-REP-03")
def test_the_stored_draft_can_be_made_again_from_the_frozen_contents(built: Report) -> None:
    again = render(read(built), contents_sha256=built.contents_sha256, signature=None)
    assert again == store.load(built.pdf_sha256)


@pytest.mark.req("R-REP-03")
def test_the_sealed_document_begins_with_what_can_be_made_again_from_contents_and_signature(
    released: Report, document: SealedDocument
) -> None:
    signed = signatures(released).get()
    shown = SignatureFacts(
        printed_name=signed.printed_name,
        at=signed.at,
        meaning="I approve this record",
        record_sha256=signed.record_sha256,
    )
    again = render(read(released), contents_sha256=released.contents_sha256, signature=shown)
    assert store.load(document.pdf_sha256).startswith(again)


@pytest.mark.req("R-REP-08")
def test_only_the_coordinator_builds(cast: Cast) -> None:
    for user in (cast.sponsor, cast.monitor, cast.alba, cast.analyst, cast.officer):
        with pytest.raises(PermissionDenied):
            build(by=actor_for(user), trial=cast.trial, cut_off=TODAY)
    for user in (cast.stranger, cast.operator, cast.reader):
        with pytest.raises(Http404):
            build(by=actor_for(user), trial=cast.trial, cut_off=TODAY)
    assert not Report.objects.exists()


@pytest.mark.req("R-REP-08")
def test_no_report_is_built_for_a_day_to_come_or_without_an_approved_charter(cast: Cast) -> None:
    by = actor_for(cast.coordinator)
    with pytest.raises(ValidationError) as future:
        build(by=by, trial=cast.trial, cut_off=TODAY + dt.timedelta(days=2))
    assert _refusal(future) == "future"
    Charter.objects.filter(pk=cast.charter.pk).update(state=Charter.State.SUPERSEDED)
    with pytest.raises(ValidationError) as bare:
        build(by=by, trial=cast.trial, cut_off=TODAY)
    assert _refusal(bare) == "no-charter"
    assert not Report.objects.exists()


@pytest.mark.req("R-REP-09")
def test_releasing_signs_the_contents_and_leaves_the_file_to_the_sealer(cast: Cast, built: Report) -> None:
    released = release(cast.coordinator, built)
    signature = signatures(released).get()
    assert signature.pk == released.signature_id
    assert signature.record_sha256 == released.contents_sha256
    assert (signature.meaning, signature.printed_name) == ("approval", "Clara Coordinator")
    assert released.state == Report.State.RELEASED
    assert released.released_at == signature.at
    assert not released.documents.exists()
    assert _acts(released) == ["report.built", "record.signed", "report.released"]
    assert json.loads(_last(released, "report.released").after)["contents_sha256"] == released.contents_sha256


@pytest.mark.req("R-REP-09")
def test_a_wrong_password_releases_nothing(cast: Cast, built: Report) -> None:
    with pytest.raises(ValidationError) as wrong:
        release(cast.coordinator, built, password="not mine")
    assert _refusal(wrong) == "wrong-password"
    built.refresh_from_db()
    assert built.state == Report.State.BUILT
    assert _acts(built) == ["report.built", "signature.failed"]


@pytest.mark.req("R-REP-09")
def test_a_report_is_drawn_and_sealed_outside_any_transaction(
    cast: Cast, released: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth: list[int] = []

    def draw(*args: Any, **kwargs: Any) -> bytes:
        depth.append(len(connection.savepoint_ids))
        return seal(*args, **kwargs)

    seal_all()
    monkeypatch.setattr("reports.seal.seal", draw)
    outside = len(connection.savepoint_ids)
    seal_report(released)
    assert depth == [outside]


@pytest.mark.req("R-REP-09")
def test_a_released_report_never_changes_and_the_next_build_takes_a_new_number(cast: Cast, released: Report) -> None:
    by = actor_for(cast.coordinator)
    with pytest.raises(ValidationError) as again:
        release(cast.coordinator, released)
    assert _refusal(again) == "wrong-state"
    later = build(by=by, trial=cast.trial, cut_off=TODAY)
    assert later.number == 2
    assert Report.objects.get(pk=released.pk).contents == released.contents


@pytest.mark.req("R-REP-09")
@pytest.mark.parametrize("name", ["sponsor", "monitor"])
def test_who_may_look_may_not_release(cast: Cast, built: Report, name: str) -> None:
    with pytest.raises(PermissionDenied):
        release(getattr(cast, name), built)


@pytest.mark.req("R-REP-13")
def test_a_report_is_not_released_after_a_subject_in_it_withdrew(cast: Cast, built: Report) -> None:
    withdraw(cast.alba, cast.subject_a, reason="told the nurse")
    with pytest.raises(ValidationError) as gone:
        release(cast.coordinator, built)
    assert _refusal(gone) == "consent-changed"
    assert cast.subject_a.code in gone.value.messages[0]
    assert not signatures(built).exists()


@pytest.mark.req("R-REP-13")
def test_a_report_is_not_released_after_a_subject_in_it_narrowed_consent(cast: Cast, built: Report) -> None:
    give(cast.brisa, cast.monitor, cast.subject_b, cast.form, scopes=(ConsentForm.Scope.IMAGING,))
    with pytest.raises(ValidationError) as gone:
        release(cast.coordinator, built)
    assert _refusal(gone) == "consent-changed"


@pytest.mark.req("R-REP-10")
@pytest.mark.parametrize("name", ["sponsor", "monitor", "coordinator"])
def test_taking_a_released_report_leaves_a_row_and_an_event_with_the_hash(
    cast: Cast, released: Report, document: SealedDocument, name: str
) -> None:
    person: User = getattr(cast, name)
    data = download(by=actor_for(person), report=released, form=Form.PDF)
    sha256 = hashlib.sha256(data).hexdigest()
    row = released.downloads.get()
    assert (row.sha256, row.taken_by) == (sha256, person.username)
    event = _last(released, "report.downloaded")
    assert json.loads(event.after)["sha256"] == sha256 == document.pdf_sha256
    assert event.actor_id == person.username


@pytest.mark.req("R-REP-10")
def test_the_contents_are_handed_out_as_they_were_signed(cast: Cast, released: Report) -> None:
    data = download(by=actor_for(cast.sponsor), report=released, form=Form.CONTENTS)
    assert hashlib.sha256(data).hexdigest() == released.contents_sha256 == released.downloads.get().sha256


@pytest.mark.req("R-REP-10")
def test_before_release_only_the_coordinator_takes_it(cast: Cast, built: Report) -> None:
    for user in (cast.sponsor, cast.monitor):
        with pytest.raises(PermissionDenied):
            download(by=actor_for(user), report=built, form=Form.PDF)
    assert not built.downloads.exists()
    assert download(by=actor_for(cast.coordinator), report=built, form=Form.PDF).startswith(b"%PDF")


@pytest.mark.req("R-REP-11")
@pytest.mark.parametrize("name", ["stranger", "operator", "reader", "alba", "analyst", "officer"])
def test_nobody_else_takes_a_report(cast: Cast, released: Report, name: str) -> None:
    with pytest.raises(Http404):
        download(by=actor_for(getattr(cast, name)), report=released, form=Form.PDF)
    assert not released.downloads.exists()


@pytest.mark.req("R-SIG-25")
def test_before_it_is_sealed_a_released_report_is_handed_to_nobody(cast: Cast, released: Report) -> None:
    for user in (cast.sponsor, cast.monitor, cast.coordinator):
        with pytest.raises(ValidationError) as early:
            download(by=actor_for(user), report=released, form=Form.PDF)
        assert _refusal(early) == "not-sealed"
    assert not released.downloads.exists()


@pytest.mark.req("R-REP-10")
def test_a_damaged_file_is_handed_to_nobody(cast: Cast, released: Report, document: SealedDocument) -> None:
    path = store.path_of(document.pdf_sha256)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ValidationError) as damaged:
        download(by=actor_for(cast.sponsor), report=released, form=Form.PDF)
    assert _refusal(damaged) == "damaged"
    assert not released.downloads.exists()


@pytest.mark.req("R-REP-10")
def test_contents_edited_behind_our_back_are_neither_released_nor_handed_out(cast: Cast, built: Report) -> None:
    edited = built.contents.replace("31.5", "81.5")
    Report.objects.filter(pk=built.pk).update(contents=edited)
    built.refresh_from_db()
    by = actor_for(cast.coordinator)
    for act in (
        lambda: release(cast.coordinator, built),
        lambda: download(by=by, report=built, form=Form.CONTENTS),
    ):
        with pytest.raises(ValidationError) as damaged:
            act()
        assert _refusal(damaged) == "damaged"

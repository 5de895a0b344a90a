"""Building, releasing and handing out: each act with its right, its proof and its event."""

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.http import Http404
from pytest_django.fixtures import Settings

from audit.models import AuditEvent
from audit.selectors import history, signatures, verify
from reports import store
from reports.contents import SignatureFacts
from reports.document import render
from reports.models import Report
from reports.services import Form, build, download, read, release
from tests.cast import PASSWORD, TODAY, Cast, actor_for, register
from tests.reports.pdftext import text_of
from tests.reports.rows import GROWN, HALVED, write_reads
from trials.models import Charter, ConsentForm, User
from trials.services import subjects


@pytest.fixture(autouse=True)
def _root(settings: Settings, tmp_path: Path) -> None:
    settings.REPORTS_ROOT = tmp_path / "reports"


@pytest.fixture
def built(cast: Cast) -> Report:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    write_reads(cast, cast.subject_b, reader=cast.reader, told=GROWN, best="PD")
    return build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)


@pytest.fixture
def released(cast: Cast, built: Report) -> Report:
    return release(by=actor_for(cast.coordinator), report=built, password=PASSWORD)


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
    assert AuditEvent.objects.get(sequence=built.audit_sequence).hash == built.audit_hash
    assert verify() is None


@pytest.mark.req("R-REP-01", "R-REP-02", "R-REP-06")
def test_the_document_of_the_rows_holds_results_and_no_names(cast: Cast, released: Report, tmp_path: Path) -> None:
    text = text_of(store.load(released.pdf_sha256), tmp_path)
    for words in (
        cast.subject_a.code, cast.subject_b.code, "80.0", "52.5", "31.5", "93.0", "121.7", "TUNDRA-001",
        "The sum is 31.5 mm, written for a test.", "b" * 64, released.contents_sha256, released.audit_hash,
        cast.charter.document_sha256, "Signed by Clara Coordinator",
    ):  # fmt: skip
        assert words in text
    for name in ("Rhea", "rhea", "Hospital", "Alba", "clara", "free comment"):
        assert name not in text


@pytest.mark.req("R-REP-12")
def test_a_report_of_a_hundred_subjects_builds_and_names_them_all(cast: Cast, tmp_path: Path) -> None:
    crowd = [register(cast.alba, cast.site_a, cast.form) for _ in range(98)]
    for index, subject in enumerate((cast.subject_a, cast.subject_b, *crowd)):
        told, best = ((HALVED, "PR"), (GROWN, "PD"))[index % 2]
        write_reads(cast, subject, reader=cast.reader, told=told, best=best)
    report = build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)
    text = text_of(store.load(report.pdf_sha256), tmp_path)
    assert all(text.count(f"{subject.code} · site") == 2 for subject in crowd)


@pytest.mark.req("R-REP-03")
def test_the_stored_file_can_be_made_again_from_the_frozen_contents(released: Report) -> None:
    signed = signatures(released).get()
    shown = SignatureFacts(
        printed_name=signed.printed_name,
        at=signed.at,
        meaning="I approve this record",
        record_sha256=signed.record_sha256,
    )
    again = render(read(released), contents_sha256=released.contents_sha256, signature=shown)
    assert again == store.load(released.pdf_sha256)


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
def test_releasing_signs_the_contents_and_makes_a_new_file(cast: Cast, built: Report) -> None:
    before = built.pdf_sha256
    released = release(by=actor_for(cast.coordinator), report=built, password=PASSWORD)
    signature = signatures(released).get()
    assert signature.pk == released.signature_id
    assert signature.record_sha256 == released.contents_sha256
    assert (signature.meaning, signature.printed_name) == ("approval", "Clara Coordinator")
    assert released.state == Report.State.RELEASED
    assert released.released_at == signature.at
    assert released.pdf_sha256 != before
    assert _acts(released) == ["report.built", "record.signed", "report.released"]
    assert json.loads(_last(released, "report.released").after)["pdf_sha256"] == released.pdf_sha256


@pytest.mark.req("R-REP-09")
def test_a_wrong_password_releases_nothing(cast: Cast, built: Report) -> None:
    with pytest.raises(ValidationError) as wrong:
        release(by=actor_for(cast.coordinator), report=built, password="not mine")
    assert _refusal(wrong) == "wrong-password"
    built.refresh_from_db()
    assert built.state == Report.State.BUILT
    assert _acts(built) == ["report.built", "signature.failed"]


@pytest.mark.req("R-REP-09")
def test_a_report_is_drawn_before_the_transaction_that_signs_it(
    cast: Cast, built: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth: list[int] = []

    def draw(*args: Any, **kwargs: Any) -> bytes:
        depth.append(len(connection.savepoint_ids))
        return render(*args, **kwargs)

    monkeypatch.setattr("reports.services.render", draw)
    outside = len(connection.savepoint_ids)
    release(by=actor_for(cast.coordinator), report=built, password=PASSWORD)
    assert depth == [outside]


@pytest.mark.req("R-REP-09")
def test_a_released_report_never_changes_and_the_next_build_takes_a_new_number(cast: Cast, released: Report) -> None:
    by = actor_for(cast.coordinator)
    with pytest.raises(ValidationError) as again:
        release(by=by, report=released, password=PASSWORD)
    assert _refusal(again) == "wrong-state"
    later = build(by=by, trial=cast.trial, cut_off=TODAY)
    assert later.number == 2
    assert Report.objects.get(pk=released.pk).pdf_sha256 == released.pdf_sha256


@pytest.mark.req("R-REP-09")
@pytest.mark.parametrize("name", ["sponsor", "monitor"])
def test_who_may_look_may_not_release(cast: Cast, built: Report, name: str) -> None:
    with pytest.raises(PermissionDenied):
        release(by=actor_for(getattr(cast, name)), report=built, password=PASSWORD)


@pytest.mark.req("R-REP-13")
def test_a_report_is_not_released_after_a_subject_in_it_withdrew(cast: Cast, built: Report) -> None:
    subjects.withdraw_consent(by=actor_for(cast.alba), subject=cast.subject_a, on=TODAY, reason="told the nurse")
    with pytest.raises(ValidationError) as gone:
        release(by=actor_for(cast.coordinator), report=built, password=PASSWORD)
    assert _refusal(gone) == "consent-changed"
    assert cast.subject_a.code in gone.value.messages[0]
    assert not signatures(built).exists()


@pytest.mark.req("R-REP-13")
def test_a_report_is_not_released_after_a_subject_in_it_narrowed_consent(cast: Cast, built: Report) -> None:
    imaging = subjects.NewConsent(form=cast.form, scopes=(ConsentForm.Scope.IMAGING,), on=TODAY)
    subjects.give_consent(by=actor_for(cast.brisa), subject=cast.subject_b, consent=imaging)
    with pytest.raises(ValidationError) as gone:
        release(by=actor_for(cast.coordinator), report=built, password=PASSWORD)
    assert _refusal(gone) == "consent-changed"


@pytest.mark.req("R-REP-10")
@pytest.mark.parametrize("name", ["sponsor", "monitor", "coordinator"])
def test_taking_a_released_report_leaves_a_row_and_an_event_with_the_hash(
    cast: Cast, released: Report, name: str
) -> None:
    person: User = getattr(cast, name)
    data = download(by=actor_for(person), report=released, form=Form.PDF)
    sha256 = hashlib.sha256(data).hexdigest()
    row = released.downloads.get()
    assert (row.sha256, row.taken_by) == (sha256, person.username)
    event = _last(released, "report.downloaded")
    assert json.loads(event.after)["sha256"] == sha256 == released.pdf_sha256
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


@pytest.mark.req("R-REP-10")
def test_a_damaged_file_is_handed_to_nobody(cast: Cast, released: Report) -> None:
    path = store.path_of(released.pdf_sha256)
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
        lambda: release(by=by, report=built, password=PASSWORD),
        lambda: download(by=by, report=built, form=Form.CONTENTS),
    ):
        with pytest.raises(ValidationError) as damaged:
            act()
        assert _refusal(damaged) == "damaged"

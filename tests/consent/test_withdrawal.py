"""Withdrawal on all floors: what each level does to queues, images, reads and reports, and how soon."""

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from endpoints import tasks as endpoint_tasks
from endpoints.models import Read, ReadVoid, Segmentation
from endpoints.services import assignments
from imaging import archive, quarantine
from imaging import tasks as imaging_tasks
from imaging.models import IncomingFile, Instance, SecludedInstance, Seclusion, Submission
from imaging.services import submissions
from imaging.services.pieces import Piece
from privacy.services import recipients, withdrawal
from privacy.services.burials import decide_destruction
from reports.models import Report
from reports.services import Form, build, download, read, take_results
from tests.cast import TODAY, Cast, actor_for, give, withdraw
from tests.endpoints.desk import read_through
from tests.endpoints.scans import BALL, FINE, accept, file_scan, file_seg, spec
from tests.imaging.scans import baseline_of, ct_series, drive, send
from tests.people import ORGANISATION
from tests.reports.rows import HALVED, write_reads
from trials.agreement import Gate, Level
from trials.models import Disclosure, Restriction, Subject
from trials.services import collection, consent, restriction
from trials.services.withdrawal import NewWithdrawal

pytestmark = pytest.mark.django_db
SOON_SECONDS = 5.0


def refused(call: Callable[[], object]) -> str:
    """The code of the refusal; "" where the call went through."""
    try:
        call()
    except ValidationError as refusal:
        return str(refusal.code)
    return ""


def half_sent(cast: Cast) -> tuple[Submission, list[Piece]]:
    """A delivery of which one file arrived, and the pieces still to come."""
    by, files = actor_for(cast.alba), ct_series(2)
    delivery = submissions.start(by=by, time_point=cast.subject_a.time_points.get(scheduled__code="FU2"))
    pieces = [Piece(number=number, part=0, data=data) for number, data in enumerate(files)]
    submissions.receive(by=by, submission=delivery, pieces=pieces[:1])
    return delivery, pieces[1:]


@pytest.mark.req("R-CONS-06", "R-CONS-09")
@pytest.mark.parametrize("level", [Level.W3, Level.W4, Level.W5, Level.W6])
def test_a_withdrawal_is_in_force_within_five_seconds_on_uploads_tasks_downloads_and_exports(
    cast: Cast, level: Level
) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    built = build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)
    scan = file_scan(cast.subject_a, "FU1", spec("FU1", grid=FINE, lesions=(BALL,)))
    file_seg(scan, (BALL,))
    queued = send(cast.alba, baseline_of(cast), ct_series(3))
    delivery, rest = half_sent(cast)

    started = time.monotonic()
    withdraw(cast.alba, cast.subject_a, level)
    by = actor_for(cast.alba)
    upload = refused(lambda: submissions.receive(by=by, submission=delivery, pieces=rest))
    imaging_tasks.advance(str(queued.pk))
    endpoint_tasks.measure_pending()
    taken = refused(lambda: download(by=actor_for(cast.coordinator), report=built, form=Form.CONTENTS))
    results = take_results(by=actor_for(cast.sponsor), trial=cast.trial)
    secondary = consent.allows(cast.subject_a, Gate.SECONDARY)
    seconds = time.monotonic() - started

    assert (upload, taken) == ("no-consent", "no-consent")
    queued.refresh_from_db()
    # With the link go the originals that still hold it.
    ended = Submission.State.DISCARDED if level is Level.W5 else Submission.State.QUARANTINED
    assert queued.state == ended
    assert not Segmentation.objects.exists()
    assert [one["level"] for one in results["withdrawn"]] == [level]
    shown = {one["subject"] for one in results["readings"]}
    assert (cast.subject_a.code in shown) == (level is not Level.W6)
    assert secondary == (level is Level.W3)
    assert seconds < SOON_SECONDS


@pytest.mark.req("R-CONS-07")
@pytest.mark.parametrize("level", [Level.W1, Level.W2])
def test_w1_and_w2_leave_what_is_stored_and_read_as_it_is(cast: Cast, level: Level) -> None:
    withdraw(cast.alba, cast.subject_a, level)
    gates = {gate for gate in Gate if consent.allows(cast.subject_a, gate)}
    collecting = {Gate.RECEIVE, Gate.FILE}
    assert gates == (set(Gate) if level is Level.W1 else set(Gate) - collecting)
    assert Subject.objects.get(pk=cast.subject_a.pk).state == Subject.State.ENROLLED


@pytest.mark.req("R-CONS-10")
def test_under_w2_a_scan_of_routine_care_comes_once_the_site_confirmed_it(cast: Cast) -> None:
    withdraw(cast.alba, cast.subject_a, Level.W2)
    time_point = baseline_of(cast)
    assert refused(lambda: send(cast.alba, time_point, ct_series())) == "no-consent"
    collection.allow(by=actor_for(cast.alba), time_point=time_point, reason="the scan of the yearly check")
    assert drive(send(cast.alba, time_point, ct_series())).state == Submission.State.CHECKED
    other = cast.subject_a.time_points.get(scheduled__code="FU1")
    assert refused(lambda: send(cast.alba, other, ct_series(seed="other"))) == "no-consent"


@pytest.mark.req("R-CONS-10")
def test_under_w3_an_earlier_scan_comes_once_the_investigator_confirmed_it(cast: Cast) -> None:
    withdraw(cast.alba, cast.subject_a, Level.W3)
    assert refused(lambda: send(cast.alba, baseline_of(cast), ct_series())) == "no-consent"
    collection.allow(by=actor_for(cast.alba), time_point=baseline_of(cast), reason="Dr Inventada confirms: day 3")
    assert drive(send(cast.alba, baseline_of(cast), ct_series())).state == Submission.State.CHECKED
    with pytest.raises((PermissionDenied, Http404)):
        collection.allow(by=actor_for(cast.coordinator), time_point=baseline_of(cast), reason="I say so")


@pytest.mark.req("R-CONS-10")
def test_an_image_acquired_after_the_withdrawal_is_not_filed_whatever_was_confirmed(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdraw(cast.alba, cast.subject_a, Level.W3)
    collection.allow(by=actor_for(cast.alba), time_point=baseline_of(cast), reason="it was before, we think")
    # The packaged scan is of 2004; its day zero is put so that it falls after the withdrawal.
    monkeypatch.setattr("imaging.services.filing.study_day", lambda _subject, _shifted: 1)
    delivery = drive(send(cast.alba, baseline_of(cast), ct_series()))
    assert delivery.state == Submission.State.QUARANTINED
    assert "after consent was withdrawn" in delivery.refusal
    assert set(delivery.files.values_list("state", flat=True)) == {IncomingFile.State.REFUSED}
    assert not Instance.objects.exists()


@pytest.mark.req("R-CONS-10")
def test_a_confirmation_counts_under_its_own_withdrawal_alone(cast: Cast) -> None:
    withdraw(cast.alba, cast.subject_a, Level.W3)
    collection.allow(by=actor_for(cast.alba), time_point=baseline_of(cast), reason="Dr Inventada confirms")
    withdraw(cast.alba, cast.subject_a, Level.W4)
    assert refused(lambda: send(cast.alba, baseline_of(cast), ct_series())) == "no-consent"


@pytest.mark.req("R-CONS-07")
def test_under_w3_assigned_reads_finish_and_nothing_new_is_assigned(cast: Cast) -> None:
    file_scan(cast.subject_a, "BL")
    case = assignments.assign(
        by=actor_for(cast.coordinator), time_point=accept(cast.subject_a, "BL"), reader=cast.reader
    )
    withdraw(cast.alba, cast.subject_a, Level.W3)
    client = Client()
    client.force_login(cast.reader)
    assert client.post(reverse("read-open", args=[case.pk])).status_code == 302
    assert client.get(reverse("read", args=[case.pk])).status_code == 200
    waiting = accept(cast.subject_a, "FU1")
    by = actor_for(cast.coordinator)
    assert refused(lambda: assignments.assign(by=by, time_point=waiting, reader=cast.reader)) == "no-consent"
    assert assignments.assign_all(by=by, trial=cast.trial, reader=cast.reader) == []


@pytest.mark.req("R-CONS-08")
def test_the_preview_names_what_this_subject_has_and_what_becomes_of_it(cast: Cast) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    built = build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)
    download(by=actor_for(cast.coordinator), report=built, form=Form.CONTENTS)
    half_sent(cast)
    new = NewWithdrawal(level=Level.W4, on=TODAY, reason="asked by letter")
    shown = withdrawal.preview(by=actor_for(cast.alba), subject=cast.subject_a, new=new)
    by_title = {part.title: part for part in shown.parts}
    assert by_title["Deliveries on their way, and new ones"].count == 1
    assert by_title["Time points still expected"].names == ("BL", "FU1", "FU2")
    assert by_title["Other research"].effect == "ends at once"
    reports = next(part for title, part in by_title.items() if title.startswith("Results to the sponsor"))
    assert (reports.names, reports.effect) == (("report 1",), "goes on, marked with date and level")
    (recipient,) = shown.recipients
    assert (recipient.name, recipient.what) == (ORGANISATION, f"report 1 ({built.pk})")
    assert "rhea" not in json.dumps([part.names for part in shown.parts])


@pytest.mark.req("R-CONS-08")
def test_what_is_confirmed_is_what_was_shown(cast: Cast) -> None:
    new, by = NewWithdrawal(level=Level.W3, on=TODAY, reason="asked by letter"), actor_for(cast.alba)
    seen = withdrawal.preview(by=by, subject=cast.subject_a, new=new).seen
    half_sent(cast)
    told: dict[str, Any] = {"by": by, "subject": cast.subject_a, "new": new, "seen": seen}
    assert refused(lambda: withdrawal.withdraw(**told)) == "changed"
    assert consent.allows(cast.subject_a, Gate.READ)


@pytest.mark.req("R-CONS-16")
def test_site_staff_take_back_a_single_module_as_easily_as_it_was_given(cast: Cast) -> None:
    withdraw(cast.alba, cast.subject_a, None, modules=("secondary",))
    assert {gate for gate in Gate if not consent.allows(cast.subject_a, gate)} == {Gate.SECONDARY}
    assert refused(lambda: withdraw(cast.alba, cast.subject_a, None, modules=("secondary",))) == "wrong-state"
    assert refused(lambda: withdraw(cast.alba, cast.subject_a, None, modules=("imaging",))) == "mandatory"
    with pytest.raises(Http404):
        withdraw(cast.brisa, cast.subject_a, None, modules=("export",))


@pytest.mark.req("R-CONS-11")
def test_w5_erases_what_tells_that_two_deliveries_are_of_one_person_and_keeps_the_images(cast: Cast) -> None:
    drive(send(cast.alba, baseline_of(cast), ct_series()))
    assert Subject.objects.get(pk=cast.subject_a.pk).person_token
    withdraw(cast.alba, cast.subject_a, Level.W5)
    subject = Subject.objects.get(pk=cast.subject_a.pk)
    assert (subject.patient_id_token, subject.person_token) == ("", "")
    assert set(Submission.objects.filter(time_point__subject=subject).values_list("person_token", flat=True)) == {""}
    assert all(archive.load(sha256) for sha256 in Instance.objects.values_list("sha256", flat=True))
    assert refused(lambda: give(cast.alba, cast.monitor, subject, cast.form)) == "final"
    assert AuditEvent.objects.filter(act="subject.unlinked", object_id=str(subject.pk)).exists()


@pytest.fixture
def never_valid(cast: Cast) -> Seclusion:
    """The subject's scan filed, then W6, with the images taken out by the worker."""
    drive(send(cast.alba, baseline_of(cast), ct_series()))
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="the form was never signed")
    row = Seclusion.objects.get()
    imaging_tasks.seclude(str(row.pk))
    row.refresh_from_db()
    return row


@pytest.mark.req("R-CONS-12")
def test_w6_takes_the_images_out_of_the_archive_into_the_encrypted_quarantine(
    cast: Cast, never_valid: Seclusion
) -> None:
    assert never_valid.state == Seclusion.State.HELD
    assert never_valid.images.count() == Instance.objects.count() == 5
    for image in never_valid.images.all():
        with pytest.raises(archive.ArchiveDamaged):
            archive.load(image.sha256)
        sealed = quarantine.vault().open(
            submission=str(never_valid.pk),
            number=image.number,
            parts=image.parts,
            wrapped_key=bytes(never_valid.wrapped_key),
        )
        assert hashlib.sha256(sealed.read()).hexdigest() == image.sha256
    plain = b"DICM"
    assert all(plain not in path.read_bytes() for path in Path(settings.QUARANTINE_ROOT).rglob("*") if path.is_file())
    imaging_tasks.seclude(str(never_valid.pk))
    assert SecludedInstance.objects.count() == 5


@pytest.mark.req("R-CONS-12")
def test_w6_voids_reads_beside_the_locked_rows(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0", "FU1": "40.0"})
    before = list(Read.objects.order_by("pk").values())
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="the form was never signed")
    assert list(Read.objects.order_by("pk").values()) == before
    assert set(ReadVoid.objects.values_list("reason", flat=True)) == {"the form was never signed"}
    assert ReadVoid.objects.count() == 2
    assert take_results(by=actor_for(cast.sponsor), trial=cast.trial)["readings"] == []


@pytest.mark.req("R-CONS-12")
def test_only_sponsor_and_officer_together_destroy_and_the_hashes_stay(
    cast: Cast, never_valid: Seclusion, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    hashes = set(never_valid.images.values_list("sha256", flat=True))
    for name in ("coordinator", "alba", "monitor"):
        with pytest.raises((PermissionDenied, Http404)):
            decide_destruction(by=actor_for(getattr(cast, name)), row=never_valid, reason="now")
    decide_destruction(by=actor_for(cast.sponsor), row=never_valid, reason="nobody consented")
    again = refused(lambda: decide_destruction(by=actor_for(cast.sponsor), row=never_valid, reason="again"))
    assert again == "wrong-state"
    (told,) = AuditEvent.objects.filter(act="privacy.refused")
    assert told.after == '{"act":"decide_destruction","cause":"wrong-state"}'
    assert Seclusion.objects.get().state == Seclusion.State.HELD
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]  # pytest-django's
        decide_destruction(by=actor_for(cast.officer), row=never_valid, reason="nobody consented")
    row = Seclusion.objects.get()
    assert (row.state, bytes(row.wrapped_key)) == (Seclusion.State.DESTROYED, b"")
    assert str(row.pk) not in quarantine.vault().list_submissions()
    assert set(row.images.values_list("sha256", flat=True)) == hashes


@pytest.mark.req("R-CONS-12")
def test_w6_gives_a_recall_notice_that_names_the_code_alone_and_nothing_follows_it(cast: Cast) -> None:
    with pytest.raises(ValidationError):
        recipients.notices(cast.subject_a)
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="the form was never signed")
    (notice,) = recipients.notices(cast.subject_a)
    text = notice.text
    assert notice.recipients == ()
    assert cast.subject_a.code in text
    assert "never validly consented" in text
    assert refused(lambda: give(cast.alba, cast.monitor, cast.subject_a, cast.form)) == "final"
    assert refused(lambda: withdraw(cast.alba, cast.subject_a, Level.W3)) == "level"


@pytest.mark.req("R-CONS-14", "R-CONS-19")
def test_a_signed_report_stays_as_it_is_and_is_handed_out_no_more_where_nothing_may_be(
    cast: Cast, released: Report
) -> None:
    before = Report.objects.values().get(pk=released.pk)
    withdraw(cast.alba, cast.subject_a, Level.W3)
    download(by=actor_for(cast.sponsor), report=released, form=Form.CONTENTS)
    # What its bytes cannot say any more stands beside them, in the ledger and on the page it is taken from.
    assert f"; {cast.subject_a.code} withdrawn since: W3, {TODAY}" in Disclosure.objects.earliest("pk").what
    client = Client()
    client.force_login(cast.sponsor)
    page = client.get(reverse("report", args=[released.pk])).text
    assert re.search(rf"{cast.subject_a.code}</span>\s+\(W3, {TODAY:%d %b %Y}\)", page)
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="the form was never signed")
    by = actor_for(cast.sponsor)
    assert refused(lambda: download(by=by, report=released, form=Form.CONTENTS)) == "no-consent"
    assert Report.objects.values().get(pk=released.pk) == before
    following = build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)
    assert [(one.subject, one.level) for one in read(following).withdrawn] == [(cast.subject_a.code, "W6")]


@pytest.mark.req("R-CONS-13")
def test_a_restriction_stops_use_keeps_storage_and_is_lifted_with_a_reason(cast: Cast) -> None:
    by, use = actor_for(cast.officer), {Gate.ASSIGN, Gate.READ, Gate.COMPUTE, Gate.EXPORT, Gate.SECONDARY}
    restriction.restrict(by=by, subject=cast.subject_a, ground=Restriction.Ground.ACCURACY, reason="contested")
    assert {gate for gate in Gate if not consent.allows(cast.subject_a, gate)} == use
    assert refused(lambda: consent.require(cast.subject_a, Gate.SECONDARY)) == "restricted"
    assert drive(send(cast.alba, baseline_of(cast), ct_series())).state == Submission.State.CHECKED
    ground = Restriction.Ground.CLAIMS
    told: dict[str, Any] = {"by": by, "subject": cast.subject_a}
    assert refused(lambda: restriction.restrict(**told, ground=ground, reason="again")) == "wrong-state"
    assert refused(lambda: restriction.lift(**told, reason=" ")) == "no-reason"
    restriction.lift(by=by, subject=cast.subject_a, reason="it was right")
    assert all(consent.allows(cast.subject_a, gate) for gate in Gate)
    with pytest.raises(PermissionDenied):
        restriction.restrict(by=actor_for(cast.alba), subject=cast.subject_a, ground=ground, reason="no")

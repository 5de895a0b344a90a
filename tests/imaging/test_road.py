import io
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from audit.models import AuditEvent
from imaging import archive, progress
from imaging.models import IncomingFile, Instance, QCCheck, Series, Submission
from imaging.quarantine import vault
from imaging.services import desk, road, stages, submissions
from imaging.services.pieces import Piece
from tests.cast import Cast, actor_for, withdraw
from tests.imaging.scans import PLANTED, baseline_of, clean_by_hand, ct_series, ct_slice, drive, send, to_bytes
from trials.models import TimePoint

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-ROAD-01")
def test_a_series_is_received_cleaned_filed_and_checked(cast: Cast, filed: Submission) -> None:
    assert filed.state == Submission.State.CHECKED
    series = Series.objects.get()
    assert (series.modality, series.instances.count()) == ("CT", 5)
    assert series.study.time_point == baseline_of(cast)
    assert baseline_of(cast).state == TimePoint.State.RECEIVED
    acts = list(AuditEvent.objects.filter(layer="act", object_id=str(filed.pk)).values_list("act", flat=True))
    assert acts == [
        "delivery.started",
        "delivery.received",
        "delivery.opened",
        "delivery.certified",
        "delivery.deidentified",
        "images.filed",
        "scan.filed",
    ]


@pytest.mark.req("R-ROAD-02")
def test_no_planted_identifier_is_left_in_archive_quarantine_or_database(cast: Cast, filed: Submission) -> None:
    written = [path.read_bytes() for path in Path(settings.HOME).rglob("*") if path.is_file()]
    told = repr(
        [list(model.objects.values()) for model in (IncomingFile, Instance, Series, AuditEvent, QCCheck)]
    ).encode()
    for planted in PLANTED:
        assert not [blob for blob in (*written, told) if planted.encode() in blob], planted


@pytest.mark.req("R-ROAD-03")
def test_the_intake_key_and_the_quarantine_are_destroyed_after_filing(
    cast: Cast,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    submission = send(cast.alba, baseline_of(cast), ct_series())
    assert str(submission.pk) in vault().list_submissions()
    with django_capture_on_commit_callbacks(execute=True):
        done = drive(submission)
    assert bytes(done.wrapped_key) == b""
    assert str(submission.pk) not in vault().list_submissions()


@pytest.mark.req("R-ROAD-04")
def test_the_receipt_lists_each_object_with_its_stored_hash(cast: Cast, filed: Submission) -> None:
    receipt = progress.receipt(filed)
    stored = dict(Instance.objects.values_list("uid", "sha256"))
    assert {row["sop_instance_uid"]: row["filed_sha256"] for row in receipt["filed"]} == stored
    assert all(archive.load(sha256) for sha256 in stored.values())


@pytest.mark.req("R-ROAD-05")
def test_a_zip_is_opened_good_members_kept_and_bad_ones_named(cast: Cast) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for number, data in enumerate(ct_series(4)):
            bundle.writestr(f"scan/{number}", data)
        bundle.writestr("scan/notes.txt", "not an image")
    done = drive(send(cast.alba, baseline_of(cast), [packed.getvalue()]))
    assert done.state == Submission.State.CHECKED
    assert done.files.filter(state=IncomingFile.State.FILED).count() == 4
    (refusal,) = progress.refusals(done)
    assert refusal["code"] == "not-dicom"
    assert refusal["count"] == 1


@pytest.mark.req("R-ROAD-06")
def test_two_persons_in_one_delivery_stop_it_whole_and_encrypted(cast: Cast) -> None:
    files = ct_series(2) + ct_series(2, name="ANDERER^MENSCH", patient_id="ZZ5550001", seed="two")
    done = drive(send(cast.alba, baseline_of(cast), files))
    assert done.state == Submission.State.QUARANTINED
    assert "more than one person" in done.refusal
    assert not Instance.objects.exists()


@pytest.mark.req("R-ROAD-06")
def test_another_person_than_before_is_caught_by_the_keyed_token(cast: Cast, filed: Submission) -> None:
    follow_up = cast.subject_a.time_points.get(scheduled__code="FU1")
    other = ct_series(4, name="ANDERER^MENSCH", patient_id="ZZ5550001", seed="two")
    done = drive(send(cast.alba, follow_up, other))
    assert done.state == Submission.State.QUARANTINED
    assert "another person" in done.refusal


@pytest.mark.req("R-ROAD-07")
def test_sending_the_same_scan_again_is_harmless(cast: Cast, filed: Submission) -> None:
    again = drive(send(cast.alba, baseline_of(cast), ct_series()))
    assert again.state == Submission.State.CHECKED
    assert Instance.objects.count() == 5


@pytest.mark.req("R-ROAD-07")
def test_the_same_uid_with_other_content_is_a_conflict_and_never_overwrites(cast: Cast, filed: Submission) -> None:
    before = dict(Instance.objects.values_list("uid", "sha256"))
    changed = ct_slice(2)
    changed.PixelData = bytes(reversed(changed.PixelData))
    again = drive(send(cast.alba, baseline_of(cast), [to_bytes(changed)]))
    assert again.state == Submission.State.QUARANTINED
    assert again.files.get().refusal_code == "conflict"
    assert dict(Instance.objects.values_list("uid", "sha256")) == before


@pytest.mark.req("R-ROAD-07")
def test_a_study_filed_elsewhere_is_refused(cast: Cast, filed: Submission) -> None:
    follow_up = cast.subject_a.time_points.get(scheduled__code="FU1")
    done = drive(send(cast.alba, follow_up, ct_series()))
    assert done.files.filter(refusal_code="other-time-point").count() == 5


@pytest.mark.req("R-ROAD-08")
def test_a_worker_killed_in_any_stage_leaves_work_that_another_finishes_once(cast: Cast) -> None:
    submission = send(cast.alba, baseline_of(cast), ct_series())
    for _stage in range(4):
        # Claimed and gone: the lease stands, nobody else may take it …
        assert road.claim(str(submission.pk)) is not None
        assert road.claim(str(submission.pk)) is None
        # … until it runs out.
        Submission.objects.filter(pk=submission.pk).update(leased_until=timezone.now())
        claimed = road.claim(str(submission.pk))
        assert claimed is not None
        stages.run(claimed)
    submission.refresh_from_db()
    assert submission.state == Submission.State.CHECKED
    assert Instance.objects.count() == 5
    assert AuditEvent.objects.filter(act="scan.filed").count() == 1


@pytest.mark.req("R-ROAD-08")
def test_a_stage_that_died_half_way_goes_on_without_losing_or_doubling(cast: Cast) -> None:
    submission = send(cast.alba, baseline_of(cast), ct_series())
    claimed = road.claim(str(submission.pk))
    assert claimed is not None
    stages.run(claimed)
    half = road.claim(str(submission.pk))
    assert half is not None
    # The first two files are cleaned when the machine dies.
    for file in half.files.all()[:2]:
        clean_by_hand(cast, file)
    Submission.objects.filter(pk=submission.pk).update(leased_until=None)
    assert drive(submission).state == Submission.State.CHECKED
    assert Instance.objects.count() == 5


@pytest.mark.req("R-ROAD-09")
def test_without_consent_nothing_is_received_and_nothing_filed(cast: Cast) -> None:
    submission = send(cast.alba, baseline_of(cast), ct_series())
    withdraw(cast.alba, cast.subject_a, reason="asked by phone")
    done = drive(submission)
    assert done.state == Submission.State.QUARANTINED
    assert "Consent" in done.refusal
    assert not Instance.objects.exists()
    with pytest.raises(ValidationError, match="Consent"):
        submissions.start(by=actor_for(cast.alba), time_point=baseline_of(cast))


@pytest.mark.req("R-ROAD-10")
def test_an_incomplete_delivery_is_not_closed_and_goes_on(cast: Cast) -> None:
    by, files = actor_for(cast.alba), ct_series(3)
    submission = submissions.start(by=by, time_point=baseline_of(cast))
    submissions.receive(by=by, submission=submission, pieces=[Piece(number=0, part=0, data=files[0])])
    size = sum(map(len, files))
    with pytest.raises(ValidationError, match="Of 3 files 1 arrived"):
        submissions.complete(by=by, submission=submission, files=3, size=size)
    rest = [Piece(number=number, part=0, data=files[number]) for number in (0, 1, 2)]
    assert submissions.receive(by=by, submission=submission, pieces=rest) == 2
    assert submissions.complete(by=by, submission=submission, files=3, size=size).state == Submission.State.RECEIVED


@pytest.mark.req("R-ROAD-11")
def test_site_staff_send_for_their_own_site_only(cast: Cast) -> None:
    with pytest.raises(Http404):
        submissions.start(by=actor_for(cast.brisa), time_point=baseline_of(cast))


@pytest.mark.req("R-ROAD-12")
def test_discarding_destroys_what_was_refused_and_needs_a_reason(
    cast: Cast,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    done = drive(send(cast.alba, baseline_of(cast), [b"no image at all"]))
    assert done.state == Submission.State.QUARANTINED
    with pytest.raises(ValidationError, match="why"):
        desk.discard(by=actor_for(cast.alba), submission=done, reason=" ")
    with django_capture_on_commit_callbacks(execute=True):
        gone = desk.discard(by=actor_for(cast.alba), submission=done, reason="wrong file")
    assert gone.state == Submission.State.DISCARDED
    assert str(done.pk) not in vault().list_submissions()


@pytest.mark.req("R-ROAD-13")
def test_missing_slices_become_findings_in_words(cast: Cast) -> None:
    files = ct_series(6)
    del files[3]
    drive(send(cast.alba, baseline_of(cast), files))
    sentences = " ".join(QCCheck.objects.values_list("sentence", flat=True))
    assert "gap" in sentences

"""Where two hands meet on one delivery, or a fault of ours does: nothing acknowledged is lost, nothing unjudged read."""

import datetime as dt
import io
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditEvent
from imaging import quarantine
from imaging.models import IncomingFile, Instance, QCCheck, QCDecision, Query, Study, Submission
from imaging.services import desk, filing, housekeeping, quality, road, stages, submissions
from imaging.services.pieces import Piece
from tests import signing
from tests.cast import Cast, actor_for, register, withdraw
from tests.imaging.scans import baseline_of, ct_series, drive, send
from trials.models import Subject, TimePoint
from trials.services.corrections import SubjectChange, correct_subject

pytestmark = pytest.mark.django_db
VERDICT = QCDecision.Verdict


def decide(cast: Cast, time_point: TimePoint, verdict: QCDecision.Verdict, *, seen: str = "") -> QCDecision:
    return signing.decide(cast.analyst, time_point, verdict, "please look again", seen=seen)


def half_sent(cast: Cast, data: bytes) -> Submission:
    by = actor_for(cast.alba)
    submission = submissions.start(by=by, time_point=baseline_of(cast))
    submissions.receive(by=by, submission=submission, pieces=[Piece(number=0, part=0, data=data)])
    return submission


@pytest.mark.req("R-ROAD-14")
@pytest.mark.parametrize("ending", ["complete", "discard"])
def test_a_piece_that_comes_after_the_end_is_refused_not_acknowledged(cast: Cast, ending: str) -> None:
    by, (first, second) = actor_for(cast.alba), ct_series(2)
    stale = half_sent(cast, first)
    if ending == "complete":
        submissions.complete(by=by, submission=stale, files=1, size=len(first))
    else:
        desk.discard(by=by, submission=stale, reason="wrong scan")
    # What a second request read before the first one ended it.
    stale.state = Submission.State.RECEIVING
    with pytest.raises(ValidationError, match="does not take more files"):
        submissions.receive(by=by, submission=stale, pieces=[Piece(number=1, part=0, data=second)])
    assert stale.files.count() == 1


@pytest.mark.req("R-ROAD-14")
def test_a_part_sent_again_with_other_bytes_is_refused_and_the_first_one_stays(cast: Cast) -> None:
    by, (first, second) = actor_for(cast.alba), ct_series(2)
    submission = half_sent(cast, first)
    other = bytes(len(first))
    with pytest.raises(ValidationError, match="changed while it was sent"):
        submissions.receive(by=by, submission=submission, pieces=[Piece(number=0, part=0, data=other)])
    with pytest.raises(ValidationError, match="missing"):
        submissions.receive(by=by, submission=submission, pieces=[Piece(number=5, part=1, data=second)])
    assert quarantine.read_whole(submission.files.get()) == first
    assert submissions.receive(by=by, submission=submission, pieces=[Piece(number=0, part=0, data=first)]) == 0


@pytest.mark.req("R-ROAD-14")
def test_completing_twice_is_one_delivery_and_a_wrong_size_is_told(cast: Cast) -> None:
    by, (data,) = actor_for(cast.alba), ct_series(1)
    submission = half_sent(cast, data)
    with pytest.raises(ValidationError, match="not of the size"):
        submissions.complete(by=by, submission=submission, files=1, size=len(data) + 1)
    for _twice in range(2):
        done = submissions.complete(by=by, submission=submission, files=1, size=len(data))
        assert done.state == Submission.State.RECEIVED
    assert AuditEvent.objects.filter(act="delivery.received").count() == 1


@pytest.mark.req("R-ROAD-15")
def test_nothing_enters_a_time_point_that_was_accepted_meanwhile(cast: Cast) -> None:
    by, late = actor_for(cast.alba), ct_series(3, seed="late")
    open_one = submissions.start(by=by, time_point=baseline_of(cast))
    pieces = [Piece(number=number, part=0, data=data) for number, data in enumerate(late)]
    submissions.receive(by=by, submission=open_one, pieces=pieces)
    drive(send(cast.alba, baseline_of(cast), ct_series()))
    decide(cast, baseline_of(cast), VERDICT.ACCEPTED)
    with pytest.raises(ValidationError, match="accepted already"):
        submissions.complete(by=by, submission=open_one, files=3, size=sum(map(len, late)))
    # Even where it was complete before the verdict and only then filed.
    Submission.objects.filter(pk=open_one.pk).update(state=Submission.State.RECEIVED)
    assert drive(open_one).state == Submission.State.QUARANTINED
    assert Instance.objects.count() == 5


@pytest.mark.req("R-QC-10")
def test_a_verdict_on_a_page_that_is_out_of_date_is_not_signed(cast: Cast, filed: Submission) -> None:
    seen = quality.shown_sha256(baseline_of(cast))
    drive(send(cast.alba, baseline_of(cast), ct_series(4, seed="more")))
    with pytest.raises(ValidationError, match="changed since you opened"):
        decide(cast, baseline_of(cast), VERDICT.ACCEPTED, seen=seen)
    assert not QCDecision.objects.exists()


@pytest.mark.req("R-QC-10")
def test_the_next_verdict_closes_the_question_of_the_last(cast: Cast, filed: Submission) -> None:
    decide(cast, baseline_of(cast), VERDICT.QUERIED)
    assert Query.objects.get().state == Query.State.OPEN
    decide(cast, baseline_of(cast), VERDICT.ACCEPTED)
    assert Query.objects.get().state == Query.State.CLOSED


@pytest.mark.req("R-QC-10")
def test_no_verdict_without_consent(cast: Cast, filed: Submission) -> None:
    withdraw(cast.alba, cast.subject_a, reason="asked")
    with pytest.raises(ValidationError, match="Consent"):
        decide(cast, baseline_of(cast), VERDICT.ACCEPTED)


@pytest.mark.req("R-ROAD-06")
def test_a_number_without_name_and_a_name_without_number_are_two_persons(cast: Cast) -> None:
    files = ct_series(2, patient_id="QX99871345") + ct_series(2, patient_id="", name="ANDERER^MENSCH", seed="two")
    done = drive(send(cast.alba, baseline_of(cast), files))
    assert done.state == Submission.State.QUARANTINED
    assert "more than one person" in done.refusal


@pytest.mark.req("R-ROAD-06")
def test_two_first_deliveries_of_different_persons_do_not_both_pass(cast: Cast) -> None:
    one = send(cast.alba, baseline_of(cast), ct_series(4))
    other_scan = ct_series(4, name="ANDERER^MENSCH", patient_id="ZZ5550001", seed="two")
    other = send(cast.alba, cast.subject_a.time_points.get(scheduled__code="FU1"), other_scan)
    for submission in (one, other):
        claimed = road.claim(str(submission.pk))
        assert claimed is not None
        stages.run(claimed)
    assert drive(one).state == Submission.State.CHECKED
    assert drive(other).state == Submission.State.QUARANTINED


@pytest.mark.req("R-ROAD-06")
def test_one_person_under_two_subjects_is_an_error_for_the_analyst(cast: Cast, filed: Submission) -> None:
    twin = register(cast.alba, cast.site_a, cast.form)
    drive(send(cast.alba, twin.time_points.get(scheduled__code="BL"), ct_series(4, seed="again")))
    finding = QCCheck.objects.get(rule="identity", time_point__subject=twin)
    assert finding.severity == "error"
    assert "another subject" in finding.sentence


@pytest.mark.req("R-ROAD-06")
def test_the_first_scan_of_a_subject_raises_no_identity_finding(cast: Cast, filed: Submission) -> None:
    assert not QCCheck.objects.filter(rule="identity").exists()
    assert Subject.objects.get(pk=cast.subject_a.pk).person_token


@pytest.mark.req("R-ROAD-09")
def test_consent_taken_back_between_two_batches_stops_the_rest(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    submission = send(cast.alba, baseline_of(cast), ct_series(6, seed="taken back"))
    for _stage in range(2):
        claimed = road.claim(str(submission.pk))
        assert claimed is not None
        stages.run(claimed)
    monkeypatch.setattr(filing, "_BATCH", 2)
    store, stored = filing._store, []

    def storing(delivery: Submission, file: IncomingFile) -> int:
        stored.append(file.number)
        if len(stored) == 3:
            withdraw(cast.alba, cast.subject_a, reason="now")
        return store(delivery, file)

    monkeypatch.setattr(filing, "_store", storing)
    assert drive(submission).state == Submission.State.QUARANTINED
    assert Instance.objects.count() == 2
    kept = {path.name for path in Path(settings.ARCHIVE_ROOT).rglob("*") if path.is_file()}
    refused = set(submission.files.exclude(state="filed").values_list("cleaned_sha256", flat=True))
    assert not kept & refused
    assert AuditEvent.objects.filter(act="images.filed").count() == 1
    assert baseline_of(cast).state == TimePoint.State.RECEIVED


@pytest.mark.req("R-ROAD-16")
def test_a_fault_of_ours_stalls_a_delivery_and_the_operator_lets_it_go_on(cast: Cast) -> None:
    submission = send(cast.alba, baseline_of(cast), ct_series())
    Submission.objects.filter(pk=submission.pk).update(attempts=road.MAXIMUM_ATTEMPTS)
    stalled = drive(submission)
    assert stalled.state == Submission.State.STALLED
    assert "not yours" in stalled.refusal
    with pytest.raises(CommandError, match="not the id"):
        call_command("resume_delivery", "nonsense")
    call_command("resume_delivery", str(submission.pk))
    assert drive(submission).state == Submission.State.CHECKED


@pytest.mark.req("R-ROAD-16")
def test_each_failure_waits_longer_than_the_last_up_to_an_hour(cast: Cast) -> None:
    submission = send(cast.alba, baseline_of(cast), ct_series(1))
    pauses = []
    for attempts in (1, 3, 30):
        submission.attempts = attempts
        road.back_off(submission)
        submission.refresh_from_db(fields=["leased_until"])
        assert submission.leased_until is not None
        pauses.append(submission.leased_until - timezone.now())
    assert pauses == sorted(pauses)
    assert pauses[-1] <= dt.timedelta(hours=1)


@pytest.mark.req("R-ROAD-17")
def test_silent_deliveries_are_closed_and_leftovers_removed(cast: Cast) -> None:
    browser = half_sent(cast, ct_series(1)[0])
    long_ago = timezone.now() - dt.timedelta(days=5)
    Submission.objects.filter(pk=browser.pk).update(active_at=long_ago)
    housekeeping.close_silent()
    browser.refresh_from_db()
    assert browser.state == Submission.State.DISCARDED
    housekeeping.tidy_quarantine()
    assert str(browser.pk) not in quarantine.vault().list_submissions()


@pytest.mark.req("R-ROAD-17")
def test_a_zip_without_images_says_so(cast: Cast) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("folder/", "")
        bundle.writestr("folder/DICOMDIR", b"x" * 200)
    done = drive(send(cast.alba, baseline_of(cast), [packed.getvalue()]))
    assert done.state == Submission.State.QUARANTINED
    assert "no image" in done.refusal


@pytest.mark.req("R-COR-06")
def test_a_day_zero_corrected_while_a_scan_is_on_its_way_counts_for_that_scan(cast: Cast) -> None:
    submission = send(cast.alba, baseline_of(cast), ct_series())
    while submission.state != Submission.State.CLEANED:
        claimed = road.claim(str(submission.pk))
        assert claimed
        stages.run(claimed)
        submission.refresh_from_db()
    claimed = road.claim(str(submission.pk))
    assert claimed
    assert claimed.time_point
    assert claimed.time_point.subject.day_zero == cast.subject_a.day_zero
    change = SubjectChange(day_zero=cast.subject_a.day_zero - dt.timedelta(days=3))
    corrected = correct_subject(by=actor_for(cast.alba), subject=cast.subject_a, change=change, reason="typed wrongly")
    stages.run(claimed)
    # The day that pydicom's CT_small was taken.
    assert Study.objects.get().study_day == (dt.date(2004, 1, 19) - corrected.day_zero).days

"""Two images with one identity and other content: nothing is overwritten, nothing dropped in silence, a person decides."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from audit.models import AuditEvent
from imaging import archive, quarantine
from imaging.models import Conflict, IncomingFile, Instance, QCDecision, Query, Submission
from imaging.services import conflicts, desk
from imaging.services.conflicts import Choice
from tests import signing
from tests.cast import Cast, actor_for
from tests.imaging.scans import PLANTED, baseline_of, ct_series, ct_slice, drive, send, to_bytes
from trials.models import TimePoint

pytestmark = pytest.mark.django_db
State = IncomingFile.State


def other_pixels(number: int) -> bytes:
    dataset = ct_slice(number)
    pixels = dataset.pixel_array.copy()
    pixels[5, 5] += 1
    dataset.PixelData, dataset.KVP = pixels.tobytes(), "100"
    return to_bytes(dataset)


@pytest.fixture
def rival(cast: Cast, filed: Submission) -> Submission:
    """A delivery of which two files carry identities that are filed with other pixels, and one is new."""
    return drive(send(cast.alba, baseline_of(cast), [other_pixels(1), other_pixels(2), *ct_series(6)[5:]]))


@pytest.mark.req("R-ARC-12")
def test_other_content_under_a_filed_identity_waits_sealed_and_the_filed_one_stays(
    cast: Cast, filed: Submission, rival: Submission
) -> None:
    assert rival.state == Submission.State.CHECKED
    assert Conflict.objects.filter(state="open").count() == 2
    refused = rival.files.filter(state=State.REFUSED, refusal_code="conflict")
    assert [quarantine.read_whole(file)[128:132] for file in refused] == [b"DICM"] * 2
    assert Instance.objects.count() == 6
    held = set(archive.names_between("", "g"))
    assert not held & set(refused.values_list("cleaned_sha256", flat=True))


@pytest.mark.req("R-ARC-12")
def test_an_equal_file_sent_again_is_no_conflict(cast: Cast, filed: Submission) -> None:
    assert drive(send(cast.alba, baseline_of(cast), ct_series())).state == Submission.State.CHECKED
    assert not Conflict.objects.exists()


@pytest.mark.req("R-ARC-13")
def test_old_and_new_stand_side_by_side_and_no_identity_among_them(cast: Cast, rival: Submission) -> None:
    client = Client()
    client.force_login(cast.coordinator)
    assert f"/deliveries/{rival.pk}/conflicts/" in client.get(f"/deliveries/{rival.pk}/").content.decode()
    page = client.get(f"/deliveries/{rival.pk}/conflicts/").content.decode()
    for conflict in Conflict.objects.select_related("instance", "file"):
        lines = {line.name: line for line in conflicts.compare(conflict)}
        differing = {name for name, line in lines.items() if line.differs}
        assert {"Tube voltage (kV)", "SHA-256 of the pixels", "SHA-256 of the cleaned object"} <= differing
        assert not {"Rows", "Columns", "Modality", "Position (mm)"} & differing
        assert conflict.instance.sha256 in page
        assert conflict.file.cleaned_sha256 in page
    assert not [planted for planted in PLANTED if planted in page]


@pytest.mark.req("R-ARC-13")
def test_the_filed_one_is_kept_with_a_reason_and_the_new_file_destroyed(
    cast: Cast, rival: Submission, django_capture_on_commit_callbacks: object
) -> None:
    before = dict(Instance.objects.values_list("uid", "sha256"))
    client = Client()
    client.force_login(cast.coordinator)
    address = f"/deliveries/{rival.pk}/conflicts/"
    assert client.post(address, {"choice": "keep", "reason": " "}).status_code == 400
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # pytest-django's fixture
        answer = client.post(address, {"choice": "keep", "reason": "the second export was filtered"})
    assert answer.status_code == 302
    assert dict(Instance.objects.values_list("uid", "sha256")) == before
    assert set(Conflict.objects.values_list("state", "decided_by")) == {("kept", cast.coordinator.username)}
    assert rival.files.filter(state=State.DISCARDED).count() == 2
    rival.refresh_from_db()
    assert bytes(rival.wrapped_key) == b""
    assert str(rival.pk) not in quarantine.vault().list_submissions()
    event = AuditEvent.objects.get(act="conflict.decided")
    assert (event.reason, event.actor_id) == ("the second export was filtered", cast.coordinator.username)


@pytest.mark.req("R-ARC-13")
def test_both_are_set_aside_the_site_is_asked_and_nobody_may_accept_meanwhile(cast: Cast, rival: Submission) -> None:
    with pytest.raises(ValidationError, match="coordinator must decide"):
        signing.decide(cast.analyst, baseline_of(cast), QCDecision.Verdict.ACCEPTED, "")
    count = conflicts.decide(
        by=actor_for(cast.coordinator), submission=rival, choice=Choice.ASK, reason="Which export is the right one?"
    )
    assert count == 2
    assert baseline_of(cast).state == TimePoint.State.QUERIED
    assert Query.objects.get().messages.get().text == "Which export is the right one?"
    assert rival.files.filter(state=State.REFUSED).count() == 2
    assert set(Conflict.objects.values_list("state", flat=True)) == {"asked"}
    with pytest.raises(ValidationError, match="waits for a decision any more"):
        conflicts.decide(by=actor_for(cast.coordinator), submission=rival, choice=Choice.KEEP, reason="again")


@pytest.mark.req("R-ARC-13")
def test_only_the_coordinator_decides_and_a_discarded_file_asks_nothing_any_more(cast: Cast, rival: Submission) -> None:
    for person in (cast.alba, cast.analyst):
        with pytest.raises(PermissionDenied):
            conflicts.decide(by=actor_for(person), submission=rival, choice=Choice.KEEP, reason="mine")
    desk.discard(by=actor_for(cast.alba), submission=rival, reason="sent by mistake")
    assert not conflicts.open_conflicts().exists()
    signing.decide(cast.analyst, baseline_of(cast), QCDecision.Verdict.ACCEPTED, "")


@pytest.mark.req("R-ARC-13")
def test_a_delivery_of_nothing_but_conflicts_is_refused_whole_and_still_decided(cast: Cast, filed: Submission) -> None:
    whole = drive(send(cast.alba, baseline_of(cast), [other_pixels(1)]))
    assert whole.state == Submission.State.QUARANTINED
    conflicts.decide(by=actor_for(cast.coordinator), submission=whole, choice=Choice.KEEP, reason="the first is right")
    whole.refresh_from_db()
    assert whole.state == Submission.State.DISCARDED

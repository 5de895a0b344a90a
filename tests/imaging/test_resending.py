"""Sending a scan again: the next delivery takes the place of one, nothing is deleted, and nothing accepted is touched."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from audit.models import AuditEvent
from imaging import archive
from imaging.models import Conflict, Instance, QCDecision, Resend, SetAside, Submission
from imaging.selectors import series_of
from imaging.services import quality, resending, seclusion
from tests import signing
from tests.cast import Cast, actor_for
from tests.imaging.scans import baseline_of, ct_series, drive, send
from tests.imaging.test_conflicts import other_pixels

pytestmark = pytest.mark.django_db


def announce(cast: Cast, submission: Submission) -> Resend:
    return resending.announce(by=actor_for(cast.alba), submission=submission, reason="the wrong series")


@pytest.mark.req("R-DESK-01")
def test_what_comes_again_stands_what_does_not_is_set_aside_and_no_byte_is_lost(cast: Cast, filed: Submission) -> None:
    announce(cast, filed)
    new = drive(send(cast.alba, baseline_of(cast), [*ct_series()[:4], *ct_series(3, seed="other")]))
    assert new.state == Submission.State.CHECKED
    done = Resend.objects.get()
    assert (done.state, done.successor, done.submission) == ("done", new, filed)
    assert (Instance.objects.count(), Instance.every.count(), SetAside.objects.count()) == (7, 8, 1)
    assert all(archive.load(each.sha256) for each in Instance.every.all())
    gone = SetAside.objects.get().instance
    assert gone.uid not in quality.decision_contents(baseline_of(cast))["instances"]
    assert gone.pk not in {one.pk for series in series_of(baseline_of(cast)) for one in series.instances.all()}
    assert seclusion.instances_of(cast.subject_a).filter(pk=gone.pk).exists()
    event = AuditEvent.objects.get(act="delivery.superseded")
    assert (event.reason, str(new.pk) in str(event.after)) == ("the wrong series", True)


@pytest.mark.req("R-DESK-01")
def test_a_series_of_which_no_image_stands_is_shown_to_nobody(cast: Cast, filed: Submission) -> None:
    announce(cast, filed)
    drive(send(cast.alba, baseline_of(cast), ct_series(3, seed="other")))
    assert [series.instances.count() for series in series_of(baseline_of(cast))] == [3]


@pytest.mark.req("R-DESK-01")
def test_an_image_that_was_set_aside_and_comes_again_stands_again(cast: Cast, filed: Submission) -> None:
    announce(cast, filed)
    second = drive(send(cast.alba, baseline_of(cast), ct_series(3, seed="other")))
    announce(cast, second)
    drive(send(cast.alba, baseline_of(cast), ct_series()))
    standing = set(Instance.objects.values_list("submission", flat=True))
    assert standing == {filed.pk}
    assert SetAside.objects.filter(lifted_at__isnull=False).count() == Instance.objects.count()


@pytest.mark.req("R-DESK-01")
def test_what_was_sent_twice_goes_with_the_newer_of_the_two(cast: Cast, filed: Submission) -> None:
    announce(cast, filed)
    second = drive(send(cast.alba, baseline_of(cast), ct_series()))
    announce(cast, second)
    third = drive(send(cast.alba, baseline_of(cast), ct_series(2, seed="other")))
    assert set(Instance.objects.values_list("submission", flat=True)) == {third.pk}


@pytest.mark.req("R-DESK-02")
def test_other_content_under_a_filed_identity_is_a_conflict_still_and_the_filed_one_stands(
    cast: Cast, filed: Submission
) -> None:
    announce(cast, filed)
    new = drive(send(cast.alba, baseline_of(cast), [other_pixels(1), ct_series()[0], *ct_series()[2:]]))
    conflict = Conflict.objects.get()
    assert (conflict.file.submission, conflict.state) == (new, "open")
    assert Instance.objects.filter(pk=conflict.instance_id).exists()
    assert not SetAside.objects.exists()


@pytest.mark.req("R-DESK-02")
def test_an_image_that_was_set_aside_stands_while_a_conflict_about_it_waits(cast: Cast, filed: Submission) -> None:
    announce(cast, filed)
    drive(send(cast.alba, baseline_of(cast), ct_series(3, seed="other")))
    drive(send(cast.alba, baseline_of(cast), [other_pixels(1)]))
    conflict = Conflict.objects.get()
    assert Instance.objects.filter(pk=conflict.instance_id, submission=filed).exists()


@pytest.mark.req("R-DESK-02")
def test_nothing_that_was_accepted_is_superseded_and_nothing_is_accepted_while_a_resend_is_awaited(
    cast: Cast, filed: Submission
) -> None:
    announce(cast, filed)
    with pytest.raises(ValidationError, match="announced"):
        signing.decide(cast.analyst, baseline_of(cast), QCDecision.Verdict.ACCEPTED)
    resending.take_back(by=actor_for(cast.coordinator), submission=filed)
    signing.decide(cast.analyst, baseline_of(cast), QCDecision.Verdict.ACCEPTED)
    with pytest.raises(ValidationError, match="accepted already"):
        announce(cast, filed)
    assert [*Resend.objects.values_list("state", flat=True)] == ["taken_back"]


@pytest.mark.req("R-DESK-02")
def test_a_resend_is_the_sites_alone_needs_a_reason_and_happens_once(cast: Cast, filed: Submission) -> None:
    with pytest.raises(PermissionDenied):
        resending.announce(by=actor_for(cast.coordinator), submission=filed, reason="mine")
    with pytest.raises(ValidationError, match="Say why"):
        resending.announce(by=actor_for(cast.alba), submission=filed, reason=" ")
    announce(cast, filed)
    with pytest.raises(ValidationError, match="cannot be superseded"):
        announce(cast, filed)


@pytest.mark.req("R-DESK-03")
def test_the_delivery_page_says_how_each_series_stands_and_what_to_do_about_each_reason(
    cast: Cast, filed: Submission
) -> None:
    client = Client()
    client.force_login(cast.alba)
    page = client.get(f"/deliveries/{filed.pk}/").content.decode()
    assert "The images are filed and checked." in page
    assert "Send this scan again" in page
    mixed = drive(send(cast.alba, baseline_of(cast), [b"no image", *ct_series()]))
    page = client.get(f"/deliveries/{mixed.pk}/").content.decode()
    assert "What to do next:" in page
    assert "Export these files anew" in page
    answer = client.post(f"/deliveries/{filed.pk}/resend/", {"resend-reason": "one file was broken"})
    assert answer["Location"].endswith(f"/send/?time_point={baseline_of(cast).pk}")
    new = drive(send(cast.alba, baseline_of(cast), ct_series()))
    old = client.get(f"/deliveries/{filed.pk}/").content.decode()
    assert "Superseded by" in old
    assert f"/deliveries/{new.pk}/" in old
    for path in (f"/trials/{cast.trial.code}/deliveries/", f"/time-points/{baseline_of(cast).pk}/"):
        assert client.get(path).content.decode().count(">superseded<") == 1
    assert f"/deliveries/{filed.pk}/" in client.get(f"/deliveries/{new.pk}/").content.decode()

"""The DICOMweb door: tokens, gates, what is answered for each object, and what is left of a request that is refused."""

import datetime as dt
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils import timezone
from pydicom import dcmread

from audit.context import acting
from audit.selectors import history
from imaging import quarantine
from imaging.models import IncomingFile, Instance, StowDelivery, Submission
from imaging.services import housekeeping, stow
from imaging.vault import PART_SIZE
from tests.cast import Cast, actor_for, withdraw
from tests.imaging.scans import PLANTED, baseline_of, ct_series, ct_slice, drive, to_bytes
from tests.imaging.stowing import BOUNDARY, RELATED, Sender, body, grant, sender_of
from tests.people import STAGE, TODAY
from trials.models import SiteToken, TrialSite
from trials.services import tokens

State = Submission.State
pytestmark = pytest.mark.django_db


def named(cast: Cast) -> str:
    return f"?subject={cast.subject_a.code}&timepoint=BL"


def only_delivery() -> Submission:
    return StowDelivery.objects.get().submission


def on_disk() -> int:
    folders = (Path(settings.QUARANTINE_ROOT) / str(pk) for pk in Submission.objects.values_list("pk", flat=True))
    return sum(path.is_file() for folder in folders for path in folder.rglob("*"))


@pytest.mark.req("R-WEB-01", "R-WEB-03")
def test_sent_objects_are_sealed_recorded_and_named_one_by_one(cast: Cast) -> None:
    answer = sender_of(cast).send(ct_series(3))
    assert answer.status_code == 202, answer.content
    assert answer["Content-Type"] == "application/dicom+json"
    taken = answer.json()["00081199"]["Value"]
    assert [item["00081155"]["Value"][0] for item in taken] == [ct_slice(n).SOPInstanceUID for n in range(3)]
    delivery = only_delivery()
    assert delivery.door == "web"
    assert [file.sha256 for file in delivery.files.all()] == [hashlib.sha256(data).hexdigest() for data in ct_series(3)]
    assert [quarantine.read_whole(file) for file in delivery.files.all()] == ct_series(3)


@pytest.mark.req("R-WEB-03")
def test_the_status_link_tells_the_sender_and_nobody_else_how_it_goes(cast: Cast) -> None:
    sender = sender_of(cast)
    answer = sender.send(ct_series(2))
    link = answer["Link"].partition(">")[0].removeprefix("<http://testserver")
    assert sender.get(link).json()["state"] == "receiving"
    assert Sender(grant(cast.alba, cast.site_a).secret).get(link).status_code == 404
    assert Sender("").get(link).status_code == 401


@pytest.mark.req("R-WEB-04")
def test_a_named_time_point_goes_the_whole_road(cast: Cast) -> None:
    answer = sender_of(cast).send(ct_series(5), path="/dicomweb/studies" + named(cast) + "&complete=1")
    assert answer.status_code == 202, answer.content
    delivery = drive(only_delivery())
    assert (delivery.state, delivery.time_point) == (State.CHECKED, baseline_of(cast))
    assert Instance.objects.filter(submission=delivery).count() == 5


@pytest.mark.req("R-WEB-04")
def test_without_a_name_each_study_waits_for_a_person(cast: Cast) -> None:
    sender = sender_of(cast)
    sender.send([*ct_series(2, seed="one"), *ct_series(2, seed="two")])
    sender.send(ct_series(4, seed="two")[2:])
    assert sorted(row.submission.files.count() for row in StowDelivery.objects.all()) == [2, 4]
    with acting(STAGE):
        Submission.objects.update(active_at=timezone.now() - dt.timedelta(minutes=2))
    housekeeping.close_silent()
    assert {row.submission.state for row in StowDelivery.objects.all()} == {State.SORTING}


@pytest.mark.req("R-WEB-04")
def test_a_closed_delivery_takes_no_more_and_another_begins(cast: Cast) -> None:
    sender = sender_of(cast)
    sender.send(ct_series(1), path="/dicomweb/studies?complete=1")
    assert sender.send(ct_series(2)[1:]).status_code == 202
    assert sorted(row.submission.state for row in StowDelivery.objects.all()) == [State.RECEIVING, State.SORTING]


@pytest.mark.req("R-WEB-03")
def test_what_cannot_be_taken_is_named_with_its_reason_and_the_rest_is_kept(cast: Cast) -> None:
    good, other = ct_series(1)[0], ct_series(1, seed="other")[0]
    study = str(dcmread(io.BytesIO(good)).StudyInstanceUID)
    answer = sender_of(cast).send([good, b"not DICOM", b"", other], path=f"/dicomweb/studies/{study}")
    told = answer.json()
    assert answer.status_code == 202
    assert len(told["00081199"]["Value"]) == 1
    assert [item["00081197"]["Value"] for item in told["00081198"]["Value"]] == [[0xA900]]
    assert [item["00081197"]["Value"] for item in told["0008119A"]["Value"]] == [[0xC000], [0xC000]]
    assert "another study" in answer["Warning"]
    assert (IncomingFile.objects.count(), on_disk()) == (1, 1)


@pytest.mark.req("R-WEB-03")
@pytest.mark.parametrize("head", [{}, {"Content-Type": "text/plain"}])
def test_a_part_that_is_not_said_to_be_dicom_is_not_taken(cast: Cast, head: dict[str, str]) -> None:
    answer = sender_of(cast).post(body(ct_series(2), head=head))
    assert answer.status_code == 409
    assert [item["00081197"]["Value"] for item in answer.json()["0008119A"]["Value"]] == [[0xC000]] * 2
    assert not IncomingFile.objects.exists()


@pytest.mark.req("R-WEB-02")
@pytest.mark.parametrize(
    ("change", "kind", "status"),
    [
        (lambda whole: whole[:-9], RELATED, 400),
        (lambda whole: whole + b"", "multipart/related; type=application/dicom", 400),
        (lambda whole: whole, "application/dicom", 415),
        (lambda whole: whole, f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}', 415),
        (lambda _whole: b"\r\n", RELATED, 400),
        (lambda _whole: f"--{BOUNDARY}--".encode(), RELATED, 400),
        (lambda _whole: f"--{BOUNDARY}\r\n".encode() * 30_000, RELATED, 400),
    ],
)
def test_a_malformed_request_gets_a_sentence_and_nothing_of_it_is_kept(
    cast: Cast, change: Any, kind: str, status: int
) -> None:
    answer = sender_of(cast).post(change(body(ct_series(3))), kind=kind)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert not IncomingFile.objects.exists()
    assert not on_disk()
    assert not Submission.objects.exclude(bytes_received=0, files_received=0).exists()


@pytest.mark.req("R-WEB-02")
def test_a_cut_after_many_objects_leaves_none_of_them(cast: Cast) -> None:
    whole = body(ct_series(80))
    assert sender_of(cast).post(whole[:-2000]).status_code == 400
    assert not IncomingFile.objects.exists()
    assert not on_disk()
    assert only_delivery().bytes_received == 0


@pytest.mark.req("R-WEB-02")
def test_thousands_of_parts_too_many_are_refused_whole(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.views.stow.MAXIMUM_PARTS", 3)
    answer = sender_of(cast).send(ct_series(4))
    assert answer.status_code == 413
    assert not IncomingFile.objects.exists()


@pytest.mark.req("R-WEB-02")
def test_an_object_larger_than_allowed_is_refused_alone(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = ct_series(2)
    monkeypatch.setattr(stow, "LARGEST_PART", PART_SIZE + 10)
    large += b"\0" * (2 * PART_SIZE)
    answer = sender_of(cast).send([small, large])
    assert answer.status_code == 202
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
    assert (IncomingFile.objects.count(), on_disk()) == (1, 1)
    assert sender_of(cast).send([large]).status_code == 413


@pytest.mark.req("R-WEB-01")
def test_a_large_object_is_sealed_in_pieces(cast: Cast) -> None:
    padded = ct_slice(0)
    padded.DataSetTrailingPadding = bytes(2 * PART_SIZE)
    large = to_bytes(padded)
    assert sender_of(cast).send([large]).status_code == 202
    file = IncomingFile.objects.get()
    assert len(file.parts) == 3
    assert quarantine.read_whole(file) == large


@pytest.mark.req("R-WEB-05")
@pytest.mark.parametrize("secret", ["", "nonsense", "cls_" + "A" * 48])
def test_whoever_shows_no_token_of_ours_is_turned_away(cast: Cast, secret: str) -> None:
    answer = Sender(secret).send(ct_series(1))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert not Submission.objects.exists()


@pytest.mark.req("R-WEB-05")
def test_a_signed_in_person_without_a_token_does_not_send_either(cast: Cast) -> None:
    sender = Sender("")
    sender.http.force_login(cast.alba)
    assert sender.send(ct_series(1)).status_code == 401


@pytest.mark.req("R-WEB-05")
def test_a_revoked_or_ended_token_opens_nothing_and_leaves_one_event(cast: Cast) -> None:
    granted = grant(cast.alba, cast.site_a)
    tokens.revoke(by=actor_for(cast.coordinator), token=granted.token, reason="the PACS was replaced")
    sender = Sender(granted.secret)
    assert [sender.send(ct_series(1)).status_code for _ in range(2)] == [401, 401]
    assert history(granted.token).filter(act="token.refused").count() == 1
    ended = grant(cast.alba, cast.site_a)
    with acting(STAGE, reason="time passes"):
        SiteToken.objects.filter(pk=ended.token.pk).update(ends_on=TODAY - dt.timedelta(1))
    assert Sender(ended.secret).send(ct_series(1)).status_code == 401


@pytest.mark.req("R-WEB-05")
def test_a_token_is_kept_as_a_digest_and_its_life_is_told(cast: Cast) -> None:
    granted = grant(cast.alba, cast.site_a)
    Sender(granted.secret).send(ct_series(1))
    row = SiteToken.objects.filter(pk=granted.token.pk).values().get()
    assert granted.secret not in str(row)
    assert row["last_used_at"] is not None
    tokens.revoke(by=actor_for(cast.alba), token=granted.token, reason="not needed")
    told = {event.act: event for event in history(granted.token)}
    assert {"token.granted", "token.revoked"} <= set(told)
    assert told["token.granted"].reason == "the scanner sends"
    assert not [event for event in told.values() if granted.secret in f"{event.before}{event.after}"]


@pytest.mark.req("R-WEB-05")
def test_a_token_needs_a_reason_a_day_within_a_year_and_the_right(cast: Cast) -> None:
    for told in ({"reason": " "}, {"ends_on": TODAY + dt.timedelta(400)}, {"ends_on": TODAY - dt.timedelta(1)}):
        with pytest.raises(ValidationError):
            grant(cast.alba, cast.site_a, **told)
    for who in (cast.brisa, cast.analyst, cast.monitor, cast.reader):
        with pytest.raises((Http404, PermissionDenied)):
            grant(who, cast.site_a)
    assert not SiteToken.objects.exists()


@pytest.mark.req("R-WEB-06")
def test_a_closed_site_sends_nothing(cast: Cast) -> None:
    sender = sender_of(cast)
    with acting(STAGE, reason="the site ended its part"):
        TrialSite.objects.filter(pk=cast.site_a.pk).update(state=TrialSite.State.CLOSED)
    assert sender.send(ct_series(1)).status_code == 403


@pytest.mark.req("R-WEB-06")
def test_the_gates_of_other_doors_stand_here_too(cast: Cast, settings: Any) -> None:
    sender = sender_of(cast)
    withdraw(cast.alba, cast.subject_a)
    refused = sender.send(ct_series(2), path="/dicomweb/studies" + named(cast))
    assert refused.status_code == 409
    assert [item["00081197"]["Value"] for item in refused.json()["00081198"]["Value"]] == [[0x0124]] * 2
    settings.QUOTAS = {**settings.QUOTAS, "site": "0,100,100"}
    assert sender.send(ct_series(2)).status_code == 507
    assert not IncomingFile.objects.exists()
    foreign = f"?subject={cast.subject_b.code}&timepoint=BL"
    assert sender.send(ct_series(1), path="/dicomweb/studies" + foreign).status_code == 400


@pytest.mark.req("R-WEB-03")
def test_a_full_disk_is_told_and_nothing_false_is_acknowledged(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_told: object) -> None:
        raise OSError(28, "No space left on device")

    sender = sender_of(cast)
    monkeypatch.setattr(quarantine.vault(), "sealer", full, raising=False)
    assert sender.send(ct_series(2)).status_code == 507
    monkeypatch.undo()
    assert sender.send(ct_series(2)).status_code == 202


@pytest.mark.req("R-WEB-01")
def test_nothing_that_identifies_is_stored_of_what_came(cast: Cast) -> None:
    sender_of(cast).send(ct_series(3))
    delivery = only_delivery()
    rows = [*IncomingFile.objects.values(), *StowDelivery.objects.values(), *Submission.objects.values()]
    told = str(rows) + "".join(f"{event.before}{event.after}{event.reason}" for event in history(delivery))
    assert not [word for word in (*PLANTED, str(ct_slice(0).StudyInstanceUID)) if word in told]
    sealed = b"".join(path.read_bytes() for path in Path(settings.QUARANTINE_ROOT).rglob("*") if path.is_file())
    assert not [word for word in PLANTED if word.encode() in sealed]


@pytest.mark.req("R-WEB-04")
def test_one_patient_per_time_point_is_still_asked(cast: Cast) -> None:
    files = [to_bytes(ct_slice(0)), to_bytes(ct_slice(1, name="ANDER^PERSON", patient_id="7"))]
    sender_of(cast).send(files, path="/dicomweb/studies" + named(cast) + "&complete=1")
    assert drive(only_delivery()).state == State.QUARANTINED

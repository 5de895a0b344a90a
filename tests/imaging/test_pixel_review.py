"""Pictures the machine was not sure of: they wait encrypted, a person looks, and what is decided is signed."""

import io
import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.http import Http404
from django.test import Client
from django.urls import reverse
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import UltrasoundImageStorage

from audit.models import AuditEvent, Signature
from deid.burned.boxes import Box, Ground
from deid.burned.cleaning import Clerk
from deid.burned.reader import Sighting
from imaging import archive, quarantine
from imaging.fence import calls, worker
from imaging.models import IncomingFile, Instance, PixelReview, QCDecision, Submission
from imaging.services import pixels
from tests import signing
from tests.cast import Cast, actor_for
from tests.imaging.scans import baseline_of, ct_series, ct_slice, drive, send, to_bytes
from tests.signpage import sign
from trials.models import TimePoint

pytestmark = pytest.mark.django_db
VERDICT = PixelReview.State
NAME = Sighting(Box(4, 4, 40, 14, Ground.TEXT), "ZWEISTEIN", 0.99)
FAINT = Sighting(Box(60, 60, 90, 70, Ground.TEXT), "", 0.2)


class Reading:
    """What the reader says in the first look at a picture; of a picture with a blanked name it says nothing more."""

    def __init__(self) -> None:
        self.first: tuple[Sighting, ...] = (NAME, FAINT)
        self.always: tuple[Sighting, ...] = ()

    def find(self, picture: Any) -> tuple[Sighting, ...]:
        is_blanked = len(np.unique(picture[5:13, 5:39])) == 1
        return self.always if is_blanked else self.first + self.always


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    """The road with a reader whose words are known; the real one has its own tests."""
    scripted = Reading()

    def in_process(_child: Any, operation: str, told: dict[str, Any], blobs: list[bytes], **_bounds: Any) -> Any:
        given, made = worker.answer(operation, blobs, told)
        return json.loads(json.dumps(given)), made

    monkeypatch.setattr(worker, "Clerk", partial(Clerk, reader=lambda: scripted))
    monkeypatch.setattr(calls, "_twice", in_process)
    return scripted


def ultrasound(number: int = 1) -> Dataset:
    """A US object of the same person, with a name where the reader sees one."""
    dataset = ct_slice(number, seed="us")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    dataset.Modality = "US"
    return dataset


@pytest.fixture
def waiting(cast: Cast, reading: Reading) -> PixelReview:
    """An ultrasound picture between CT slices, on which the machine saw something faint."""
    drive(send(cast.alba, baseline_of(cast), [*ct_series(), to_bytes(ultrasound())]))
    return PixelReview.objects.select_related("file__submission__trial_site__trial").get()


def decide(cast: Cast, review: PixelReview, verdict: PixelReview.State = VERDICT.RELEASED, comment: str = "") -> None:
    by, seen = actor_for(cast.analyst), pixels.shown_sha256(review)
    offered = pixels.offer_decision(by=by, review=review, verdict=verdict, comment=comment, seen=seen)
    proof = signing.prove(by, offered)
    pixels.decide(by=by, review=review, verdict=verdict, comment=comment, proof=proof)


@pytest.mark.req("R-PIX-12")
def test_what_is_certain_is_filed_and_what_is_not_waits_encrypted_with_its_boxes(waiting: PixelReview) -> None:
    delivery = Submission.objects.get()
    assert delivery.state == "checked"
    assert Instance.objects.count() == 5
    assert waiting.file.state == "waiting"
    assert waiting.doubts == ["faint"]
    assert [row[4] for row in waiting.firm] == ["seed"]
    assert [row[4] for row in waiting.boxes] == ["text"]
    assert delivery.wrapped_key
    assert quarantine.read_whole(waiting.file) == to_bytes(ultrasound())
    told = AuditEvent.objects.get(act="picture.waiting")
    assert "ZWEISTEIN" not in told.after


@pytest.mark.req("R-PIX-12")
def test_a_certain_picture_goes_all_the_way_and_its_name_is_gone(cast: Cast, reading: Reading) -> None:
    reading.first = (NAME,)
    delivery = drive(send(cast.alba, baseline_of(cast), [to_bytes(ultrasound())]))
    assert delivery.state == "checked"
    instance = Instance.objects.get()
    assert instance.facts["pixels"]["codes"] == ["113101"]
    after = dcmread(io.BytesIO(archive.load(instance.sha256)))
    assert after.BurnedInAnnotation == "NO"
    assert len(np.unique(after.pixel_array[4:14, 4:40])) == 1


@pytest.mark.req("R-PIX-13")
def test_a_released_picture_is_blanked_cleaned_and_filed_with_the_signed_boxes(
    cast: Cast, waiting: PixelReview
) -> None:
    by = actor_for(cast.analyst)
    pixels.save_boxes(by=by, review=waiting, boxes=[Box(100, 100, 120, 110)])
    waiting.refresh_from_db()
    decide(cast, waiting)
    delivery = drive(Submission.objects.get())
    assert (delivery.state, delivery.wrapped_key) == ("checked", b"")
    assert Instance.objects.count() == 6
    filed = Instance.objects.get(series__modality="US")
    after, before = dcmread(io.BytesIO(archive.load(filed.sha256))), ultrasound()
    gone = np.zeros(before.pixel_array.shape, bool)
    for left, top, right, bottom, _ground in (*waiting.firm, [100, 100, 120, 110, "person"]):
        gone[top:bottom, left:right] = True
    assert np.array_equal(after.pixel_array[~gone], before.pixel_array[~gone])
    assert len(np.unique(after.pixel_array[gone])) == 1
    assert "113101" in [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    waiting.refresh_from_db()
    signature = Signature.objects.get(pk=str(waiting.signature_id))
    assert "100 100 120 110 person" in json.loads(signature.contents)["boxes"]
    assert AuditEvent.objects.filter(act="picture.released").count() == 1


@pytest.mark.req("R-PROF-12")
def test_each_run_has_a_certificate_of_what_it_decided(cast: Cast, waiting: PixelReview, client: Client) -> None:
    decide(cast, waiting)
    delivery = drive(Submission.objects.get())
    client.force_login(cast.alba)
    newest = client.get(f"/api/deliveries/{delivery.pk}/certificate/").json()
    first, second = newest["earlier"][0]["certificate"], newest["certificate"]
    assert (first["cleaned"], first["waiting"], second["cleaned"], second["waiting"]) == (5, 1, 1, 0)
    assert newest["is_as_recorded"]
    assert newest["earlier"][0]["is_as_recorded"]
    assert newest["event"] > newest["earlier"][0]["event"]
    (released,) = second["files"]
    assert (released["number"], released["pixels"]["is_confirmed"]) == (waiting.file.number, True)
    assert "113101" in released["method_codes"]
    assert not any("113101" in each.get("method_codes", ()) for each in first["files"])
    for number, run in ((waiting.file.number, newest), (first["files"][0]["number"], newest["earlier"][0])):
        one = client.get(f"/api/deliveries/{delivery.pk}/certificate/{number}/").json()
        assert (one["decision"], one["certificate_sha256"]) == ("cleaned", run["sha256"])
    page = client.get(f"/deliveries/{delivery.pk}/certificate/").content.decode()
    assert page.index(newest["sha256"]) < page.index(newest["earlier"][0]["sha256"])
    assert "A person has yet to look" in page


@pytest.mark.req("R-PIX-13")
def test_a_refused_picture_stays_and_the_site_reads_why(cast: Cast, reading: Reading, client: Client) -> None:
    delivery = drive(send(cast.alba, baseline_of(cast), [to_bytes(ultrasound())]))
    assert delivery.state == "review"
    review = PixelReview.objects.get()
    with pytest.raises(ValidationError) as silent:
        decide(cast, review, VERDICT.REFUSED)
    assert silent.value.code == "no-comment"
    decide(cast, review, VERDICT.REFUSED, "the whole banner is text")
    delivery.refresh_from_db()
    assert delivery.state == "quarantined"
    assert bytes(delivery.wrapped_key)
    client.force_login(cast.alba)
    assert "the whole banner is text" in client.get(f"/deliveries/{delivery.pk}/").content.decode()


@pytest.mark.req("R-PIX-13")
def test_a_name_that_is_still_read_brings_the_picture_back(cast: Cast, waiting: PixelReview, reading: Reading) -> None:
    reading.always = (Sighting(Box(60, 90, 100, 99, Ground.TEXT), "Zweistein", 0.9),)
    decide(cast, waiting)
    drive(Submission.objects.get())
    waiting.refresh_from_db()
    assert (waiting.state, waiting.doubts, waiting.file.state) == (VERDICT.WAITING, ["name-left"], "waiting")
    assert Instance.objects.count() == 5


@pytest.mark.req("R-PIX-13")
def test_a_decision_while_the_delivery_is_on_its_way_is_taken_up_at_its_end(cast: Cast, waiting: PixelReview) -> None:
    Submission.objects.update(state=Submission.State.FILED)
    decide(cast, waiting)
    assert IncomingFile.objects.get(pk=waiting.file_id).state == "waiting"
    assert drive(Submission.objects.get()).state == "checked"
    assert Instance.objects.count() == 6


@pytest.mark.req("R-PIX-14")
def test_nothing_is_decided_on_a_picture_that_waits_no_more_nor_accepted_over_one_that_does(
    cast: Cast, waiting: PixelReview
) -> None:
    point = baseline_of(cast)
    with pytest.raises(ValidationError) as early:
        signing.decide(cast.analyst, point, QCDecision.Verdict.ACCEPTED)
    assert early.value.code == "pictures-wait"
    decide(cast, waiting)
    with pytest.raises(ValidationError) as late:
        decide(cast, waiting)
    assert late.value.code == "wrong-state"
    drive(Submission.objects.get())
    signing.decide(cast.analyst, point, QCDecision.Verdict.ACCEPTED)
    assert baseline_of(cast).state == TimePoint.State.ACCEPTED


@pytest.mark.req("R-PIX-14")
def test_only_who_reviews_pictures_sees_one_and_each_look_under_the_boxes_is_told(
    cast: Cast, waiting: PixelReview, client: Client
) -> None:
    for who in (cast.alba, cast.coordinator, cast.monitor):
        with pytest.raises(Http404):
            pixels.look(by=actor_for(who), review=waiting, frame=1, is_covered=False)
    client.force_login(cast.analyst)
    before = client.get(reverse("pixel-before", args=[waiting.pk, 1]))
    after = client.get(reverse("pixel-after", args=[waiting.pk, 1]))
    assert before.headers["Cache-Control"] == after.headers["Cache-Control"] == "private, no-store"
    left, top, right, bottom, _ground = waiting.firm[0]
    shown = np.array(Image.open(io.BytesIO(after.content)).convert("L"))
    assert not shown[top:bottom, left:right].any()
    assert np.array(Image.open(io.BytesIO(before.content)).convert("L"))[top:bottom, left:right].any()
    looks = AuditEvent.objects.filter(act="picture.viewed")
    assert [(each.actor_id, json.loads(each.after)) for each in looks] == [(cast.analyst.username, {"frame": 1})]
    assert client.get(reverse("pixel-before", args=[waiting.pk, 9])).status_code == 422


@pytest.mark.req("R-PIX-15")
def test_the_page_lists_boxes_saves_typed_ones_and_leads_to_the_signature(
    cast: Cast, waiting: PixelReview, client: Client
) -> None:
    client.force_login(cast.analyst)
    listed = client.get(f"/trials/{cast.trial.code}/pictures/").content.decode()
    address = reverse("pixel-review", args=[waiting.pk])
    assert address in listed
    assert "something faint" in client.get(address).content.decode()
    wrong = client.post(address, {"boxes": "10 10 5 50"})
    assert wrong.status_code == 400
    assert "is no box" in wrong.content.decode()
    assert client.post(address, {"boxes": "10, 80, 30, 90\n"}).status_code == 302
    page = client.get(address)
    assert "10 80 30 90" in page.content.decode()
    told = {"seen": page.context["decision_form"]["seen"].value(), "verdict": "released", "comment": ""}
    client.post(address, {"boxes": ""})
    stale = client.post(f"{address}decide/", told)
    assert stale.status_code == 400
    assert "Other boxes were saved" in stale.content.decode()
    told["seen"] = client.get(address).context["decision_form"]["seen"].value()
    ceremony = client.post(f"{address}decide/", told)
    assert "What the boxes leave of this picture identifies nobody" in ceremony.content.decode()
    assert sign(client, ceremony).status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == VERDICT.RELEASED
    assert "waits for nobody" in client.get(address).content.decode()


@pytest.mark.req("R-PIX-15")
def test_the_site_is_told_that_a_picture_waits_and_needs_do_nothing(
    cast: Cast, waiting: PixelReview, client: Client
) -> None:
    client.force_login(cast.alba)
    page = client.get(f"/deliveries/{waiting.file.submission_id}/").content.decode()
    assert "nothing needs to be done at the site" in page
    assert reverse("pixel-list", args=[cast.trial.code]) not in page
    client.force_login(cast.analyst)
    desk = " ".join(client.get("/").content.decode().split())
    assert "picture waits for review" in desk

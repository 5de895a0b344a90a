"""The sending page's first step, what the charter asks for, and the receipt that the trail signs."""

import json
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from audit import sealing
from audit.context import acting
from audit.verifier import examine_extract
from imaging import acceptance, progress
from imaging.models import IncomingFile, Submission
from imaging.services import sending
from tests.cast import Cast, actor_for
from tests.imaging.scans import baseline_of, ct_series, ct_slice, drive, to_bytes
from tests.people import STAGE
from trials.models import Site, TimePoint

pytestmark = pytest.mark.django_db


def typed(client: Client, cast: Cast, code: str, **headers: str) -> str:
    answer = client.get(reverse("send", args=[cast.trial.code]), {"subject": code}, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.req("R-SEND-07")
def test_a_typed_code_names_its_visits_and_a_wrong_character_is_told_in_words(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    code = cast.subject_a.code
    right = typed(client, cast, code.lower().replace("-", " "))
    assert f"Visits of subject {code} that expect a scan" in right
    mine = set(cast.subject_a.time_points.values_list("pk", flat=True))
    assert {pk for pk in TimePoint.objects.values_list("pk", flat=True) if f'value="{pk}"' in right} == mine
    wrong = typed(client, cast, code[:-1] + ("2" if code[-1] != "2" else "3"))
    assert "its check characters do not fit" in wrong
    assert f"No visit of subject {cast.subject_b.code} expects a scan from your site" in typed(
        client, cast, cast.subject_b.code
    )
    piece = typed(client, cast, code, **{"HX-Request": "true"})
    assert "<html" not in piece
    assert f"Visits of subject {code}" in piece


@pytest.mark.req("R-SEND-08")
def test_what_the_charter_asks_for_is_told_and_a_visit_that_takes_no_scan_is_refused_at_once(
    cast: Cast, client: Client
) -> None:
    client.force_login(cast.alba)
    address = reverse("api-expected", args=[baseline_of(cast).pk])
    told = client.get(address).json()
    assert (told["subject"], told["time_point"]) == (cast.subject_a.code, "BL")
    assert {"name", "modality", "minimum_slices", "required"} == set(told["requirements"][0])
    assert "profile" not in told
    with acting(STAGE, reason="planted"):
        TimePoint.objects.filter(pk=baseline_of(cast).pk).update(state=TimePoint.State.ACCEPTED)
    refused = client.get(address)
    assert (refused.status_code, "was accepted already" in refused.json()["detail"]) == (400, True)


@pytest.mark.req("R-SEND-09")
def test_a_receipt_carries_the_signed_proof_of_its_hashes_and_tells_where_it_is_not_so(
    cast: Cast, client: Client, filed: Submission
) -> None:
    waiting = progress.receipt(filed)
    assert (waiting["is_as_recorded"], waiting["seal"]) == (True, None)
    sealing.seal_all()
    client.force_login(cast.alba)
    receipt = client.get(reverse("api-delivery-receipt", args=[filed.pk])).json()
    assert examine_extract(receipt["seal"], bytes.fromhex(receipt["seal"]["public_key"])) == []
    (entry,) = receipt["seal"]["entries"]
    assert json.loads(entry["event"]["after"])["receipt"] == receipt["sha256"]
    page = client.get(reverse("submission-receipt", args=[filed.pk])).content.decode()
    assert f"Event {receipt['event']} of the trail says the same, under a checkpoint" in page
    with acting(STAGE, reason="planted"):
        IncomingFile.objects.filter(pk=filed.files.earliest("pk").pk).update(cleaned_sha256="0" * 64)
    changed = progress.receipt(filed)
    assert (changed["is_as_recorded"], changed["seal"]) == (False, None)


@pytest.mark.req("R-SEND-12")
def test_receipt_and_certificate_tell_times_in_the_sites_own_zone(
    cast: Cast, client: Client, filed: Submission
) -> None:
    with acting(STAGE, reason="planted"):
        Site.objects.filter(trial_sites=cast.site_a).update(time_zone="Asia/Tokyo")
    client.force_login(cast.alba)
    moments = {"submission-receipt": filed.received_at, "submission-certificate": filed.certificates.get().at}
    for name, at in moments.items():
        assert at is not None
        page = client.get(reverse(name, args=[filed.pk])).content.decode()
        assert f"{at.astimezone(ZoneInfo('Asia/Tokyo')):%d %b %Y %H:%M:%S} Asia/Tokyo" in page
        assert "UTC)" not in page


@pytest.mark.req("R-SEND-16")
def test_the_receipt_shows_each_filed_object_once_below_its_own_series(cast: Cast, client: Client) -> None:
    files = [*ct_series(3, seed="two series"), *(in_series(number, 7) for number in (8, 9))]
    delivery = drive(sending.send_whole(by=actor_for(cast.alba), time_point=baseline_of(cast), files=files))
    receipt = progress.receipt(delivery)
    series = acceptance.filed_series(delivery, filed=receipt["filed"])
    assert [(one.name, one.modality, len(one.objects)) for one in series] == [
        ("Series 1", "CT", 3),
        ("Series 7", "CT", 2),
    ]
    shown = [row["sop_instance_uid"] for one in series for row in one.objects]
    assert sorted(shown) == sorted(row["sop_instance_uid"] for row in receipt["filed"])
    client.force_login(cast.alba)
    page = client.get(reverse("submission-receipt", args=[delivery.pk])).content.decode()
    assert "2 objects with their hashes" in page
    for row in receipt["filed"]:
        assert [page.count(row[name]) for name in ("sop_instance_uid", "received_sha256", "filed_sha256")] == [1, 1, 1]


def in_series(number: int, series: int) -> bytes:
    dataset = ct_slice(number, seed="two series")
    dataset.SeriesInstanceUID, dataset.SeriesNumber = f"{dataset.SeriesInstanceUID[:60]}.{series}", series
    return to_bytes(dataset)

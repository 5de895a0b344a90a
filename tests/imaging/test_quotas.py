"""Shares of the room: a full one stops its own person, site or trial with a sentence, and the others go on."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client

from audit.actor import machine
from audit.context import acting
from audit.models import AuditEvent
from imaging.dicom_node.reception import OUT_OF_RESOURCES, SUCCESS
from imaging.models import Quota, Submission
from imaging.services import desk, quotas, sending, submissions
from imaging.services.pieces import cut
from imaging.services.quotas import Level, Room, Share
from imaging.vault import Sealer
from tests.announcing import manifest_of
from tests.cast import Cast, actor_for
from tests.imaging.reception import AtOnce, opened, store
from tests.imaging.scans import baseline_of, ct_series
from tests.people import STAGE
from trials.models import TimePoint

pytestmark = pytest.mark.django_db
OPERATOR = machine("operator", source="command", request_id="test")


def limit(cast: Cast, room: Room, **whose: object) -> Quota:
    told = {"trial_site": None, "person": None} | whose
    return quotas.set_limit(by=OPERATOR, trial=cast.trial, limit=room, reason="the test asks for it", **told)  # type: ignore[arg-type]  # a site or a person


def visit_of_b(cast: Cast) -> TimePoint:
    return cast.subject_b.time_points.get(scheduled__code="BL")


def reached() -> list[str]:
    return list(AuditEvent.objects.filter(act="quota.reached").order_by("sequence").values_list("after", flat=True))


def post_piece(client: Client, delivery: str, number: int, size: int) -> tuple[int, str]:
    root, data = f"/api/deliveries/{delivery}", b"x" * size
    client.post(f"{root}/manifest/", manifest_of([data]), content_type="application/json")
    piece = {f"{number}.0": SimpleUploadedFile("x", data)}
    answer = client.post(f"/api/deliveries/{delivery}/pieces/", piece)
    return answer.status_code, answer.json().get("detail", "")


@pytest.mark.req("R-SEC-20")
def test_a_full_site_is_refused_in_words_keeps_what_it_has_and_another_site_goes_on(cast: Cast, client: Client) -> None:
    limit(cast, Room(size=1000), trial_site=cast.site_a)
    client.force_login(cast.alba)
    opened = client.post("/api/deliveries/", {"time_point": baseline_of(cast).pk}, content_type="application/json")
    delivery = opened.json()["id"]
    assert post_piece(client, delivery, 0, 900) == (200, "")
    status, sentence = post_piece(client, delivery, 1, 200)
    assert status == 507
    assert sentence.startswith(
        "The share of your site in this trial is full: 900\xa0bytes of 1000\xa0bytes. Nothing of"
    )
    assert "is kept encrypted and can go on" in sentence
    assert "ask the coordinator" in sentence
    assert client.get(f"/api/deliveries/{delivery}/pieces/").json() == {"0": 1}
    client.force_login(cast.brisa)
    other = client.post("/api/deliveries/", {"time_point": visit_of_b(cast).pk}, content_type="application/json")
    assert post_piece(client, other.json()["id"], 0, 5000) == (200, "")


@pytest.mark.req("R-SEC-20")
def test_the_same_piece_sent_again_counts_once_and_a_raised_share_lets_the_delivery_go_on(
    cast: Cast, client: Client
) -> None:
    limit(cast, Room(size=1000), trial_site=cast.site_a)
    by = actor_for(cast.alba)
    delivery = submissions.start(by=by, time_point=baseline_of(cast))
    pieces = cut(number=0, data=b"x" * 900)
    assert submissions.receive(by=by, submission=delivery, pieces=pieces) == 1
    assert submissions.receive(by=by, submission=delivery, pieces=pieces) == 0
    more = cut(number=1, data=b"y" * 200)
    with pytest.raises(ValidationError, match="is full"):
        submissions.receive(by=by, submission=delivery, pieces=more)
    limit(cast, Room(size=2000), trial_site=cast.site_a)
    assert submissions.receive(by=by, submission=delivery, pieces=more) == 1
    delivery.refresh_from_db()
    assert (delivery.bytes_received, delivery.files_received) == (1100, 2)


@pytest.mark.req("R-SEC-20")
def test_files_and_deliveries_under_way_have_shares_too_and_discarding_gives_room_back(cast: Cast) -> None:
    limit(cast, Room(files=2, deliveries=1), trial_site=cast.site_a)
    by = actor_for(cast.alba)
    first = submissions.start(by=by, time_point=baseline_of(cast))
    for number in (0, 1):
        submissions.receive(by=by, submission=first, pieces=cut(number=number, data=b"x"))
    with pytest.raises(ValidationError, match="2 of 2 files"):
        submissions.receive(by=by, submission=first, pieces=cut(number=2, data=b"x"))
    with pytest.raises(ValidationError, match="1 of 1 deliveries under way"):
        submissions.start(by=by, time_point=baseline_of(cast))
    desk.discard(by=by, submission=first, reason="sent by mistake")
    assert submissions.start(by=by, time_point=baseline_of(cast)).state == Submission.State.RECEIVING


@pytest.mark.req("R-SEC-20")
def test_a_full_person_stops_nobody_else_of_the_site_and_a_full_trial_stops_all_of_it(cast: Cast) -> None:
    limit(cast, Room(deliveries=0), person=cast.alba)
    with pytest.raises(ValidationError, match="Your own share of this trial is full"):
        submissions.start(by=actor_for(cast.alba), time_point=baseline_of(cast))
    assert store(opened("ALBA_PACS"), b"by machine") == SUCCESS
    limit(cast, Room(size=10))
    with pytest.raises(ValidationError, match="The room of this trial is full"):
        sending.send_whole(by=actor_for(cast.brisa), time_point=visit_of_b(cast), files=[b"one byte"])
    assert not Submission.objects.filter(trial_site=cast.site_b).exists(), "nothing half sent is left behind"


@pytest.mark.req("R-SEC-20")
def test_a_dicom_sender_is_told_to_try_later_and_another_sender_goes_on(cast: Cast) -> None:
    limit(cast, Room(size=10), trial_site=cast.site_a)

    desk = AtOnce()
    alba, brisa = opened("ALBA_PACS", desk), opened("BRISA_PACS", desk)
    assert store(alba, b"ten bytes.") == SUCCESS
    assert store(alba, b"more") == OUT_OF_RESOURCES == 0xA700
    assert store(brisa, b"more than ten bytes") == SUCCESS


@pytest.mark.req("R-SEC-21")
def test_a_full_share_leaves_one_event_an_hour_however_often_a_sender_tries(cast: Cast) -> None:
    limit(cast, Room(deliveries=0), trial_site=cast.site_a)
    for _again in range(3):
        with pytest.raises(ValidationError):
            submissions.start(by=actor_for(cast.alba), time_point=baseline_of(cast))
    assert reached() == ['{"limit":0,"of":"deliveries","share":"site"}']
    event = AuditEvent.objects.get(act="quota.reached")
    assert (event.actor_id, event.role, event.trial_code) == ("alba", "site_staff", "TUNDRA")


@pytest.mark.req("R-SEC-20")
def test_the_plain_form_answers_the_same_sentence_and_sends_nothing(cast: Cast, client: Client) -> None:
    limit(cast, Room(size=100), trial_site=cast.site_a)
    client.force_login(cast.alba)
    told = {"time_point": baseline_of(cast).pk, "files": SimpleUploadedFile("x", ct_series(1)[0])}
    answer = client.post("/trials/TUNDRA/send/", told)
    assert answer.status_code == 507
    assert "The share of your site in this trial is full" in answer.content.decode()
    assert not Submission.objects.exists()


@pytest.mark.req("R-SEC-21")
def test_a_share_is_set_by_the_coordinator_or_on_the_machine_with_a_reason_and_by_nobody_else(cast: Cast) -> None:
    quota = quotas.set_limit(
        by=actor_for(cast.coordinator),
        trial=cast.trial,
        trial_site=cast.site_a,
        limit=Room(files=7),
        reason="a small site",
    )
    event = AuditEvent.objects.get(act="quota.set")
    assert (event.actor_id, event.reason) == ("clara", "a small site")
    row = AuditEvent.objects.filter(object_type="imaging.Quota", act="row.changed", object_id=str(quota.pk)).get()
    assert (row.actor_id, row.reason) == ("clara", "a small site")
    for who, refused in ((cast.alba, PermissionDenied), (cast.sponsor, PermissionDenied), (cast.stranger, Http404)):
        with pytest.raises(refused):
            quotas.set_limit(by=actor_for(who), trial=cast.trial, limit=Room(files=8), reason="let me")
    with pytest.raises(PermissionDenied):
        quotas.set_limit(by=opened("ALBA_PACS").by, trial=cast.trial, limit=Room(files=8), reason="let me")
    with pytest.raises(ValidationError, match="Say why"):
        limit_without_reason(cast)
    assert Quota.objects.get().files == 7


def limit_without_reason(cast: Cast) -> None:
    quotas.set_limit(by=OPERATOR, trial=cast.trial, limit=Room(files=8), reason=" ")


def command(*words: str) -> None:
    """As manage.py runs it: nobody of a page acts any more."""
    with acting(STAGE):
        call_command("quota", "TUNDRA", *words)


@pytest.mark.req("R-SEC-21")
def test_the_command_sets_a_share_gives_it_back_and_shows_how_full_it_is(
    cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    submissions.start(by=actor_for(cast.alba), time_point=baseline_of(cast))
    command("--site", "01", "--gigabytes", "3", "--deliveries", "9", "--reason", "small disk")
    told = capsys.readouterr().out
    assert "site 01: 0.0 of 3.0 GB, 0 of 4000000 files, 1 of 9 deliveries under way" in told
    assert "site 02: 0.0 of 4000.0 GB" in told
    assert "trial TUNDRA: 0.0 of 20000.0 GB" in told
    command("--site", "01", "--rule-for-all", "--reason", "a larger disk")
    assert "site 01: 0.0 of 4000.0 GB" in capsys.readouterr().out
    for words in (("NOWHERE",), ("TUNDRA", "--site", "77", "--files", "1"), ("TUNDRA", "--files", "1")):
        with pytest.raises(CommandError):
            call_command("quota", *words)


@pytest.mark.req("R-SEC-21")
def test_the_database_keeps_one_share_for_each_thing(cast: Cast) -> None:
    whose: tuple[dict[str, object], ...] = ({}, {"trial_site": cast.site_a}, {"person": cast.alba})
    for one in whose:
        Quota.objects.create(trial=cast.trial, **one)
        with pytest.raises(IntegrityError), transaction.atomic():
            Quota.objects.create(trial=cast.trial, **one)
    with pytest.raises(IntegrityError), transaction.atomic():
        Quota.objects.create(trial=cast.trial, trial_site=cast.site_b, person=cast.brisa)


@pytest.mark.req("R-SEC-20")
def test_by_default_the_shares_are_generous_and_lowering_one_kind_stops_not_the_others(cast: Cast) -> None:
    by = actor_for(cast.alba)
    for level in quotas.levels(by=by, trial_site=cast.site_a):
        assert (level.limit.size or 0) >= 2 * 10**12
        assert (level.limit.files or 0) >= 10**6
        assert (level.limit.deliveries or 0) >= 100
    level = Level(share=Share.SITE, used=Room(size=1, files=9, deliveries=9), limit=Room(size=9, files=9, deliveries=3))
    assert level.overrun(Room(size=8)) == ""
    assert level.overrun(Room(size=9)) == "size"
    assert level.overrun(Room(size=1, files=1)) == "files"
    assert level.overrun(Room(deliveries=1)) == "deliveries"


@pytest.mark.req("R-SEC-20")
def test_what_a_foreign_delivery_is_told_does_not_depend_on_any_share(cast: Cast, client: Client) -> None:
    limit(cast, Room(size=0, files=0, deliveries=0), trial_site=cast.site_b)
    client.force_login(cast.alba)
    told = {"time_point": visit_of_b(cast).pk}
    assert client.post("/api/deliveries/", told, content_type="application/json").status_code == 404
    assert post_piece(client, str(uuid4()), 0, 1)[0] == 404


@pytest.mark.req("R-SEC-21")
def test_the_coordinator_sees_how_full_each_share_is_and_sets_one_with_a_reason(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    address = "/trials/TUNDRA/room/"
    page = client.get(address).content.decode()
    assert "site 01" in page
    assert "the whole trial" in page
    told = {"whose": "02", "gigabytes": "3", "number_of_files": "", "deliveries": "2"}
    assert client.post(address, told).status_code == 400
    assert not Quota.objects.exists()
    assert client.post(address, told | {"reason": "a small site"}).headers["Location"] == address
    quota = Quota.objects.get()
    assert (quota.trial_site, quota.size, quota.files, quota.deliveries) == (cast.site_b, 3 * 10**9, None, 2)
    assert AuditEvent.objects.get(act="quota.set").reason == "a small site"
    assert "2.8\xa0GB" in client.get(address).content.decode()
    assert client.post(address, told | {"whose": "99", "reason": "x"}).status_code == 400


@pytest.mark.req("R-FAULT-07")
def test_in_the_reserve_of_the_disk_every_door_refuses_in_words_and_leaves_one_event(
    cast: Cast, client: Client, settings: Any
) -> None:
    begun = submissions.start(by=actor_for(cast.alba), time_point=baseline_of(cast))
    line = opened("ALBA_PACS")
    assert store(line, b"there is room") == SUCCESS
    settings.RESERVE = 10**9
    client.force_login(cast.alba)
    status, sentence = post_piece(client, str(begun.pk), 0, 10)
    assert (status, sentence.startswith("There is no room for new images now.")) == (507, True)
    for _again in range(2):
        assert store(line, b"there is none") == store(opened("ALBA_PACS"), b"nor here") == OUT_OF_RESOURCES
    assert client.get("/healthz").content == b"ok\nno room for new images: less than 1000000000 MB are free\n"
    assert AuditEvent.objects.filter(act="disk.reserved").count() == 1
    settings.RESERVE = 0
    assert store(line, b"there is room again") == SUCCESS


@pytest.mark.req("R-FAULT-07")
def test_a_disk_that_fails_under_a_piece_is_told_with_the_same_sentence(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_told: object) -> None:
        raise OSError(28, "No space left on device")

    client.force_login(cast.alba)
    begun = submissions.start(by=actor_for(cast.alba), time_point=baseline_of(cast))
    monkeypatch.setattr(Sealer, "seal_all", full)
    status, sentence = post_piece(client, str(begun.pk), 0, 10)
    assert (status, sentence.startswith("There is no room for new images now.")) == (507, True)
    monkeypatch.undo()
    assert post_piece(client, str(begun.pk), 0, 10) == (200, "")

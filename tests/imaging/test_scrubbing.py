"""The archive reads itself again: every changed byte, every lost object and every file without a row is found."""

import datetime as dt
import hashlib
import os
import secrets
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from audit.actor import machine
from audit.models import AuditEvent
from imaging import archive
from imaging.models import Damage, Instance, Scrub, Submission
from imaging.services import erasure, scrubbing
from imaging.services.scrubbing import Pace
from imaging.tasks import scrub as scrub_task
from tests.cast import Cast
from tests.imaging.scans import baseline_of, ct_series, drive, send
from tests.people import STAGE

BY = machine("test", source="command", request_id="scrub")


def walk() -> Scrub:
    return scrubbing.scrub(by=BY, pace=Pace())


def flip(path: Path, *, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << (at % 8)
    path.write_bytes(data)


def age(path: Path) -> None:
    long_ago = time.time() - 7200
    os.utime(path, (long_ago, long_ago))


@pytest.fixture(autouse=True)
def own_archive(tmp_path: Path, settings: Any) -> None:
    settings.ARCHIVE_ROOT = tmp_path / "archive"


def copies_of(filed: Submission, count: int) -> list[Instance]:
    """Rows with objects of their own, so that a hundred need no hundred scans."""
    model = filed.instances.order_by("pk").first()
    assert model is not None
    rows = []
    for number in range(count):
        data = secrets.token_bytes(400 + number)
        row = Instance.objects.get(pk=model.pk)
        row.pk, row.uid = None, f"1.2.826.0.1.{number}.{secrets.randbits(40)}"
        row.sha256, row.size = archive.store(data), len(data)
        row.save(force_insert=True)
        rows.append(row)
    return rows


@pytest.mark.django_db
@pytest.mark.req("R-ARC-08")
def test_a_hundred_flipped_bits_are_found_and_named_each_once(
    cast: Cast, filed: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "_BATCH", 7)
    rows = copies_of(filed, 130)
    for number, row in enumerate(rows[:100]):
        flip(archive.path_of(row.sha256), at=number * 37)
    done = walk()
    assert done.ended_at is not None
    assert (done.changed, done.missing, done.orphans) == (100, 0, [])
    assert done.objects_read == 135
    assert set(Damage.objects.values_list("instance_id", flat=True)) == {row.pk for row in rows[:100]}
    assert AuditEvent.objects.filter(act="image.damaged", trial_code=cast.trial.code).count() == 100
    assert walk().changed == 100
    assert Damage.objects.count() == 100


@pytest.mark.django_db
@pytest.mark.req("R-ARC-08")
def test_a_lost_object_and_a_file_without_a_row_are_told_with_their_place_and_the_command_ends_with_one(
    cast: Cast, filed: Submission
) -> None:
    lost = filed.instances.order_by("pk")[0]
    archive.path_of(lost.sha256).unlink()
    orphan, young = (archive.store(secrets.token_bytes(100)) for _ in range(2))
    age(archive.path_of(orphan))
    out = StringIO()
    with pytest.raises(CommandError, match="not as it was filed") as ended:
        call_command("scrub_archive", stdout=out)
    assert ended.value.returncode == 1
    told = out.getvalue()
    place = f"trial {cast.trial.code}, subject {cast.subject_a.code}, time point BL, series {lost.series.uid}"
    assert f"missing: {place}, image {lost.uid}, object {lost.sha256}" in told
    assert f"object {orphan}" in told
    assert young not in told
    assert AuditEvent.objects.get(act="archive.scrubbed").after is not None


@pytest.mark.django_db
@pytest.mark.req("R-ARC-08")
def test_a_whole_archive_is_told_so_and_the_command_ends_well(cast: Cast, filed: Submission) -> None:
    out = StringIO()
    call_command("scrub_archive", stdout=out)
    assert "5 objects" in out.getvalue()
    assert "0 damaged, 0 without a row" in out.getvalue()


@pytest.mark.django_db
@pytest.mark.req("R-ARC-09")
def test_a_walk_goes_on_where_it_stood_and_reads_each_object_once(
    cast: Cast, filed: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "_BATCH", 2)
    steps = 0
    while (standing := scrubbing.scrub(by=BY, pace=_OneStep())).ended_at is None:
        steps += 1
        assert Scrub.objects.count() == 1
    assert (steps, standing.objects_read) == (2, 5)
    assert not scrubbing.is_due()
    Scrub.objects.update(started_at=timezone.now() - dt.timedelta(days=8))
    scrub_task()
    assert Scrub.objects.filter(ended_at__isnull=False).count() == 2


class _OneStep(Pace):
    """Time enough for one stretch."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def has_time(self) -> bool:
        self.steps += 1
        return self.steps == 1


@pytest.mark.req("R-ARC-09")
def test_a_pace_reads_no_faster_than_it_is_told() -> None:
    begun = time.monotonic()
    pace = Pace(bytes_a_second=1_000_000)
    for _ in range(3):
        pace.note(100_000)
    assert 0.29 < time.monotonic() - begun < 1


@pytest.mark.django_db
@pytest.mark.req("R-ARC-08")
def test_what_people_destroyed_is_not_called_missing(cast: Cast, filed: Submission) -> None:
    gone = erasure.destroy_images(by=STAGE, subject=cast.subject_a, reason="asked")
    erasure.destroy_images_on_disk([image.sha256 for image in gone])
    assert (walk().missing, Damage.objects.count()) == (0, 0)


@pytest.mark.django_db
@pytest.mark.req("R-ARC-10")
def test_a_damaged_image_is_shown_to_nobody_and_flagged_where_people_look(cast: Cast, filed: Submission) -> None:
    hit = filed.instances.order_by("number")[2]
    flip(archive.path_of(hit.sha256), at=999)
    walk()
    client = Client()
    client.force_login(cast.coordinator)
    series = hit.series_id
    refused = client.get(f"/series/{series}/frames/2.png")
    assert (refused.status_code, refused["content-type"]) == (410, "text/plain; charset=utf-8")
    assert client.get(f"/series/{series}/frames/1.png").status_code == 200
    web = f"/trials/{cast.trial.code}/dicomweb/studies/{hit.series.study.uid}/series/{hit.series.uid}/instances"
    assert client.get(f"{web}/{hit.uid}/rendered").status_code == client.get(f"{web}/{hit.uid}").status_code == 410
    assert "1 image of this series is damaged" in client.get(f"/series/{series}/").content.decode()
    trial = cast.trial.code
    assert f"/trials/{trial}/archive/" in client.get(f"/trials/{trial}/deliveries/").content.decode()
    page = client.get(f"/trials/{trial}/archive/").content.decode()
    assert hit.uid in page
    assert cast.subject_a.code in page


@pytest.mark.django_db
@pytest.mark.req("R-ARC-10")
def test_sending_the_same_scan_again_mends_what_was_damaged_and_the_next_walk_says_so(
    cast: Cast, filed: Submission
) -> None:
    changed, lost = filed.instances.order_by("pk")[:2]
    flip(archive.path_of(changed.sha256), at=5000)
    archive.path_of(lost.sha256).unlink()
    walk()
    assert Damage.objects.filter(mended_at__isnull=True).count() == 2
    assert drive(send(cast.alba, baseline_of(cast), ct_series())).state == Submission.State.CHECKED
    walk()
    assert not Damage.objects.filter(mended_at__isnull=True).exists()
    assert AuditEvent.objects.filter(act="image.mended").count() == 2
    assert Instance.objects.count() == 5


@pytest.mark.django_db
@pytest.mark.req("R-ARC-11")
def test_the_archive_answers_as_a_storage_of_django_and_is_written_once() -> None:
    storage, data = storages["archive"], b"some bytes"
    name = hashlib.sha256(data).hexdigest()
    assert storage.save(name, ContentFile(data)) == name
    inode = archive.path_of(name).stat().st_ino
    assert storage.save(name, ContentFile(data)) == name
    assert archive.path_of(name).stat().st_ino == inode
    with storage.open(name) as stored:
        assert (stored.read(), storage.size(name), storage.exists(name)) == (data, len(data), True)
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b"other bytes"))
    for bad in ("../escape", "A" * 64, name[:63], f"{name}/.."):
        with pytest.raises(SuspiciousFileOperation):
            storage.save(bad, ContentFile(data))
    with pytest.raises(NotImplementedError):
        storage.url(name)
    assert archive.load(name) == data
    storage.delete(name)
    storage.delete(name)
    assert not storage.exists(name)
    with pytest.raises(SuspiciousFileOperation):
        default_storage.save("report.pdf", ContentFile(data))


@pytest.mark.django_db
@pytest.mark.req("R-ARC-11")
def test_halves_of_writes_are_swept_and_no_object_is(cast: Cast, filed: Submission) -> None:
    object_path = archive.path_of(filed.instances.order_by("pk")[0].sha256)
    half = object_path.with_name(f".{object_path.name}.0011223344556677")
    half.write_bytes(b"half")
    assert archive.sweep_unfinished(older_than_seconds=3600) == 0
    for path in (half, object_path):
        age(path)
    assert archive.sweep_unfinished(older_than_seconds=3600) == 1
    assert object_path.exists()


@pytest.mark.django_db
@pytest.mark.req("R-ARC-11")
def test_bytes_of_an_image_that_is_refused_at_the_last_moment_do_not_stay(cast: Cast, filed: Submission) -> None:
    before = set(archive.names_between("", "g"))
    drive(send(cast.alba, cast.subject_a.time_points.get(scheduled__code="FU1"), ct_series()))
    assert set(archive.names_between("", "g")) == before
    assert before == set(Instance.objects.values_list("sha256", flat=True))

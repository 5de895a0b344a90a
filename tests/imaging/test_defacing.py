"""On the server's road a declared program takes faces out of whole series; what fails waits, and is never let through."""

import hashlib
import io
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from pydicom import Dataset, dcmread
from pydicom.uid import RLELossless

from audit.models import AuditEvent
from deid import DEFAULT_OPTIONS, Option, Policy
from deid.choices import Choices
from deid.defacing.booth import Booth
from deid.gateway.expectation import site_profile
from deid.profile import Profile
from imaging import archive, quarantine
from imaging.models import CleaningCertificate, Instance, PixelReview, Submission
from imaging.services import housekeeping
from tests.cast import Cast
from tests.imaging import test_pixel_review as review
from tests.imaging.scans import PLANTED, baseline_of, ct_slice, drive, send, to_bytes
from tests.imaging.test_certificates import sign_profile
from tests.imaging.test_pixel_review import Reading
from trials.models import TimePoint

pytestmark = pytest.mark.django_db
FACES = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES
reading = review.reading
SLICES, SIDE, AIR, TISSUE = 6, 48, 0, 1000
# Between the tip of the nose and the back of the head.
MIDDLE = 23
# A whole defacer in small: it stacks the slices by their positions, finds the head, and empties the front half of it.
DEFACER = """
import os, sys
from pathlib import Path

if sys.argv[1:] == ["--version"]:
    print("halfhead 0.3")
    sys.exit(0)
import SimpleITK as sitk
from pydicom import dcmread

mode = Path(__file__).with_suffix(".mode").read_text()
source, target = map(Path, sys.argv[1:])
paths = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(source))
volume = sitk.GetArrayFromImage(sitk.ReadImage(paths))
if mode == "fail":
    sys.exit(1)
if mode == "spy":
    Path(__file__).with_suffix(".told").write_text(repr((dict(os.environ), [Path(path).read_bytes() for path in paths])))
head = volume > 500
rows = head.any(axis=(0, 2)).nonzero()[0]
if len(rows):
    volume[:, : (rows[0] + rows[-1]) // 2][head[:, : (rows[0] + rows[-1]) // 2]] = 0
for path, pixels in zip(paths, volume):
    image = dcmread(path)
    image.PixelData = pixels.astype("<i2").tobytes()
    if mode == "rename":
        image.SeriesDescription = "defaced"
    image.save_as(target / Path(path).name)
"""


def phantom(number: int, *, seed: str = "head", is_head: bool = True) -> Dataset:
    """One axial slice: a head, an ellipse with a nose towards the front, in air."""
    image = ct_slice(number, seed=seed)
    row, column = np.mgrid[:SIDE, :SIDE]
    inside = ((row - 26) / 18) ** 2 + ((column - 24) / 14) ** 2 < 1
    inside |= (abs(column - 24) < 3) & (row > 3) & (row < 12)
    pixels = np.where(inside & is_head, TISSUE + number, AIR).astype("<i2")
    image.Rows = image.Columns = SIDE
    image.RescaleIntercept, image.RescaleSlope = "0", "1"
    image.PixelData = pixels.tobytes()
    return image


def head(seed: str = "head", *, is_head: bool = True) -> list[bytes]:
    return [to_bytes(phantom(number, seed=seed, is_head=is_head)) for number in range(SLICES)]


@pytest.fixture
def program(tmp_path: Path, settings: Any) -> Path:
    """The declared program; the text beside it says how it behaves."""
    path = tmp_path / "halfhead.py"
    path.write_text(DEFACER)
    path.with_suffix(".mode").write_text("honest")
    settings.DEFACER, settings.DEFACER_ROOT = f"{sys.executable} {path}", tmp_path / "faces"
    return path


@pytest.fixture
def point(cast: Cast, program: Path) -> TimePoint:
    """A time point of a trial whose charter asks for faces to be taken out."""
    sign_profile(cast, Choices(options=DEFAULT_OPTIONS | {FACES, Option.CLEAN_PIXEL_DATA}))
    return baseline_of(cast)


def behave(program: Path, mode: str) -> None:
    program.with_suffix(".mode").write_text(mode)


def _codes(image: Dataset) -> list[str]:
    return [item.CodeValue for item in image.DeidentificationMethodCodeSequence]


def _filed() -> list[Dataset]:
    return [dcmread(io.BytesIO(archive.load(each.sha256))) for each in Instance.objects.all()]


def _require_kept(delivery: Submission, words: str) -> None:
    """Nothing was filed; every file waits, encrypted, with a sentence; nothing lies in the clear."""
    assert not Instance.objects.exists()
    for file in delivery.files.all():
        assert (file.state, file.refusal_code) == ("refused", "faces-remain")
        assert words in file.refusal
        assert quarantine.read_whole(file)
    assert list(settings.DEFACER_ROOT.glob("*")) == []


@pytest.mark.req("R-FACE-07")
def test_a_whole_series_loses_its_face_and_nothing_else_and_says_so(
    cast: Cast, point: TimePoint, program: Path
) -> None:
    delivery = drive(send(cast.alba, point, head()))
    assert (delivery.state, delivery.wrapped_key) == ("checked", b"")
    filed = sorted(_filed(), key=lambda image: int(image.InstanceNumber))
    assert len(filed) == SLICES
    for number, image in enumerate(filed):
        before, after = phantom(number).pixel_array, image.pixel_array
        assert before[:MIDDLE].any()
        assert not after[:MIDDLE].any()
        assert np.array_equal(after[MIDDLE:], before[MIDDLE:])
        assert image.RecognizableVisualFeatures == "NO"
        assert _codes(image) == ["113100", "113102", "113107"]
        assert "BurnedInAnnotation" not in image
        assert "halfhead.py (halfhead 0.3)" in image.DerivationDescription
    assert list(settings.DEFACER_ROOT.glob("*")) == []


@pytest.mark.req("R-FACE-07")
def test_the_certificate_of_the_delivery_names_the_program_its_version_and_its_digest(
    cast: Cast, point: TimePoint
) -> None:
    drive(send(cast.alba, point, head()))
    told = json.loads(CleaningCertificate.objects.get().contents)
    assert FACES in told["profile"]["options"]
    for each in told["files"]:
        faces = each["pixels"]["faces"]
        assert (faces["version"], faces["objects"], faces["changed"]) == ("halfhead 0.3", SLICES, SLICES)
        assert faces["sha256"]["halfhead.py"] == hashlib.sha256(DEFACER.encode()).hexdigest()
        assert each["method_codes"] == ["113100", "113102", "113107"]
    assert Instance.objects.all()[0].facts["pixels"]["faces"]["version"] == "halfhead 0.3"


@pytest.mark.req("R-FACE-08")
@pytest.mark.parametrize(
    ("mode", "words"),
    [("fail", "ended with an error"), ("rename", "more than the pixels")],
)
def test_a_program_that_fails_keeps_the_series_and_once_mended_it_goes_on(
    cast: Cast, point: TimePoint, program: Path, mode: str, words: str
) -> None:
    behave(program, mode)
    delivery = drive(send(cast.alba, point, head()))
    assert delivery.state == "quarantined"
    _require_kept(delivery, words)
    first = CleaningCertificate.objects.get()
    assert {each["decision"] for each in json.loads(first.contents)["files"]} == {"refused"}
    behave(program, "honest")
    call_command("deface_again", str(delivery.pk))
    assert drive(delivery).state == "checked"
    assert Instance.objects.count() == SLICES
    newest = json.loads(CleaningCertificate.objects.exclude(pk=first.pk).get().contents)
    assert {each["decision"] for each in newest["files"]} == {"cleaned"}
    assert json.loads(AuditEvent.objects.get(act="delivery.resumed").after)["files"] == SLICES


@pytest.mark.req("R-FACE-08")
def test_a_series_without_a_face_is_kept_and_the_one_beside_it_goes_on(cast: Cast, point: TimePoint) -> None:
    delivery = drive(send(cast.alba, point, [*head(), *head("legs", is_head=False)]))
    assert delivery.state == "checked"
    assert Instance.objects.count() == SLICES
    kept = delivery.files.filter(state="refused")
    assert kept.count() == SLICES
    assert all("changed nothing in this series" in file.refusal for file in kept)
    assert delivery.wrapped_key


@pytest.mark.req("R-FACE-08")
@pytest.mark.parametrize("command", ["", "no-such-program"])
def test_without_its_program_no_picture_is_let_through(
    cast: Cast, point: TimePoint, settings: Any, command: str
) -> None:
    settings.DEFACER = command
    delivery = drive(send(cast.alba, point, head()))
    _require_kept(delivery, "is not ready on this installation")


@pytest.mark.req("R-FACE-08")
def test_compressed_pictures_are_kept_and_without_room_all_are(
    cast: Cast, point: TimePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = phantom(1)
    packed.compress(RLELossless)
    delivery = drive(send(cast.alba, point, [to_bytes(packed)]))
    _require_kept(delivery, "This picture is compressed")
    monkeypatch.setattr(Booth, "hold_written", _full)
    delivery = drive(send(cast.alba, point, head()))
    _require_kept(delivery, "There was no room")


def _full(*_told: Any, **_more: Any) -> Any:
    raise OSError(28, "No space left on device")


@pytest.mark.req("R-FACE-09")
def test_the_program_sees_whole_series_without_identity_and_no_key(
    cast: Cast, point: TimePoint, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORELAB_KEY_ENCRYPTION_KEY", "a secret of the machine")
    behave(program, "spy")
    drive(send(cast.alba, point, head()))
    told = program.with_suffix(".told").read_text()
    assert "a secret of the machine" not in told
    assert not any(word in told for word in PLANTED)
    assert told.count("DICM") == SLICES


@pytest.mark.req("R-FACE-09")
def test_as_long_as_a_picture_waits_for_a_person_all_wait_and_then_go_together(
    cast: Cast, point: TimePoint, reading: Reading
) -> None:
    # Two that the machine is not sure of: releasing one alone must neither go on nor turn in a circle.
    doubtful = []
    for number in (1, 2):
        image = review.ultrasound(number)
        image.SeriesInstanceUID = phantom(1).SeriesInstanceUID
        doubtful.append(to_bytes(image))
    delivery = drive(send(cast.alba, point, [*head(), *doubtful]))
    assert delivery.state == "review"
    assert not delivery.files.exclude(state="waiting").exists()
    first, second = PixelReview.objects.all()
    review.decide(cast, first)
    delivery = drive(delivery)
    assert delivery.state == "review"
    assert not Instance.objects.exists()
    review.decide(cast, second, review.VERDICT.REFUSED, "a name")
    delivery = drive(delivery)
    assert not delivery.files.filter(state="waiting").exists()
    # The series holds slices of two shapes, which no volume is made of: the program fails, and all of it is kept.
    assert delivery.state == "quarantined"
    assert delivery.files.filter(refusal_code="faces-remain").count() == SLICES + 1


@pytest.mark.req("R-FACE-09")
def test_what_a_killed_worker_left_is_removed_and_what_is_at_work_stays(
    cast: Cast, point: TimePoint, settings: Any
) -> None:
    delivery = drive(send(cast.alba, point, head()))
    busy = send(cast.alba, point, [to_bytes(ct_slice(1))])
    Submission.objects.filter(pk=busy.pk).update(state="opened")
    for name in (str(delivery.pk), str(uuid.uuid4()), str(busy.pk)):
        (settings.DEFACER_ROOT / name / "given").mkdir(parents=True)
    housekeeping.tidy_quarantine()
    assert [folder.name for folder in settings.DEFACER_ROOT.iterdir()] == [str(busy.pk)]


@pytest.mark.req("R-FACE-10")
def test_the_option_is_chosen_where_a_program_is_declared_and_tried_on_the_header(
    cast: Cast, program: Path, client: Client
) -> None:
    sign_profile(cast, Choices(options=DEFAULT_OPTIONS | {FACES}))
    client.force_login(cast.coordinator)
    page = client.get("/trials/TUNDRA/charter/2/profile/").content.decode()
    assert "the declared program takes faces out" in page


@pytest.mark.req("R-FACE-10")
def test_a_site_sends_faces_as_they_are_to_a_server_that_takes_them_out() -> None:
    told = site_profile(Profile(policy=Policy(options=DEFAULT_OPTIONS | {FACES})))
    assert FACES not in told.policy.options

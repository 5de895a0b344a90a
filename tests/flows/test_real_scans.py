"""Real tumours of real people go the whole road: CT, MR and PET of a sarcoma, each with its published outline."""

import datetime as dt
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.test import Client
from pydicom import Dataset, dcmread
from pydicom.uid import UID

from audit.actor import machine
from audit.evidence import gather
from audit.models import AuditEvent
from audit.sealing import seal_all
from audit.verifier import examine
from deid import shift_days
from endpoints.models import Segmentation
from endpoints.services.segmentations import measure_segments
from imaging import archive
from imaging.models import IncomingFile, Instance, QCDecision, Series, Study, Submission
from imaging.volumes.reading import read_volume
from imaging.volumes.structures import read_structures
from tests.cast import Cast, actor_for
from tests.imaging.scans import drive, send
from tests.signing import approve, decide
from trials.keys import cleaning_key
from trials.models import TimePoint
from trials.services import charters

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sts"
PERSON = "STS_025"
# Each at a time point of its own.
VISITS = {"CT": "BL", "MR_T1": "FU1", "PET": "FU2"}
MODALITIES = {"CT": "CT", "MR_T1": "MR", "PET": "PT"}
# Headers that tell who, where or when, and the text that may hide in any other.
_IDENTIFYING = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID", "InstitutionName")
_LONGEST_NUMBER = 12

pytestmark = [
    pytest.mark.django_db,
    # Not ours to install, so CORELAB_REQUIRE_SERVICES asks for it no more than a plain run does.
    pytest.mark.skipif(not DATA.exists(), reason="the shared test scans (shared/data/sts) are not on this machine"),
]


@dataclass(frozen=True, slots=True)
class Original:
    """The files of one modality as the site has them: images and the outline of the tumour."""

    images: list[bytes]
    outline: bytes

    def volume_ml(self) -> float:
        """Computed on the original data, by the pure parts alone."""
        volume = read_volume(self.images)
        (segment,) = read_structures(self.outline, volume)
        return float(segment.mask.sum() * abs(np.linalg.det(volume.affine[:3, :3])) / 1000)

    def planted(self) -> set[bytes]:
        """Return original UIDs, identities, dates and private text."""
        datasets = [dcmread(io.BytesIO(data), stop_before_pixels=True) for data in (*self.images, self.outline)]
        return {value.encode() for dataset in datasets for value in _telling(dataset)}


def _telling(dataset: Dataset) -> set[str]:
    told = {str(dataset.get(name, "")) for name in _IDENTIFYING}
    for element in dataset.iterall():
        if element.VR == "UI" and element.value:
            uids = [element.value] if isinstance(element.value, str) else element.value
            told |= {str(uid) for uid in uids if UID(uid).is_private}
        elif element.VR == "DA" or (element.tag.is_private and element.VR in {"LO", "SH", "LT", "UT", "PN", "ST"}):
            told.add(str(element.value))
    return {word for word in told if len(word) >= len(PERSON)}


def _read(modality: str) -> Original:
    images: list[bytes] = []
    outlines: list[bytes] = []
    for path in sorted((DATA / PERSON / modality).rglob("*.dcm")):
        data = path.read_bytes()
        found = dcmread(io.BytesIO(data), stop_before_pixels=True).Modality
        (outlines if found == "RTSTRUCT" else images).append(data)
    (outline,) = outlines
    return Original(images=images, outline=outline)


def _accept(cast: Cast, time_point: TimePoint) -> None:
    decide(cast.analyst, time_point, QCDecision.Verdict.ACCEPTED, "the cropped scan of a collection")


def _measure(time_point: TimePoint) -> Segmentation:
    instance = Instance.objects.get(series__modality="RTSTRUCT", series__study__time_point=time_point)
    by = machine("worker", source="worker", request_id="test")
    (measured,) = measure_segments(by=by, instance=instance)
    return measured


def _archived() -> bytes:
    return b"\n".join(archive.load(sha256) for sha256 in Instance.objects.values_list("sha256", flat=True))


def _written() -> bytes:
    files = [path.read_bytes() for path in Path(settings.HOME).rglob("*") if path.is_file()]
    rows = [list(model.objects.values()) for model in (IncomingFile, Instance, Series, Study, Segmentation, AuditEvent)]
    return b"\n".join((*files, repr(rows).encode()))


@pytest.fixture
def pet_keeps_weight(cast: Cast) -> None:
    """A charter that keeps weight and size, as SUV needs them; subjects registered before stay planned as they are."""
    by = actor_for(cast.coordinator)
    draft = charters.amend(by=by, charter=cast.charter, reason="PET is measured in SUV")
    chosen = {name: getattr(draft, name) for name in charters.SETTINGS} | {"retain_patient_characteristics": True}
    charters.change_settings(by=by, charter=draft, settings=chosen, reason="PET is measured in SUV")
    approve(cast.coordinator, draft)


@pytest.mark.req("R-FLOW-06")
@pytest.mark.parametrize("modality", VISITS)
def test_a_real_scan_is_filed_accepted_measured_and_shown_and_keeps_nothing_of_whose_it_is(
    cast: Cast, client: Client, modality: str, pet_keeps_weight: None
) -> None:
    original = _read(modality)
    time_point = cast.subject_a.time_points.get(scheduled__code=VISITS[modality])
    delivery = drive(send(cast.alba, time_point, [*original.images, original.outline]))
    assert (delivery.state, delivery.files.filter(state="filed").count()) == ("checked", len(original.images) + 1)
    series = Series.objects.get(modality=MODALITIES[modality])
    time_point.refresh_from_db()
    _accept(cast, time_point)

    measured, expected = _measure(time_point), original.volume_ml()
    assert expected > 0
    assert float(measured.volume_ml) == pytest.approx(expected, rel=0.001)
    assert measured.series == series
    assert measured.longest_axial_mm
    _assert_pictures(client, cast, series, len(original.images))
    _assert_clean(
        original, days=shift_days(cleaning_key(cast.trial, subject_code=cast.subject_a.code), cast.subject_a.code)
    )
    seal_all()
    assert examine(gather(outside=None, with_rows=True)).faults == []
    assert Submission.objects.get().state == Submission.State.CHECKED


def _assert_pictures(client: Client, cast: Cast, series: Series, count: int) -> None:
    client.force_login(cast.analyst)
    for index in (0, count // 2, count - 1):
        answer = client.get(f"/series/{series.pk}/frames/{index}.png")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
        assert answer.content.startswith(b"\x89PNG")
    assert client.get(f"/series/{series.pk}/frames/{count}.png").status_code == 404


def _assert_clean(original: Original, *, days: int) -> None:
    told, sent = original.planted(), b"\n".join((*original.images, original.outline))
    # By chance a day that was moved may fall on another original one.
    planted = told - {_moved(word, days) for word in told if _is_day(word)}
    assert len(planted) > len(original.images)
    assert not [word for word in planted if not _is_in(word, sent)], "what is searched for must have been sent"
    for where in (_archived(), _written()):
        assert not [word for word in planted if _is_in(word, where)]


def _is_day(word: bytes) -> bool:
    return len(word) == len("20000824") and word.isdigit()


def _moved(day: bytes, days: int) -> bytes:
    told = dt.date(int(day[:4]), int(day[4:6]), int(day[6:]))
    return f"{told + dt.timedelta(days=days):%Y%m%d}".encode()


def _is_in(word: bytes, content: bytes) -> bool:
    """Say whether the word stands there as a value of its own; short numbers stand inside many UIDs."""
    if len(word) > _LONGEST_NUMBER or not word.isdigit():
        return word in content
    return re.search(rb"(?<!\d)" + re.escape(word) + rb"(?!\d)", content) is not None


@pytest.mark.req("R-FLOW-06")
def test_pet_keeps_the_numbers_that_suv_needs_when_the_charter_says_so(cast: Cast, pet_keeps_weight: None) -> None:
    original = _read("PET")
    time_point = cast.subject_a.time_points.get(scheduled__code=VISITS["PET"])
    drive(send(cast.alba, time_point, [*original.images, original.outline]))
    before = dcmread(io.BytesIO(original.images[0]))
    digests = Instance.objects.filter(series__modality="PT").values_list("sha256", flat=True)
    after = [dcmread(io.BytesIO(archive.load(sha256))) for sha256 in digests]
    same = [one for one in after if one.ImagePositionPatient == before.ImagePositionPatient]
    assert len(same) == 1
    assert same[0].PixelData == before.PixelData
    assert same[0].Units == before.Units
    for keyword in ("PatientWeight", "RescaleSlope", "RescaleIntercept"):
        assert same[0].get(keyword) == before.get(keyword)

"""Small real scans for the road: pydicom's own CT dressed with an invented identity, a few slices at a time."""

import io

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from audit.actor import machine
from imaging.fence import Rules
from imaging.models import IncomingFile, Submission
from imaging.services import browser, cleaning, road, sending, stages
from tests.cast import Cast, actor_for
from trials.keys import cleaning_key
from trials.models import TimePoint, User
from trials.selectors import policy_of

# Obviously invented, and searched for afterwards in everything the product wrote.
PLANTED = ("ZWEISTEIN", "QX99871345", "19470211", "Hospital Inventado")


def ct_slice(
    number: int, *, name: str = "ZWEISTEIN^ALBA", patient_id: str = "QX99871345", seed: str = "one"
) -> Dataset:
    dataset = dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = name, patient_id, "19470211"
    dataset.InstitutionName = "Hospital Inventado"
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[seed, "study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[seed, "series"])
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=[seed, "frame"])
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[seed, str(number)])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.InstanceNumber = number
    dataset.SliceThickness = "2.0"
    dataset.ImagePositionPatient = ["-158.1", "-179.0", str(2.0 * number)]
    pixels = dataset.pixel_array.copy()
    pixels[0, 0] = number
    dataset.PixelData = pixels.tobytes()
    return dataset


def to_bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def ct_series(
    slices: int = 5, *, name: str = "ZWEISTEIN^ALBA", patient_id: str = "QX99871345", seed: str = "one"
) -> list[bytes]:
    return [to_bytes(ct_slice(number, name=name, patient_id=patient_id, seed=seed)) for number in range(slices)]


def drive(submission: Submission) -> Submission:
    """Walk the road as the worker does, stage by stage, until nothing is left to do."""
    while claimed := road.claim(str(submission.pk)):
        stages.run(claimed)
    return Submission.objects.get(pk=submission.pk)


def baseline_of(cast: Cast) -> TimePoint:
    return cast.subject_a.time_points.get(scheduled__code="BL")


def send(staff: User, time_point: TimePoint, files: list[bytes]) -> Submission:
    return sending.send_whole(by=actor_for(staff), time_point=time_point, files=files)


def clean_by_hand(cast: Cast, file: IncomingFile) -> None:
    """Clean one file by the charter the cast began with, as a worker that dies right after."""
    context = browser.clinical_trial(baseline_of(cast))
    key = cleaning_key(cast.trial, subject_code=cast.subject_a.code)
    rules = Rules(key=key, trial=context, policy=policy_of(cast.charter))
    worker = machine("worker", source="worker", request_id="1")
    cleaned = cleaning._clean_one(worker, file, rules, boxes=None, tick=lambda: None)
    assert cleaned
    cleaning._keep(file, cleaned, rules.policy)


@pytest.fixture
def filed(cast: Cast) -> Submission:
    return drive(send(cast.alba, baseline_of(cast), ct_series()))

"""Small real scans on the stage: the reference object's CT and SEG, stored in the archive and filed at time points."""

import datetime as dt
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils import timezone
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from config.demo.phantom import SUBJECTS, Grid, Lesion, Organ, ScanSpec, make_ct, make_seg, to_bytes
from imaging import archive
from imaging.models import Instance, Series, Study, Submission
from trials.models import Subject, TimePoint

GRID = Grid(columns=96, rows=80, slices=8, pixel_spacing=1.5, slice_spacing=3.0)
FINE = Grid(columns=192, rows=160, slices=48, pixel_spacing=1.0, slice_spacing=1.0)
BALL = Lesion(label="Ball", organ=Organ.LIVER, centre=(-20.0, 0.0, 0.0), semi_axes=(18.0, 12.0, 14.0), hu=90)
DAYS = {"BL": 0, "FU1": 57, "FU2": 113}


@dataclass(frozen=True, slots=True)
class Scan:
    """A filed CT series, with the data sets it was made of."""

    time_point: TimePoint
    series: Series
    slices: list[Dataset]


def time_point(subject: Subject, code: str) -> TimePoint:
    points = TimePoint.objects.select_related("subject__trial_site__trial", "scheduled")
    return points.get(subject=subject, scheduled__code=code)


def spec(code: str, *, grid: Grid = GRID, lesions: tuple[Lesion, ...] = ()) -> ScanSpec:
    base = SUBJECTS[0].visits[0].spec
    return replace(
        base, grid=grid, lesions=lesions, study_date=base.study_date + dt.timedelta(days=DAYS[code]), noise_hu=2.0
    )


def accept(subject: Subject, code: str) -> TimePoint:
    point = time_point(subject, code)
    TimePoint.objects.filter(pk=point.pk).update(state=TimePoint.State.ACCEPTED)
    return time_point(subject, code)


def file_scan(subject: Subject, code: str, scan: ScanSpec | None = None) -> Scan:
    """File a CT at a time point and accept it; UIDs are made unlike those of any other subject's scan."""
    point = accept(subject, code)
    slices = make_ct(scan or spec(code))
    for one in slices:
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
            setattr(one, keyword, _own(subject, getattr(one, keyword)))
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    return Scan(time_point=point, series=file(point, slices, day=DAYS[code]), slices=slices)


def file_seg(scan: Scan, lesions: Sequence[Lesion]) -> Instance:
    return file(
        scan.time_point, [make_seg(scan.slices, lesions)], day=DAYS[scan.time_point.scheduled.code]
    ).instances.get()


def make_structures(scan: Scan) -> Dataset:
    """Give an RTSTRUCT with one square of 20 mm, centred, on the slices 20 to 22 of the scan."""
    first = scan.slices[0]
    structures = Dataset()
    structures.SOPClassUID, structures.SOPInstanceUID = RTStructureSetStorage, generate_uid()
    structures.StudyInstanceUID, structures.SeriesInstanceUID = first.StudyInstanceUID, generate_uid()
    structures.Modality, structures.SeriesNumber = "RTSTRUCT", 50
    roi = _item(ROINumber=1, ROIName="Square", ReferencedFrameOfReferenceUID=first.FrameOfReferenceUID)
    structures.StructureSetROISequence = [roi]
    contours = [_square(scan.slices[index]) for index in (20, 21, 22)]
    structures.ROIContourSequence = [_item(ReferencedROINumber=1, ContourSequence=contours)]
    series = _item(SeriesInstanceUID=first.SeriesInstanceUID)
    study = _item(RTReferencedSeriesSequence=[series])
    structures.ReferencedFrameOfReferenceSequence = [_item(RTReferencedStudySequence=[study])]
    structures.file_meta = FileMetaDataset()
    structures.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return structures


def _square(one: Dataset) -> Dataset:
    depth = float(one.ImagePositionPatient[2])
    corners = [(-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0)]
    points = [part for x, y in corners for part in (x, y, depth)]
    return _item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=4, ContourData=points)


def _item(**told: object) -> Dataset:
    item = Dataset()
    for keyword, value in told.items():
        setattr(item, keyword, value)
    return item


def _own(subject: Subject, uid: str) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{subject.code}|{uid}').int}"


def file(point: TimePoint, objects: Sequence[Dataset], *, day: int | None) -> Series:
    """Write the objects into the archive and their rows into the database, as filing does."""
    first = objects[0]
    submission = Submission.objects.create(
        trial_site=point.subject.trial_site,
        time_point=point,
        door=Submission.Door.BROWSER,
        state=Submission.State.CHECKED,
        state_since=timezone.now(),
        wrapped_key=b"",
        sent_by="alba",
    )
    study, _made = Study.objects.get_or_create(
        uid=first.StudyInstanceUID, defaults={"time_point": point, "study_day": day}
    )
    series = Series.objects.create(
        study=study,
        uid=first.SeriesInstanceUID,
        modality=first.Modality,
        number=first.SeriesNumber,
        frame_of_reference_uid=first.get("FrameOfReferenceUID", ""),
    )
    for one in objects:
        _file_one(series, submission, one)
    return series


def _file_one(series: Series, submission: Submission, one: Dataset) -> None:
    data = to_bytes(one)
    header = dcmread(io.BytesIO(data), stop_before_pixels=True)
    Instance.objects.create(
        series=series,
        submission=submission,
        uid=one.SOPInstanceUID,
        sop_class_uid=one.SOPClassUID,
        number=one.get("InstanceNumber"),
        sha256=archive.store(data),
        received_sha256="0" * 64,
        size=len(data),
        facts=_facts(header),
        engine_version="test",
        policy_digest="0" * 64,
    )


def _facts(header: Dataset) -> dict[str, object]:
    def numbers(keyword: str) -> list[float] | None:
        return [float(one) for one in header[keyword].value] if keyword in header else None

    return {
        "rows": int(header.get("Rows") or 0),
        "columns": int(header.get("Columns") or 0),
        "frames": int(header.get("NumberOfFrames") or 1),
        "orientation": numbers("ImageOrientationPatient"),
        "position": numbers("ImagePositionPatient"),
        "pixel_spacing": numbers("PixelSpacing"),
        "slice_thickness": float(header.SliceThickness) if "SliceThickness" in header else None,
    }

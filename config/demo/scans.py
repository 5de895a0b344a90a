"""The digital reference object: CT series and segmentations whose truth is known, made by code alone."""

import io
import uuid
from dataclasses import dataclass, field
from datetime import date, time

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from config.demo.lesions import Lesion
from config.demo.thorax import Grid, Hounsfield, draw_thorax

_NAMESPACE = uuid.UUID("5b0a3a52-6d9e-4c0e-9a55-9f3f6f0c1e77")
_INTERCEPT = -1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSpec:
    """Everything that decides a scan, to the byte: an invented person, a day, a grid, lesions and noise."""

    patient_name: str
    patient_id: str
    study_date: date
    lesions: tuple[Lesion, ...]
    birth_date: date = date(1960, 1, 1)
    sex: str = "O"
    study_time: time = time(9, 30)
    series_number: int = 2
    grid: Grid = field(default_factory=Grid)
    noise_hu: float = 10.0
    seed: int = 1

    def uid(self, part: str) -> str:
        """Give the UID of a part of this scan, from person, day, seed and part (PS3.5 B.2)."""
        return make_uid(f"{self.patient_id}|{self.study_date}|{self.study_time}|{self.seed}|{part}")


def make_uid(text: str) -> str:
    """Derive a UID from a text, always the same one."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, text).int}"


def make_ct(spec: ScanSpec) -> list[Dataset]:
    """Make one CT Image Storage data set per slice, from foot to head."""
    chest = draw_thorax(grid=spec.grid, lesions=spec.lesions, noise_hu=spec.noise_hu, seed=spec.seed)
    return [_slice(spec, chest, index) for index in range(spec.grid.slices)]


def to_bytes(dataset: Dataset) -> bytes:
    """Write a data set as a DICOM file (PS3.10)."""
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _slice(spec: ScanSpec, chest: Hounsfield, index: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = spec.uid(f"slice {index}")
    _add_person(dataset, spec)
    _add_study(dataset, spec)
    _add_equipment(dataset)
    _add_geometry(dataset, spec, index)
    _add_pixels(dataset, chest[index])
    dataset.file_meta = _file_meta(dataset)
    return dataset


def _add_person(dataset: Dataset, spec: ScanSpec) -> None:
    dataset.PatientName = spec.patient_name
    dataset.PatientID = spec.patient_id
    dataset.PatientBirthDate = f"{spec.birth_date:%Y%m%d}"
    dataset.PatientSex = spec.sex
    dataset.ReferringPhysicianName = "PHANTOM^PHYSICIAN"
    dataset.InstitutionName = "Phantom Hospital"
    dataset.AccessionNumber = f"PH{spec.study_date:%y%m%d}{spec.seed:04d}"


def _add_study(dataset: Dataset, spec: ScanSpec) -> None:
    dataset.StudyInstanceUID = spec.uid("study")
    dataset.SeriesInstanceUID = spec.uid("series")
    dataset.FrameOfReferenceUID = spec.uid("frame of reference")
    dataset.StudyID = "1"
    for kind in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{kind}Date", f"{spec.study_date:%Y%m%d}")
        setattr(dataset, f"{kind}Time", f"{spec.study_time:%H%M%S}")
    dataset.StudyDescription = "CT chest, digital reference object"
    dataset.SeriesDescription = "Chest 1.0 mm"
    dataset.SeriesNumber = spec.series_number
    dataset.AcquisitionNumber = 1
    dataset.BodyPartExamined = "CHEST"


def _add_equipment(dataset: Dataset) -> None:
    dataset.Modality = "CT"
    dataset.Manufacturer = "Corelab"
    dataset.ManufacturerModelName = "Digital reference object"
    dataset.DeviceSerialNumber = "1"
    dataset.SoftwareVersions = "1"
    dataset.KVP = 120
    dataset.ConvolutionKernel = "NONE"


def _add_geometry(dataset: Dataset, spec: ScanSpec, index: int) -> None:
    x, y, z = spec.grid.first_centre
    dataset.InstanceNumber = index + 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientPosition = "HFS"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [x, y, z + index * spec.grid.slice_spacing]
    dataset.SliceLocation = z + index * spec.grid.slice_spacing
    dataset.SliceThickness = spec.grid.slice_spacing
    dataset.PixelSpacing = [spec.grid.pixel_spacing, spec.grid.pixel_spacing]
    dataset.PositionReferenceIndicator = ""


def _add_pixels(dataset: Dataset, section: Hounsfield) -> None:
    dataset.Rows, dataset.Columns = section.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = _INTERCEPT, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    dataset.PixelData = (section - _INTERCEPT).astype("<u2").tobytes()


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta

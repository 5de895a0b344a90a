"""The true lesions of the reference object as a DICOM segmentation, one segment each."""

from collections.abc import Sequence
from typing import Any

import highdicom
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from config.demo.lesions import Lesion, Organ
from config.demo.scans import make_uid

_SERIES_NUMBER = 100
_REGIONS = {
    Organ.RIGHT_LUNG: Code("3341006", "SCT", "Right lung"),
    Organ.LEFT_LUNG: Code("44029006", "SCT", "Left lung"),
    Organ.LIVER: Code("10200004", "SCT", "Liver"),
    Organ.MEDIASTINAL_NODE: Code("62683002", "SCT", "Mediastinal lymph node"),
}


def make_seg(ct: Sequence[Dataset], lesions: Sequence[Lesion]) -> Dataset:
    """Make a binary SEG on the grid of `ct`: segment n is lesion n, drawn by voxel centres."""
    first = ct[0]
    seg = highdicom.seg.Segmentation(
        source_images=ct,
        pixel_array=_masks(ct, lesions),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_describe(first, lesion, n) for n, lesion in enumerate(lesions, start=1)],
        series_instance_uid=make_uid(f"{first.SeriesInstanceUID}|seg series"),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=make_uid(f"{first.SeriesInstanceUID}|seg"),
        instance_number=1,
        manufacturer="Corelab",
        manufacturer_model_name="Digital reference object",
        software_versions="1",
        device_serial_number="1",
        series_description="True lesions",
        content_label="LESIONS",
    )
    _make_repeatable(seg, first)
    return seg


def _masks(ct: Sequence[Dataset], lesions: Sequence[Lesion]) -> npt.NDArray[np.uint8]:
    x, y, z = _axes(ct)
    return np.stack([lesion.covers(x, y, z) for lesion in lesions], axis=-1).astype(np.uint8)


def _axes(ct: Sequence[Dataset]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    first = ct[0]
    x, y, _ = first.ImagePositionPatient
    down, across = (float(spacing) for spacing in first.PixelSpacing)
    return (
        (float(x) + across * np.arange(first.Columns))[None, None, :],
        (float(y) + down * np.arange(first.Rows))[None, :, None],
        np.array([float(one.ImagePositionPatient[2]) for one in ct])[:, None, None],
    )


def _describe(first: Dataset, lesion: Lesion, number: int) -> Any:
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=lesion.label,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        # The same lesion keeps its tracking UID from visit to visit.
        tracking_uid=make_uid(f"{first.PatientID}|{lesion.label}"),
        tracking_id=lesion.label,
        anatomic_regions=[_REGIONS[lesion.organ]],
    )


def _make_repeatable(seg: Dataset, first: Dataset) -> None:
    """Replace what highdicom draws at random or from the clock."""
    organization = make_uid(f"{first.SeriesInstanceUID}|seg dimensions")
    for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
    for item in seg.ContributingEquipmentSequence:
        item.ContributionDateTime = f"{first.StudyDate}{first.StudyTime}"
    for kind in ("Content", "InstanceCreation", "Series", "Acquisition"):
        if f"{kind}Date" in seg:
            setattr(seg, f"{kind}Date", first.StudyDate)
            setattr(seg, f"{kind}Time", first.StudyTime)

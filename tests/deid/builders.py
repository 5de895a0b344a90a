"""Small valid objects made in code or from pydicom's bundled files: the kinds a trial receives."""

import io
import warnings
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import UID, ImplicitVRLittleEndian, generate_uid

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PET_STORAGE = UID("1.2.840.10008.5.1.4.1.1.128")


def bundled(name: str) -> Dataset:
    """Return a file that ships with pydicom."""
    path = get_testdata_file(name)
    assert path is not None
    dataset = pydicom.dcmread(str(path), force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return dataset


def read(data: bytes) -> Dataset:
    """Return the data set of encoded bytes, with warnings as errors so that odd output is noticed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = pydicom.dcmread(io.BytesIO(data))
        str(dataset)
    return dataset


def ct(index: int = 0) -> Dataset:
    dataset = bundled("CT_small.dcm")
    dataset.SOPInstanceUID = f"{dataset.SeriesInstanceUID}.{index + 1}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.InstanceNumber = str(index + 1)
    dataset.ImagePositionPatient = [-158.1, -179.0, -75.7 + 5.0 * index]
    return dataset


def mr() -> Dataset:
    return bundled("MR_small.dcm")


def pet() -> Dataset:
    dataset = ct()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = PET_STORAGE
    dataset.Modality = "PT"
    dataset.Units = "BQML"
    dataset.DecayCorrection = "START"
    dataset.CorrectedImage = ["DECY", "ATTN", "SCAT"]
    dataset.PatientWeight = "81.5"
    dataset.PatientSize = "1.75"
    dataset.PatientAge = "093Y"
    dose = Dataset()
    dose.RadiopharmaceuticalStartTime = "081500"
    dose.RadiopharmaceuticalStartDateTime = "20040119081500"
    dose.RadionuclideTotalDose = "370000000"
    dose.RadionuclideHalfLife = "6586.2"
    dose.RadionuclidePositronFraction = "0.97"
    dataset.RadiopharmaceuticalInformationSequence = Sequence([dose])
    return dataset


def structures() -> Dataset:
    return bundled("rtstruct.dcm")


def report() -> Dataset:
    return bundled("test-SR.dcm")


def segmentation(sources: list[Dataset]) -> Dataset:
    """Return a binary SEG over the given CT slices, one segment named after a person."""
    mask = np.zeros((len(sources), sources[0].Rows, sources[0].Columns), dtype=np.uint8)
    mask[:, 20:40, 30:50] = 1
    description = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Tumour of Quentin Zuccarello",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        tracking_uid="1.2.3.4.5.6",
        tracking_id="Zuccarello lesion",
    )
    drawn = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=mask,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[description],
        series_instance_uid=generate_uid(),
        series_number=100,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Zuccarello Imaging",
        manufacturer_model_name="Model Zuccarello",
        software_versions="1",
        device_serial_number="731731731",
        content_creator_name="Zuccarello^Quentin",
    )
    # The library puts constants of its own into every frame: what is planted in one object would be in all later ones.
    return pydicom.dcmread(io.BytesIO(kilobytes(drawn)))


def enhanced(sources: list[Dataset]) -> Dataset:
    """Return a legacy converted enhanced CT of the given slices."""
    for source in sources:
        source.PatientPosition = "HFS"
    return hd.legacy.LegacyConvertedEnhancedCTImage(
        legacy_datasets=sources,
        series_instance_uid=generate_uid(),
        series_number=5,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    )


def presentation_state(sources: list[Dataset]) -> Dataset:
    """Return a grayscale presentation state with a text annotation."""
    text = hd.pr.TextObject(
        text_value="Quentin Zuccarello 731731731",
        units=hd.pr.AnnotationUnitsValues.PIXEL,
        anchor_point=(10.0, 10.0),
    )
    layer = hd.pr.GraphicLayer(layer_name="ZUCCARELLO", order=1)
    return hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=sources,
        series_instance_uid=generate_uid(),
        series_number=3,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Zuccarello Imaging",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="731731731",
        content_label="ZUCCARELLO",
        content_description="Zuccarello review",
        content_creator_name="Zuccarello^Quentin",
        graphic_annotations=[
            hd.pr.GraphicAnnotation(referenced_images=sources, graphic_layer=layer, text_objects=[text])
        ],
        graphic_layers=[layer],
        concept_name=codes.DCM.PresentationState if hasattr(codes.DCM, "PresentationState") else None,
    )


def kilobytes(dataset: Dataset) -> bytes:
    """Return the encoded file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def kilobytes_of(name: str) -> bytes:
    """Return the bytes of a file that ships with pydicom, as they are."""
    path = get_testdata_file(name)
    assert path is not None
    return Path(str(path)).read_bytes()

"""An object as a blinded reader may hold it: what shows the picture, and nothing that tells when, where or whose.

By a list of what may stay, so that an attribute nobody thought of goes.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

from pydicom import DataElement, Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence

from imaging.frames import FrameRefused
from imaging.frames.opening import UNREADABLE, read_object

_KEPT = frozenset(
    {
        # What kind of object, and which side of the body.
        "SOPClassUID", "SpecificCharacterSet", "ImageType", "Modality", "BodyPartExamined", "PatientPosition",
        "Laterality", "ImageLaterality", "BurnedInAnnotation", "LossyImageCompression", "LossyImageCompressionRatio",
        "LossyImageCompressionMethod", "VolumetricProperties", "VolumeBasedCalculationTechnique", "PixelPresentation",
        "FrameType", "FrameLaterality",
        # Geometry.
        "FrameOfReferenceUID", "PositionReferenceIndicator", "ImagePositionPatient", "ImageOrientationPatient",
        "SliceThickness", "SpacingBetweenSlices", "SliceLocation", "PixelSpacing", "ImagerPixelSpacing",
        "NominalScannedPixelSpacing", "PixelAspectRatio",
        # How it was acquired, as far as a reader judges by it.
        "KVP", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "EchoTrainLength", "MagneticFieldStrength",
        "ScanningSequence", "SequenceVariant", "MRAcquisitionType", "Units",
        # Pixels and what they mean.
        "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
        "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SmallestImagePixelValue",
        "LargestImagePixelValue", "PixelPaddingValue", "PixelPaddingRangeLimit", "WindowCenter", "WindowWidth",
        "VOILUTFunction", "RescaleIntercept", "RescaleSlope", "RescaleType", "ModalityLUTSequence", "VOILUTSequence",
        "ModalityLUTType", "LUTDescriptor", "LUTData", "PresentationLUTShape", "RedPaletteColorLookupTableDescriptor",
        "GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor",
        "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
        "PixelData", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
        # Multi-frame functional groups (PS3.3 C.7.6.16) and dimensions.
        "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PixelMeasuresSequence",
        "PlanePositionSequence", "PlaneOrientationSequence", "PixelValueTransformationSequence", "FrameVOILUTSequence",
        "FrameContentSequence", "FrameAnatomySequence", "CTImageFrameTypeSequence", "MRImageFrameTypeSequence",
        "PETFrameTypeSequence", "StackID", "InStackPositionNumber", "DimensionIndexValues", "TemporalPositionIndex",
        "DimensionOrganizationSequence", "DimensionOrganizationUID", "DimensionIndexSequence", "DimensionIndexPointer",
        "FunctionalGroupPointer", "DimensionOrganizationType",
    }
)  # fmt: skip
_MAPPED = frozenset({"FrameOfReferenceUID", "DimensionOrganizationUID"})
# Type 2 in the modules of images: there, and empty.
_EMPTY = (
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate", "PatientSex", "StudyID",
    "Manufacturer",
)  # fmt: skip
METHOD = "Corelab blinded read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guise:
    """Under which names one object goes to its reader; `map_uid` gives every other UID its own."""

    code: str
    study_uid: str
    series_uid: str
    series_number: int
    instance_uid: str
    instance_number: int
    map_uid: Callable[[str], str]


def blind(data: bytes, guise: Guise) -> bytes:
    """Return the object under its guise, in the transfer syntax in which it is stored. Raises FrameRefused.

    Runs inside the fence (`imaging.fence.copies`).
    """
    source = read_object(data)
    try:
        return _blinded(source, guise)
    except UNREADABLE:
        raise FrameRefused("This image could not be read.") from None


def _blinded(source: Dataset, guise: Guise) -> bytes:
    dataset = _kept(source, guise.map_uid)
    for keyword in _EMPTY:
        setattr(dataset, keyword, "")
    dataset.PatientName = dataset.PatientID = guise.code
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = guise.study_uid, guise.series_uid
    dataset.SOPInstanceUID = guise.instance_uid
    dataset.SeriesNumber, dataset.InstanceNumber = guise.series_number, guise.instance_number
    dataset.PatientIdentityRemoved, dataset.DeidentificationMethod = "YES", METHOD
    dataset.file_meta = _meta(source, guise)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _meta(source: Dataset, guise: Guise) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = source.SOPClassUID
    meta.MediaStorageSOPInstanceUID = guise.instance_uid  # type: ignore[assignment]  # a text is a UID to pydicom
    meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
    return meta


def _kept(source: Dataset, map_uid: Callable[[str], str]) -> Dataset:
    dataset = Dataset()
    for element in source:
        if element.keyword in _KEPT:
            dataset.add(_element(element, map_uid))
    return dataset


def _element(element: DataElement, map_uid: Callable[[str], str]) -> DataElement:
    if element.VR == "SQ":
        items = [_kept(item, map_uid) for item in element.value]
        return DataElement(element.tag, "SQ", Sequence(items))
    if element.keyword in _MAPPED:
        return DataElement(element.tag, element.VR, map_uid(str(element.value)))
    return element

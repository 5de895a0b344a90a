"""Objects made up by code, one per modality, to try a profile on: everything a scanner writes, about nobody."""

import struct
from collections.abc import Mapping
from enum import StrEnum

from pydicom.datadict import tag_for_keyword

from deid.choices import usual_vr
from deid.elements import Element, Item, Span
from deid.parser import EXPLICIT
from deid.writer import encode_file, encode_item

Values = Mapping[str, "str | int | float | tuple[Values, ...]"]


class Example(StrEnum):
    """The kinds of objects to try, by DICOM modality."""

    CT = "CT"
    MR = "MR"
    PT = "PT"
    US = "US"
    SR = "SR"


_SIDE = 8
_UID = "1.2.826.0.1.3680043.10.1500.1"
_ALL: Values = {
    "SpecificCharacterSet": "ISO_IR 192", "SOPInstanceUID": f"{_UID}.3.1", "StudyInstanceUID": f"{_UID}.1",
    "SeriesInstanceUID": f"{_UID}.2", "StudyDate": "20240229", "SeriesDate": "20240229", "ContentDate": "20240229",
    "StudyTime": "094500", "SeriesTime": "101500", "ContentTime": "101730.5", "AccessionNumber": "ACC-4711",
    "Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "DISCOVERY", "DeviceSerialNumber": "SN-90210",
    "SoftwareVersions": "1.2.3", "StationName": "ROOM3-NORTH", "InstitutionName": "Example Hospital North",
    "InstitutionAddress": "1 Example Street", "InstitutionalDepartmentName": "Radiology",
    "ReferringPhysicianName": "Referrer^Rita", "PerformingPhysicianName": "Performer^Paul",
    "OperatorsName": "Operator^O",
    "StudyDescription": "CHEST follow-up of Example^Eva", "SeriesDescription": "AXIAL CHEST 3 mm Example",
    "ProtocolName": "CHEST routine", "PatientName": "Example^Eva Maria", "PatientID": "EX-0042-4711",
    "PatientBirthDate": "19310412", "PatientSex": "F", "PatientAge": "092Y", "PatientSize": "1.66",
    "PatientWeight": "61.5", "PatientAddress": "2 Sample Road", "PatientTelephoneNumbers": "555 010 0199",
    "OtherPatientIDs": "MRN-555-0199", "EthnicGroup": "not stated", "PatientComments": "Eva prefers mornings",
    "StudyID": "4711", "SeriesNumber": "2", "InstanceNumber": "1", "BodyPartExamined": "CHEST",
    "RequestedProcedureDescription": "CHEST staging", "PerformedProcedureStepStartDate": "20240229",
    "RequestAttributesSequence": ({"RequestedProcedureID": "RP-4711", "ScheduledProcedureStepDescription": "CHEST"},),
}  # fmt: skip
_PICTURE: Values = {
    "ImageType": "ORIGINAL\\PRIMARY\\AXIAL", "AcquisitionDate": "20240229", "AcquisitionTime": "101600",
    "AcquisitionNumber": "1", "FrameOfReferenceUID": f"{_UID}.4", "PositionReferenceIndicator": "",
    "ImagePositionPatient": "0\\0\\0", "ImageOrientationPatient": "1\\0\\0\\0\\1\\0", "SliceThickness": "3",
    "PixelSpacing": "0.7\\0.7", "PatientPosition": "HFS", "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2", "Rows": _SIDE, "Columns": _SIDE, "BitsAllocated": 16,
    "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0, "BurnedInAnnotation": "NO",
    "ImageComments": "seen by Dr Referrer",
}  # fmt: skip
_SCALED: Values = {"RescaleIntercept": "0", "RescaleSlope": "1", "RescaleType": "US"}
_DOSE: Values = {
    "Radiopharmaceutical": "FDG", "RadiopharmaceuticalStartTime": "091000", "RadionuclideTotalDose": "370000000",
    "RadiopharmaceuticalStartDateTime": "20240229091000", "RadionuclideHalfLife": "6586.2",
    "RadionuclidePositronFraction": "0.97",
}  # fmt: skip
_PET: Values = {
    "Units": "BQML", "DecayCorrection": "START", "CorrectedImage": "DECY\\ATTN\\SCAT",
    "SeriesType": "WHOLE BODY\\IMAGE",
    "NumberOfSlices": 1, "ImageIndex": 1, "FrameReferenceTime": "0", "ActualFrameDuration": "120000",
    "DecayFactor": "1.02", "CollimatorType": "NONE", "RadiopharmaceuticalInformationSequence": (_DOSE,),
}  # fmt: skip
_TITLE: Values = {"CodeValue": "121181", "CodingSchemeDesignator": "DCM", "CodeMeaning": "DICOM Object Catalog"}
_COMMENT: Values = {"CodeValue": "121106", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Comment"}
_REPORT: Values = {
    "CompletionFlag": "COMPLETE", "VerificationFlag": "VERIFIED", "ValueType": "CONTAINER",
    "ContinuityOfContent": "SEPARATE", "ConceptNameCodeSequence": (_TITLE,),
    "ContentSequence": (
        {"RelationshipType": "CONTAINS", "ValueType": "TEXT", "ConceptNameCodeSequence": (_COMMENT,),
         "TextValue": "Eva Example, seen in room 3"},
        {"RelationshipType": "CONTAINS", "ValueType": "CODE", "ConceptNameCodeSequence": (
            {"CodeValue": "121071", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Finding"},),
         "ConceptCodeSequence": (
            {"CodeValue": "4147007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Mass in Eva's lung"},)},
        {"RelationshipType": "HAS OBS CONTEXT", "ValueType": "PNAME", "ConceptNameCodeSequence": (
            {"CodeValue": "121008", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Person Observer Name"},),
         "PersonName": "Referrer^Rita"},
    ),
}  # fmt: skip
_KINDS: dict[Example, tuple[str, tuple[Values, ...]]] = {
    Example.CT: ("1.2.840.10008.5.1.4.1.1.2", (_PICTURE, _SCALED, {"KVP": "120", "RescaleType": "HU"})),
    Example.MR: (
        "1.2.840.10008.5.1.4.1.1.4",
        (_PICTURE, {"ScanningSequence": "SE", "SequenceVariant": "NONE", "ScanOptions": "", "MRAcquisitionType": "2D",
                    "SequenceName": "eva_special", "RepetitionTime": "500", "EchoTime": "20", "EchoTrainLength": "1"}),
    ),
    Example.PT: ("1.2.840.10008.5.1.4.1.1.128", (_PICTURE, _SCALED, _PET)),
    Example.US: ("1.2.840.10008.5.1.4.1.1.6.1", (_PICTURE, {"ImageType": "ORIGINAL\\PRIMARY"})),
    Example.SR: ("1.2.840.10008.5.1.4.1.1.88.11", (_REPORT,)),
}  # fmt: skip
# A safe block of a vendor beside one that holds a name.
_PRIVATE = {
    Example.MR: (("SIEMENS MR HEADER", 0x0019, 0x0C, "IS", b"50"),),
    Example.PT: (
        ("Philips PET Private Group", 0x7053, 0x00, "DS", b"0.000342"),
        ("Philips PET Private Group", 0x7053, 0x09, "DS", b"1.7"),
    ),
}
_LETTERS = (("EXAMPLE WORKSTATION", 0x0029, 0x01, "LO", b"Eva Example 4711"),)


def example(kind: Example) -> bytes:
    """Return a whole file of this kind (Part 10, explicit little endian), the same bytes at every call."""
    sop_class, parts = _KINDS[kind]
    told: dict[str, object] = {**_ALL, "Modality": kind.value, "SOPClassUID": sop_class}
    for part in parts:
        told |= part
    item = _item(told) | _private((*_PRIVATE.get(kind, ()), *_LETTERS))
    pixels = None if kind is Example.SR else Element(0x7FE00010, "OW", bytes(range(2 * _SIDE * _SIDE)))
    whole = encode_file(item, header=encode_item(item), transfer_syntax=EXPLICIT, pixels=pixels)
    return b"".join(part for part in whole if not isinstance(part, Span))


def _item(told: Mapping[str, object]) -> Item:
    elements = (_element(keyword, value) for keyword, value in told.items())
    return {element.tag: element for element in elements}


def _element(keyword: str, value: object) -> Element:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    vr = usual_vr(tag)
    if isinstance(value, tuple):
        return Element(tag, vr, items=tuple(_item(inner) for inner in value))
    raw = struct.pack("<H", value) if isinstance(value, int) else str(value).encode()
    return Element(tag, vr, raw)


def _private(told: tuple[tuple[str, int, int, str, bytes], ...]) -> Item:
    item: Item = {}
    for creator, group, low, vr, value in told:
        reservation, tag = group << 16 | 0x10, group << 16 | 0x1000 | low
        item[reservation] = Element(reservation, "LO", creator.encode())
        item[tag] = Element(tag, vr, value)
    return item

"""Good objects: over 21 modalities, in 18 transfer syntaxes and 18 character sets, each as a scanner would write it."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset, FileMetaDataset, dcmwrite
from pydicom import uid as uids
from pydicom.encaps import encapsulate
from pydicom.uid import UID, generate_uid

from tests.cases import coding
from tests.deid import builders

# What may become of a good object: it is filed, or a person must judge it, or it is refused in words.
FILED, JUDGED, REFUSED = "filed", "judged", "refused"
SIDE = 32
IMAGES = {
    "CT": uids.CTImageStorage, "MR": uids.MRImageStorage, "PT": uids.PositronEmissionTomographyImageStorage,
    "NM": uids.NuclearMedicineImageStorage, "XA": uids.XRayAngiographicImageStorage,
    "RF": uids.XRayRadiofluoroscopicImageStorage, "CR": uids.ComputedRadiographyImageStorage,
    "DX": uids.DigitalXRayImageStorageForPresentation, "MG": uids.DigitalMammographyXRayImageStorageForPresentation,
    "IO": uids.DigitalIntraOralXRayImageStorageForPresentation, "PX": uids.DigitalXRayImageStorageForPresentation,
    "OPT": uids.OphthalmicTomographyImageStorage, "RTIMAGE": uids.RTImageStorage,
}  # fmt: skip
# Pixels that may show a name or a face.
PICTURES = {
    "US": uids.UltrasoundImageStorage, "OT": uids.SecondaryCaptureImageStorage, "ES": uids.VLEndoscopicImageStorage,
    "GM": uids.VLMicroscopicImageStorage, "SM": uids.VLSlideCoordinatesMicroscopicImageStorage,
    "OP": uids.OphthalmicPhotography8BitImageStorage, "XC": uids.VLPhotographicImageStorage,
}  # fmt: skip
NAMES = {
    "": "Zweistein^Alba", "ISO_IR 100": "Zweistéin^Älba", "ISO_IR 101": "Źwiećstein^Ałba", "ISO_IR 109": "Ĥzweistein^Ŝalba",
    "ISO_IR 110": "Ģzweisteinē^Ūlba", "ISO_IR 144": "Цвайштайн^Альба", "ISO_IR 127": "تسفايشتاين^ألبا",
    "ISO_IR 126": "Τσβαϊστάιν^Άλμπα", "ISO_IR 138": "צווישטיין^אלבה", "ISO_IR 148": "Şweiştein^Ğalba",
    "ISO_IR 13": "KANA^KAN", "ISO_IR 166": "สไวชไตน์^อัลบา", "ISO_IR 192": "Zweistein^Alba=茨威斯坦^阿尔巴",
    "GB18030": "Zweistein^Alba=茨威斯坦^阿尔巴", "GBK": "Zweistein^Alba=茨威斯坦^阿尔巴",
    "\\ISO 2022 IR 87": "Zweistein^Alba=山田^太郎", "\\ISO 2022 IR 149": "Zweistein^Alba=김^희중",
    "ISO 2022 IR 100\\ISO 2022 IR 126": "Zweistéin^Älba",
}  # fmt: skip
# Half-width katakana (PS3.5 H.3.1), which pydicom does not write.
_KANA = {b"KANA^KAN": b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", b"KANA KAN": b"\xd4\xcf\xc0\xde \xc0\xdb\xb3"}
PERSON_ID = "QX99871345"


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """One object: `outcome` is what must become of it."""

    name: str
    data: bytes
    outcome: str = FILED


def objects() -> Iterator[Good]:
    """Yield all; UIDs differ from object to object."""
    yield from by_modality()
    yield from by_syntax()
    yield from by_charset()


def by_modality() -> Iterator[Good]:
    """One object of each kind, in Explicit VR Little Endian."""
    for modality in IMAGES:
        yield Good(name=modality, data=written(image(modality)))
    for modality in PICTURES:
        yield Good(name=modality, data=written(picture(modality)), outcome=JUDGED)
    declared = picture("US")
    declared.BurnedInAnnotation = "NO"
    yield Good(name="US, nothing burned in", data=written(declared))
    made = {
        "SR": builders.report(), "RTSTRUCT": builders.structures(), "RTPLAN": builders.bundled("rtplan.dcm"),
        "RTDOSE": builders.bundled("rtdose.dcm"), "ECG": builders.bundled("waveform_ecg.dcm"),
        "SEG": builders.segmentation([builders.ct(index) for index in range(2)]),
        "PR": builders.presentation_state([builders.ct()]), "enhanced CT": builders.enhanced([builders.ct(0), builders.ct(1)]),
        "KO": key_objects(), "REG": registration(),
    }  # fmt: skip
    for name, dataset in made.items():
        dress(dataset, name)
        yield Good(name=name, data=written(dataset))
    yield Good(name="DOC", data=written(document()), outcome=REFUSED)


def by_syntax() -> Iterator[Good]:
    """Five kinds of images in each transfer syntax, and films."""
    for modality in ("CT", "MR", "CR", "DX", "MG"):
        for syntax in coding.PLAIN:
            dataset = image(modality, seed=syntax)
            dataset.file_meta.TransferSyntaxUID = syntax
            yield Good(name=f"{modality} as {syntax.name}", data=written(dataset))
        for syntax in coding.COMPRESSED:
            dataset = image(modality, seed=syntax, bits=coding.BITS.get(syntax, 16))
            yield Good(name=f"{modality} as {syntax.name}", data=coding.compressed(dataset, syntax))
    for syntax in coding.FILMS:
        yield Good(name=f"film as {syntax.name}", data=written(film(syntax)), outcome=REFUSED)


def by_charset() -> Iterator[Good]:
    """A CT and an MR for each character set."""
    for charset, name in NAMES.items():
        for modality, syntax in (("CT", uids.ExplicitVRLittleEndian), ("MR", uids.ImplicitVRLittleEndian)):
            dataset = image(modality, seed=f"letters {charset}")
            dataset.file_meta.TransferSyntaxUID = syntax
            dataset.SpecificCharacterSet = charset.split("\\") if charset else None
            dataset.PatientName = name
            dataset.InstitutionName = dataset.ImageComments = name.split("=")[-1].replace("^", " ")
            data = written(dataset)
            for told, meant in _KANA.items():
                data = data.replace(told, meant)
            yield Good(name=f"{modality} in {charset or 'ASCII'}", data=data)


def dress(dataset: Dataset, seed: str) -> None:
    """Give an object a person and names of its own."""
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Zweistein^Alba", PERSON_ID, "19470211"
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["cases", "study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["cases", "series", seed])
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["cases", "object", seed])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def blank(sop_class: str, modality: str, seed: str) -> Dataset:
    """An object of which nothing but its names is said."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    dataset.Modality, dataset.StudyDate, dataset.StudyTime = modality, "20251103", "101500"
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "1", "", ""
    dataset.PatientSex, dataset.Manufacturer, dataset.SeriesNumber, dataset.InstanceNumber = "F", "SIEMENS", 1, 1
    dress(dataset, f"{modality} {seed}")
    return dataset


def image(modality: str, *, seed: str = "", bits: int = 16) -> Dataset:
    """A grey image of 32 by 32 pixels."""
    dataset = blank(IMAGES[modality], modality, seed)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    if modality in {"CT", "MR", "PT"}:
        dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=["cases", "frame"])
        dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, 5], [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing, dataset.SliceThickness = [0.7, 0.7], 5
    draw(dataset, bits=bits)
    if modality in {"CT", "PT"}:
        dataset.RescaleIntercept, dataset.RescaleSlope = -1024 if modality == "CT" else 0, 1
    return dataset


def draw(dataset: Dataset, *, bits: int) -> None:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    top = 255 if bits == 8 else 4095
    pixels = ((rows * 61 + columns * 7) % (top + 1)).astype(np.uint8 if bits == 8 else np.uint16)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = SIDE
    dataset.BitsAllocated, dataset.PixelRepresentation = 8 * pixels.itemsize, 0
    dataset.BitsStored = 8 if bits == 8 else 12
    dataset.HighBit = dataset.BitsStored - 1
    dataset.add_new("PixelData", "OB" if bits == 8 else "OW", pixels.tobytes())


def picture(modality: str) -> Dataset:
    """A picture in colour."""
    dataset = blank(PICTURES[modality], modality, "colour")
    dataset.ImageType, dataset.SamplesPerPixel = ["ORIGINAL", "PRIMARY"], 3
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.Rows = dataset.Columns = SIDE
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(range(256)) * (SIDE * SIDE * 3 // 256)
    if modality == "OT":
        dataset.ConversionType = "WSD"
    return dataset


def film(syntax: UID) -> Dataset:
    dataset = blank(uids.VideoEndoscopicImageStorage, "ES", syntax)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "YBR_PARTIAL_420", 0
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = SIDE, SIDE, 25
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = encapsulate([struct.pack(">L", 0x000001B3) * 64])
    dataset["PixelData"].is_undefined_length = True
    return dataset


def document() -> Dataset:
    dataset = blank(uids.EncapsulatedPDFStorage, "DOC", "")
    dataset.MIMETypeOfEncapsulatedDocument, dataset.DocumentTitle = "application/pdf", "Letter"
    dataset.EncapsulatedDocument = b"%PDF-1.4 Zweistein "
    return dataset


def key_objects() -> Dataset:
    dataset = blank(uids.KeyObjectSelectionDocumentStorage, "KO", "")
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113000", "DCM", "Of Interest"
    dataset.ConceptNameCodeSequence = [code]
    place = Dataset()
    place.ReferencedSOPClassUID, place.ReferencedSOPInstanceUID = uids.CTImageStorage, generate_uid(entropy_srcs=["ct"])
    shown = Dataset()
    shown.RelationshipType, shown.ValueType, shown.ReferencedSOPSequence = "CONTAINS", "IMAGE", [place]
    dataset.ContentSequence = [shown]
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = generate_uid(entropy_srcs=["ct series"]), [place]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = dataset.StudyInstanceUID, [series]
    dataset.CurrentRequestedProcedureEvidenceSequence = [study]
    return dataset


def registration() -> Dataset:
    dataset = blank(uids.SpatialRegistrationStorage, "REG", "")
    dataset.ContentDate, dataset.ContentTime, dataset.ContentLabel = "20251103", "101500", "REG"
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=["cases", "frame"])
    matrix, registered, moved = Dataset(), Dataset(), Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    matrix.FrameOfReferenceTransformationMatrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    moved.MatrixSequence = [matrix]
    registered.FrameOfReferenceUID, registered.MatrixRegistrationSequence = dataset.FrameOfReferenceUID, [moved]
    dataset.RegistrationSequence = [registered]
    return dataset


def written(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()

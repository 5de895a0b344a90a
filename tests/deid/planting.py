"""Plants unique names and numbers in every place of a data set, and searches cleaned bytes for them."""

import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pydicom
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID

from deid.tables import objects

TEXT = {"LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE"}
KEEP_KEYWORDS = (
    "SpecificCharacterSet Modality PhotometricInterpretation BurnedInAnnotation RecognizableVisualFeatures "
    "ConversionType ImageType NumberOfFrames SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID"
)
KEPT = {tag_for_keyword(keyword) for keyword in KEEP_KEYWORDS.split()}
# numbers that physics may need with many digits; documented in the engine's vocabulary
LARGE = {
    tag_for_keyword(keyword)
    for keyword in [
        "RadionuclideTotalDose",
        "ActualFrameDuration",
        "FrameReferenceTime",
        "PrimaryPromptsCountsAccumulated",
        "CountsAccumulated",
        "SecondaryCountsAccumulated",
        "ExposureInuAs",
        "ExposureTimeInuS",
        "XRayTubeCurrentInuA",
        "WindowCenter",
        "WindowWidth",
        "RescaleIntercept",
    ]
}
SUSPECTS = {
    tag_for_keyword(keyword)
    for keyword in [
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "AccessionNumber",
        "InstitutionName",
        "OperatorsName",
        "CodeValue",
        "CodeMeaning",
        "CodingSchemeDesignator",
        "TextValue",
        "ImageComments",
        "ReferencedSOPInstanceUID",
        "SeriesNumber",
        "StudyID",
        "BodyPartExamined",
        "Manufacturer",
        "StationName",
        "PersonName",
    ]
}
REFERENCE = tag_for_keyword("ReferencedSOPInstanceUID")
BIRTH = "19530417"
# a strange number here is refused instead (test_refusals): a stand-in would falsify the measurement
INDISPENSABLE = {tag for node in objects().nodes for tag, attribute in node.items() if attribute.type == "1"}
PLANT = re.compile(rb"(?=(qy[bcdfghjklmnpqrstvwxz]+uzov|731\d{6}))")

KEYED_UID = re.compile(rb"2\.25\.[0-9]{30,39}")


@dataclass
class Plants:
    """Hands out unique words and numbers and remembers them."""

    words: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)

    def word(self) -> str:
        count, letters = len(self.words) + 1, ""
        while count:
            count, rest = divmod(count, 20)
            letters += "bcdfghjklmnpqrstvwxz"[rest]
        self.words.append(f"Qy{letters}uzov")
        return self.words[-1]

    def number(self) -> str:
        self.numbers.append(str(731_000_000 + len(self.numbers) * 17))
        return self.numbers[-1]

    def value(self, vr: str, tag: int) -> str | bytes | None:
        if vr in TEXT:
            return f"{self.word()} {self.number()}"[: 16 if vr in {"SH", "AE"} else 64]
        makers: dict[str, Callable[[], str | bytes]] = {
            "PN": lambda: f"{self.word()}^{self.word()}={self.word()}",
            "CS": lambda: self.word().upper(),
            "IS": self.number,
            "DS": self.number,
            "UI": lambda: f"1.2.{self.number()}",
            "DA": lambda: BIRTH,
            "DT": lambda: f"{BIRTH}101112",
            "TM": self.number,
            "AS": lambda: "093Y",
            "UN": lambda: self.word().encode() + b"_",
            "OB": lambda: (self.word() + self.number() + "__").encode()[:20],
            "OW": lambda: (self.word() + self.number() + "__").encode()[:20],
        }
        if vr in {"IS", "DS"} and (tag in LARGE or tag in INDISPENSABLE):
            return None
        return makers[vr]() if vr in makers else None

    def found_in(self, data: bytes) -> list[str]:
        """Return what is left of the plants: in the bytes (one-byte and UTF-16 text) and in decoded values."""
        decoded = "\n".join(strings_of(pydicom.dcmread(io.BytesIO(data))))
        planted = {token.lower().encode() for token in self.words + self.numbers}
        places = (data, data.replace(b"\0", b""), decoded.encode())
        # Thousands of numbers, and UIDs of 38 keyed digits each: now and then one is found there by chance alone.
        found = {match[1] for place in places for match in PLANT.finditer(KEYED_UID.sub(b"", place.lower()))}
        return sorted(token.decode() for token in found & planted)


def vr_of(tag: int) -> str:
    """Return the dictionary's VR of a tag, "UN" where it has none."""
    entry = DicomDictionary.get(tag)
    return entry[0] if entry else "UN"


def strings_of(dataset: Dataset) -> Iterator[str]:
    """Yield every value of a data set, its sequences and its file meta as text."""
    meta = getattr(dataset, "file_meta", None)
    for element in [*(meta or []), *dataset.iterall()]:
        if element.VR != "SQ" and element.keyword != "PixelData":
            yield unicodedata.normalize("NFC", str(element.value))


def plant_everywhere(dataset: Dataset, plants: Plants, *, step: int = 1) -> None:
    """Add every attribute of the dictionary whose VR can carry a text or a number, filled with a plant.

    Nested items take every `step`-th attribute, another selection each time, and always the usual suspects.
    """
    for place, (number, entry) in enumerate(DicomDictionary.items()):
        if step > 1 and (place + len(plants.words)) % step and number not in SUSPECTS:
            continue
        tag = Tag(number)
        if tag.group in {0x0000, 0x0002, 0x7FE0, 0xFFFE} or number in KEPT or tag.element == 0:
            continue
        if step == 1 and number in dataset and entry[0] in {"US", "SS", "SQ", "US or SS"}:
            continue
        value = plants.value(entry[0], number)
        if value is not None:
            dataset[tag] = DataElement(tag, entry[0], value)


def plant_inside(dataset: Dataset, plants: Plants) -> None:
    """Plant in every item the object already has: segments, ROIs, content items, functional groups."""
    for element in list(dataset):
        for item in element.value if element.VR == "SQ" else ():
            plant_inside(item, plants)
            present = dict(item.items())
            plant_everywhere(item, plants, step=97)
            item.update({tag: old for tag, old in present.items() if tag not in SUSPECTS or tag == REFERENCE})
            plant_private(item, plants)


def plant_private(dataset: Dataset, plants: Plants) -> None:
    """Add private text, private UN and private nested sequences."""
    block = dataset.private_block(0x0029, f"{plants.word()} CSA", create=True)
    block.add_new(0x01, "LO", plants.word())
    block.add_new(0x02, "UN", plants.word().encode("utf-16-le"))
    block.add_new(0x03, "DS", plants.number())
    inner = Dataset()
    inner.PatientName = plants.word()
    inner.add_new(0x00291010, "UT", plants.word())
    block.add_new(0x04, "SQ", Sequence([inner]))


def plant_sequences(dataset: Dataset, plants: Plants) -> None:
    """Add sequences the object may have and must not have, each filled to depth three."""
    for keyword in [
        "ReferencedImageSequence",
        "SourceImageSequence",
        "RequestAttributesSequence",
        "OriginalAttributesSequence",
        "ReferencedSeriesSequence",
        "DerivationCodeSequence",
        "AnatomicRegionSequence",
        "ProcedureCodeSequence",
        "IconImageSequence",
        "ReferencedStudySequence",
        "DigitalSignaturesSequence",
        "AcquisitionContextSequence",
        "ContributingEquipmentSequence",
        "OtherPatientIDsSequence",
        "PerformedProtocolCodeSequence",
        "ReferencedPatientSequence",
        "ContrastBolusAgentSequence",
        "ReferencedInstanceSequence",
        "UsedFiducialsSequence",
        "RealWorldValueMappingSequence",
    ]:
        innermost, middle, outer = Dataset(), Dataset(), Dataset()
        for item in (innermost, middle, outer):
            plant_everywhere(item, plants, step=41)
            plant_private(item, plants)
        middle.PurposeOfReferenceCodeSequence = Sequence([innermost])
        outer.ReferencedSOPSequence = Sequence([middle])
        setattr(dataset, keyword, Sequence([outer]))


def plant_planes(dataset: Dataset, plants: Plants) -> None:
    """Add an overlay, a curve, a directory record, trailing padding and private data after the pixels."""
    for group in (0x6000, 0x6002):
        dataset.add_new((group, 0x0010), "US", 8)
        dataset.add_new((group, 0x0011), "US", 8)
        dataset.add_new((group, 0x0022), "LO", plants.word())
        dataset.add_new((group, 0x0100), "US", 1)
        dataset.add_new((group, 0x1500), "LO", plants.word())
        dataset.add_new((group, 0x3000), "OB", plants.word().encode() + b"__")
        dataset.add_new((group, 0x4000), "LT", plants.word())
    dataset.add_new(0x50002500, "LO", plants.word())
    dataset.add_new(0x50003000, "OB", plants.word().encode() + b"__")
    dataset.add_new(0x00041500, "CS", plants.word().upper())
    dataset.add_new(0x7FE10010, "LO", plants.word())
    dataset.add_new(0x7FE11010, "OB", plants.word().encode() + b"__")
    dataset.add_new(0xFFFCFFFC, "OB", plants.word().encode() + b"__")


def encode(dataset: Dataset, plants: Plants | None = None) -> bytes:
    """Return a Part 10 file; with plants, names stand in the preamble and in the file meta as well."""
    if plants is not None:
        dataset.preamble = (plants.word() + plants.number()).encode().ljust(128, b"x")
        dataset.file_meta.SourceApplicationEntityTitle = plants.word()[:16]
        dataset.file_meta.ImplementationVersionName = plants.word()[:16]
        dataset.file_meta.PrivateInformationCreatorUID = UID(f"1.2.{plants.number()}")
        dataset.file_meta.PrivateInformation = plants.word().encode() + b"__"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=plants is None)
    return buffer.getvalue()

"""Objects stuffed with planted names, numbers, dates and UIDs, in the ways that people really send them."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom import Dataset, config
from pydicom.uid import generate_uid

from tests.deid import builders, planting

# One person, whose name takes other letters than ours. Each part is eight bytes or more in every coding: chance does
# not write it into sealed or compressed bytes, so none of those need be passed over.
FOREIGN = {
    "ISO_IR 100": "Österåkersson^Günthersdöttir",
    "ISO_IR 192": "Teshigawara^Shinzaemon=勅使河原^新左衛門=てしがわら^しんざえもん",
}
_OWN_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
_NOTE = "Report of {word}, number {number}, born 17 Apr 1953. Nothing here is an image.\n"


@contextmanager
def lenient() -> Iterator[None]:
    """Let pydicom write the nonsense that is planted without a word."""
    modes = config.settings.reading_validation_mode, config.settings.writing_validation_mode
    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.settings.reading_validation_mode, config.settings.writing_validation_mode = modes


@dataclass(frozen=True, slots=True)
class Sender:
    """Everything one person's scans carry; remembers what was planted and under which UIDs it was sent."""

    plants: planting.Plants = field(default_factory=planting.Plants)
    uids: set[str] = field(default_factory=set)

    def person(self) -> dict[str, str]:
        name = f"{self.plants.word()}^{self.plants.word()}"
        return {"PatientName": name, "PatientID": f"{self.plants.word()} {self.plants.number()}"}

    def note(self) -> bytes:
        return _NOTE.format(word=self.plants.word(), number=self.plants.number()).encode()

    def file_name(self, ending: str) -> str:
        return f"{self.plants.word()}_{self.plants.number()}_19530417.{ending}"

    def series(self, count: int) -> list[Dataset]:
        """CT slices of one new series, nothing planted yet."""
        slices = [builders.ct(index) for index in range(count)]
        self.rename(*slices)
        for one in slices:
            one.SliceThickness = "5.0"
        return slices

    def rename(self, *objects: Dataset) -> None:
        """Give objects of one series new UIDs of their own; what refers to them is not followed."""
        fresh = {name: self._uid() for name in _OWN_UIDS}
        for one in objects:
            for name in _OWN_UIDS:
                if name in one or name != "FrameOfReferenceUID":
                    setattr(one, name, self._uid() if name == "SOPInstanceUID" else fresh[name])
            one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID

    def _uid(self) -> str:
        uid = str(generate_uid())
        self.uids.add(uid)
        return uid

    def spoil(self, one: Dataset) -> None:
        """Plant in every corner that a data set has."""
        frame = one.get("FrameOfReferenceUID")
        planting.plant_inside(one, self.plants)
        planting.plant_everywhere(one, self.plants)
        planting.plant_planes(one, self.plants)
        if frame is not None:
            # Slices with a frame each would be no series.
            one.FrameOfReferenceUID = frame
        self.spoil_lightly(one)

    def spoil_lightly(self, one: Dataset) -> None:
        """Plant where it breaks no reference: private blocks and sequences of the object's own making."""
        planting.plant_private(one, self.plants)
        planting.plant_sequences(one, self.plants)

    def encode(self, one: Dataset, person: dict[str, str]) -> bytes:
        """Return the file of one person, with names in preamble, file meta and behind the pixels."""
        for name, value in person.items():
            setattr(one, name, value)
        one.PatientBirthDate, one.PatientSex = planting.BIRTH, "O"
        if "PixelData" in one and one.Modality == "CT":
            one.PixelData += (self.plants.word() + self.plants.number() + "__").encode()[:20]
        return planting.encode(one, self.plants)


def whole_scan(sender: Sender) -> dict[str, bytes]:
    """One person's CT with a SEG that fits it, every other kind of object spoilt, and what is refused; by file name."""
    with lenient():
        person, slices = sender.person(), sender.series(5)
        measured = _segmentation(sender, slices)
        others = [builders.segmentation([builders.ct(index) for index in range(3)]), builders.structures()]
        others += [builders.report(), builders.mr(), builders.pet()]
        others.append(builders.presentation_state([builders.ct(index) for index in range(3)]))
        for one in others:
            sender.rename(one)
        for one in (*slices, *others):
            sender.spoil(one)
        sound = [sender.encode(one, person) for one in (*slices, measured, *others)]
        broken = [sender.encode(ultrasound(sender), person), sound[0][: len(sound[0]) // 3], sender.note()]
    return {f"{sender.plants.word()}/{sender.file_name('dcm')}": data for data in (*sound, *broken)}


def _segmentation(sender: Sender, slices: list[Dataset]) -> Dataset:
    drawn = builders.segmentation(slices)
    sender.uids.update((str(drawn.SeriesInstanceUID), str(drawn.SOPInstanceUID)))
    segment = drawn.SegmentSequence[0]
    segment.SegmentLabel = f"{sender.plants.word()} {sender.plants.number()}"
    segment.SegmentDescription = segment.TrackingID = sender.plants.word()
    drawn.ContentCreatorName = f"{sender.plants.word()}^{sender.plants.word()}"
    drawn.ContentDescription = drawn.ContentLabel = sender.plants.word().upper()
    sender.spoil_lightly(segment)
    return drawn


def ultrasound(sender: Sender) -> Dataset:
    """An ultrasound on which the machine sees faint text: it waits for a person."""
    one = builders.bundled("examples_rgb_color.dcm")
    sender.rename(one)
    sender.spoil_lightly(one)
    one.ImageComments = one.InstitutionName = sender.plants.word()
    return one


def foreign_scan(sender: Sender, charset: str) -> list[bytes]:
    """A CT whose person is written in the letters of `charset`, private text in the same."""
    name, number = FOREIGN[charset], f"{sender.plants.word()} {sender.plants.number()}"
    with lenient():
        slices = sender.series(5)
        for one in slices:
            one.SpecificCharacterSet = charset
            one.ImageComments = one.StudyDescription = name.replace("^", " ")
            sender.spoil_lightly(one)
            one.private_block(0x0031, sender.plants.word(), create=True).add_new(0x01, "PN", name)
        return [sender.encode(one, {"PatientName": name, "PatientID": number}) for one in slices]


def packed(sender: Sender, files: dict[str, bytes]) -> bytes:
    """A ZIP whose comment, member names and member comments tell who it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            member = zipfile.ZipInfo(name)
            member.comment, member.compress_type = sender.plants.word().encode(), zipfile.ZIP_DEFLATED
            bundle.writestr(member, data)
        bundle.comment = sender.plants.word().encode()
    return buffer.getvalue()

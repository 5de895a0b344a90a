"""Generated pictures with words burned in at known places: ultrasound, screen captures, radiographs."""

import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import reportlab
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

Picture = npt.NDArray[np.uint8]
FAMILY = ("GARCIA", "NOVAK", "SCHMIDT", "O'BRIEN", "LINDQVIST", "PAPADAKIS", "ZUCCARELLO", "VAN DIJK", "KOWALSKA")
GIVEN = ("MARIA", "JAN", "Quentin", "Astrid", "Eleni", "PIETER", "Zofia", "DIEGO")
HOSPITAL = ("St. Elsewhere", "HOSPITAL NORTE", "Klinikum Sued", "UMC Polder")
# Half of the picture's width from the spine where ribs begin; shares of texts drawn by strokes, and along an edge.
SPINE, BY_STROKES, ALONG_EDGES = 0.12, 0.25, 0.6
# Grey values: from here a stroke is seen, and white.
SEEN, WHITE = 60, 255
# In every environment: the fonts that reportlab brings; elsewhere those of the system too.
_OWN_FONTS = sorted((Path(reportlab.__file__).parent / "fonts").glob("Vera*.ttf"))
_SYSTEM_FONTS = Path("/usr/share/fonts/truetype")
_HERSHEY = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)


@dataclass(frozen=True, slots=True)
class Planted:
    """A word group burned in: its text, and its ink as left, top, right, bottom."""

    text: str
    ink: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a kind (US, SC, CR) with its planted words, and the person whose header it carries."""

    kind: str
    picture: Picture
    planted: tuple[Planted, ...]
    name: str
    number: str
    birth_date: str


@functools.cache
def fonts(*, with_system: bool) -> tuple[Path, ...]:
    system = sorted(_SYSTEM_FONTS.rglob("*.ttf")) if with_system else []
    return (*_OWN_FONTS, *(path for path in system if "Math" not in path.name))


def make_frames(count: int, *, seed: int, with_system_fonts: bool = False) -> Iterator[Frame]:
    """Make frames by turns of kind; the same seed gives the same frames where the fonts are the same."""
    known = fonts(with_system=with_system_fonts)
    for index in range(count):
        draw = random.Random(f"{seed}|{index}")  # noqa: S311  pictures, no secrets
        yield _frame(("US", "SC", "CR")[index % 3], draw, known)


def _frame(kind: str, draw: random.Random, known: tuple[Path, ...]) -> Frame:
    noise = np.random.default_rng(draw.randrange(1 << 32))
    picture = {"US": _ultrasound, "SC": _screen, "CR": _radiograph}[kind](draw, noise)
    family, given = draw.choice(FAMILY), draw.choice(GIVEN)
    day = f"{draw.randint(1, 28):02d}", f"{draw.randint(1, 12):02d}", str(draw.randint(1930, 2005))
    number = str(draw.randint(10_000, 99_999_999))
    texts = [
        draw.choice((f"{family}, {given}", f"{family} {given[0]}.", f"{given} {family}")),
        draw.choice((f"ID {number}", f"MRN: {number}", number)),
        draw.choice((".".join(day), f"{day[2]}-{day[1]}-{day[0]}", f"DOB {day[0]}/{day[1]}/{day[2]}")),
        draw.choice(HOSPITAL),
    ]
    planted = [each for text in texts if (each := _plant(picture, text, draw, known))]
    return Frame(kind, picture, tuple(_apart(planted)), f"{family}^{given}", number, "".join(reversed(day)))


def _apart(planted: list[Planted]) -> list[Planted]:
    """Leave out words that a later one was drawn over: nobody reads them any more."""
    return [
        each
        for place, each in enumerate(planted)
        if not any(_overlap(each.ink, other.ink) for other in planted[place + 1 :])
    ]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _ultrasound(draw: random.Random, noise: np.random.Generator) -> Picture:
    rows, columns = draw.choice(((480, 640), (600, 800), (768, 1024)))
    picture = np.zeros((rows, columns), np.uint8)
    y, x = np.mgrid[:rows, :columns]
    far = np.hypot(x - columns / 2, y + rows * 0.1)
    fan = (far < rows * 1.02) & (far > rows * 0.2) & (np.abs(x - columns / 2) < (y + rows * 0.1) * 0.75)
    speckle = noise.rayleigh(draw.uniform(15, 40), (rows, columns)) * (1 + 0.5 * np.sin(far / 40))
    picture[fan] = speckle.clip(0, 255).astype(np.uint8)[fan]
    for depth in range(0, rows, rows // 12):
        picture[depth : depth + 1, columns - 12 : columns - 4] = 160
    return picture


def _screen(draw: random.Random, noise: np.random.Generator) -> Picture:
    rows, columns = draw.choice(((512, 512), (768, 1024), (480, 640)))
    picture = np.full((rows, columns), draw.choice((0, 20, 60, 200, 240)), np.uint8)
    for _ in range(draw.randint(1, 4)):
        top, left = draw.randint(0, rows - 60), draw.randint(0, columns - 120)
        picture[top : top + draw.randint(20, 160), left : left + draw.randint(60, 300)] = draw.randint(0, 255)
    return (picture + noise.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8)


def _radiograph(draw: random.Random, noise: np.random.Generator) -> Picture:
    rows, columns = draw.choice(((1024, 840), (1200, 1000), (880, 1060)))
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    body = 190 * np.exp(-(x**2) / 0.5 - y**2 / 1.2)
    ribs = 18 * np.sin(18 * y + 6 * np.abs(x)) * (np.abs(x) > SPINE)
    lungs = -90 * (np.exp(-((x - 0.4) ** 2) / 0.06 - y**2 / 0.25) + np.exp(-((x + 0.4) ** 2) / 0.06 - y**2 / 0.25))
    shades = body + ribs + lungs + noise.normal(0, 5, (rows, columns)) + 20
    return np.asarray(shades.clip(0, 255), dtype=np.uint8)


def _plant(picture: Picture, text: str, draw: random.Random, known: tuple[Path, ...]) -> Planted | None:
    """Burn a text in at a random place, in a random hand, light or dark enough for a person to read."""
    mask = _hershey(text, draw) if draw.random() < BY_STROKES else _typed(text, draw, known)
    height, width = mask.shape
    rows, columns = picture.shape
    if height + 8 > rows or width + 8 > columns:
        return None
    top, left = draw.randint(2, rows - height - 4), draw.randint(2, columns - width - 4)
    if draw.random() < ALONG_EDGES:
        top = draw.choice((draw.randint(2, 40), rows - height - draw.randint(4, 40)))
    place = picture[top : top + height, left : left + width]
    _ink(place, mask, draw)
    across, down = np.flatnonzero(mask.max(axis=0) > SEEN), np.flatnonzero(mask.max(axis=1) > SEEN)
    ink = (left + int(across[0]), top + int(down[0]), left + int(across[-1]) + 1, top + int(down[-1]) + 1)
    return Planted(text, ink)


def _ink(place: Picture, mask: Picture, draw: random.Random) -> None:
    behind = float(np.median(place))
    contrast = draw.choice((60, 90, 120, 200, 255))
    light, dark = behind + contrast, behind - contrast
    shade = light if (light <= WHITE or WHITE - behind >= behind) else dark
    alpha = mask.astype(np.float32) / 255
    place[:] = (place * (1 - alpha) + np.clip(shade, 0, 255) * alpha).astype(np.uint8)


def _typed(text: str, draw: random.Random, known: tuple[Path, ...]) -> Picture:
    font = ImageFont.truetype(str(draw.choice(known)), draw.choice((11, 12, 14, 16, 20, 28)))
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
    return np.array(image)


def _hershey(text: str, draw: random.Random) -> Picture:
    face, scale = draw.choice(_HERSHEY), draw.choice((0.45, 0.6, 0.9))
    scale = scale * 2 if face == cv2.FONT_HERSHEY_PLAIN else scale
    (width, height), below = cv2.getTextSize(text, face, scale, 1)
    mask = np.zeros((height + below + 6, width + 6), np.uint8)
    cv2.putText(mask, text, (3, height + 2), face, scale, (255,), 1, cv2.LINE_AA)
    return mask


_CLASSES = {
    "US": (UltrasoundImageStorage, "US"),
    "SC": (SecondaryCaptureImageStorage, "OT"),
    "CR": (ComputedRadiographyImageStorage, "CR"),
}


def to_dataset(frame: Frame) -> Dataset:
    """Make a DICOM object of a frame, with the person in its header."""
    uid, modality = _CLASSES[frame.kind]
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid, "1.2.3.4.5.6"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4.5", "1.2.3.4.5.1"
    dataset.Modality, dataset.PatientName, dataset.PatientID = modality, frame.name, frame.number
    dataset.PatientBirthDate = frame.birth_date
    if frame.kind != "US":
        dataset.ConversionType, dataset.BurnedInAnnotation = "WSD", "YES"
    add_pixels(dataset, frame.picture)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = uid
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def add_pixels(dataset: Dataset, picture: Picture) -> None:
    dataset.Rows, dataset.Columns = picture.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = picture.tobytes()

"""Three hundred planted objects made by code, and the checks each of them must pass when it was cleaned."""

import datetime as dt
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from deid.tables import rows
from tests.deid import builders, planting
from tests.deid.planting import Plants

SURNAMES = {
    "ISO_IR 100": "Ñuñozabal^Begoña",
    "ISO_IR 144": "Достоевский^Фёдор",
    "ISO_IR 192": "Yamadataro^Kiyoshi=山田^太郎",
    "ISO_IR 126": "Παπαδάκης^Νίκος",
}
# Harmless values that must come through: keyword, value, the option that keeps it ("" for every policy).
HARMLESS: dict[str, Any] = {
    "SliceThickness": "2.5",
    "KVP": "120",
    "PixelSpacing": [0.66, 0.66],
    "PatientPosition": "HFS",
    "BodyPartExamined": "CHEST",
    "RescaleSlope": "1",
    "WindowCenter": "40",
    "InstanceNumber": "7",
    "SeriesDescription": "AX CHEST CONTRAST",
    "StudyDescription": "CT THORAX ABDOMEN",
    "PatientWeight": "81.5",
    "PatientSex": "F",
}
EVERY = 43

Judge = Callable[[Dataset | None, bytes], bool]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold of the cleaned object (None where it was refused)."""

    category: str
    holds: Judge
    # A name or a number of the person: one that is left makes the whole file leak.
    is_strong: bool = False


@dataclass(slots=True)
class Planted:
    """One object with what was planted into it."""

    name: str
    dataset: Dataset
    checks: list[Check] = field(default_factory=list)
    plants: Plants = field(default_factory=Plants)
    data: bytes = b""

    def gone(self, category: str, *, since: int) -> None:
        """Demand that no word and no number planted since may be found in the output."""
        words = {word.lower() for word in self.plants.words[since:]}
        numbers = set(self.plants.numbers[since:])
        self.checks += [Check(category, _is_gone(token), is_strong=True) for token in sorted(words | numbers)]


def _is_gone(token: str) -> Judge:
    raw = token.encode()

    def holds(_dataset: Dataset | None, data: bytes) -> bool:
        text = planting.KEYED_UID.sub(b"", data.lower())
        return raw not in text and raw not in text.replace(b"\0", b"")

    return holds


def _lacks(raw: bytes) -> Judge:
    return lambda _dataset, data: raw not in data


def corpus() -> Iterator[Planted]:
    """Yield every object; the same ones in every run."""
    kinds: dict[str, Callable[[int], Dataset]] = {
        "CT": builders.ct,
        "MR": lambda _index: builders.mr(),
        "PT": lambda _index: builders.pet(),
        "RTSTRUCT": lambda _index: builders.structures(),
        "SR": lambda _index: builders.report(),
        "SEG": lambda index: builders.segmentation([builders.ct(index)]),
        "PR": lambda index: builders.presentation_state([builders.ct(index)]),
    }
    for index in range(EVERY):
        for name, make in kinds.items():
            yield _plant(name, make(index), random.Random(f"{name}{index}"))  # noqa: S311  a corpus is the same in every run
    yield _document()


def _plant(name: str, dataset: Dataset, dice: random.Random) -> Planted:
    one = Planted(name=name, dataset=dataset)
    steps = [_tags, _private, _nested, _charset, _dates, _uids, _harmless, _pixels, _planes, _safe_private]
    for step in steps:
        step(one, dice)
    since = len(one.plants.words)
    one.data = planting.encode(dataset, one.plants)
    one.gone("file meta", since=since)
    return one


def _tags(one: Planted, dice: random.Random) -> None:
    """Fill attributes of the table and others that can carry text."""
    since = len(one.plants.words)
    named = dice.sample(sorted(rows()), 60)
    planting.plant_everywhere(one.dataset, one.plants, step=dice.randrange(31, 61))
    for tag in named:
        vr = planting.vr_of(tag)
        value = one.plants.value(vr, tag) if tag not in planting.KEPT and tag >> 16 not in {0, 2, 4} else None
        if value is not None and vr not in {"IS", "DS", "UI", "UN"} and tag not in one.dataset:
            one.dataset.add_new(tag, vr, value)
    one.gone("tag", since=since)


def _private(one: Planted, _dice: random.Random) -> None:
    since = len(one.plants.words)
    planting.plant_private(one.dataset, one.plants)
    one.gone("private", since=since)


def _nested(one: Planted, dice: random.Random) -> None:
    since = len(one.plants.words)
    inner, middle, outer = Dataset(), Dataset(), Dataset()
    for item in (inner, middle, outer):
        planting.plant_everywhere(item, one.plants, step=dice.randrange(200, 400))
    middle.PurposeOfReferenceCodeSequence = Sequence([inner])
    outer.ReferencedSOPSequence = Sequence([middle])
    keyword = dice.choice(["RequestAttributesSequence", "ReferencedImageSequence", "OriginalAttributesSequence"])
    setattr(one.dataset, keyword, Sequence([outer]))
    one.gone("SR" if one.name == "SR" else "nested", since=since)


def _charset(one: Planted, dice: random.Random) -> None:
    charset, name = dice.choice(list(SURNAMES.items()))
    one.dataset.SpecificCharacterSet = charset
    one.dataset.PatientName = name
    one.dataset.PatientComments = name.replace("^", " ").split("=")[0]
    for part in name.split("=")[0].split("^"):
        for codec in ("utf-8", "utf-16-le", "latin-1", "iso8859_5", "iso8859_7"):
            if len(raw := part.encode(codec, "ignore")) > 4:
                one.checks.append(Check("charset", _lacks(raw), is_strong=True))


def _dates(one: Planted, _dice: random.Random) -> None:
    one.dataset.StudyDate, one.dataset.SeriesDate, one.dataset.PatientBirthDate = "20240229", "20240310", "19530417"

    def moved_together(dataset: Dataset | None, _data: bytes) -> bool:
        if dataset is None or not dataset.get("SeriesDate"):
            return dataset is not None
        return _days(dataset.SeriesDate) - _days(dataset.StudyDate) == 10 and dataset.StudyDate != "20240229"

    one.checks.append(Check("date", moved_together))
    one.checks += [
        Check("date", _lacks(day), is_strong=day == b"19530417") for day in (b"20240229", b"20240310", b"19530417")
    ]


def _days(text: str) -> int:
    return dt.date(int(text[:4]), int(text[4:6]), int(text[6:8])).toordinal()


def _uids(one: Planted, _dice: random.Random) -> None:
    study = str(one.dataset.StudyInstanceUID)
    one.checks.append(Check("UID", lambda _dataset, data: study.encode() not in data))
    one.checks.append(
        Check("UID", lambda dataset, _data: dataset is not None and dataset.StudyInstanceUID.startswith("2.25."))
    )
    kind = str(one.dataset.SOPClassUID)
    one.checks.append(Check("UID", lambda dataset, _data: dataset is not None and dataset.SOPClassUID == kind))


def _harmless(one: Planted, _dice: random.Random) -> None:
    if one.name not in {"CT", "PT", "MR"}:
        return
    for keyword, value in HARMLESS.items():
        setattr(one.dataset, keyword, value)
        one.checks.append(Check("utility", _keeps(keyword, value)))


def _keeps(keyword: str, value: Any) -> Judge:
    def holds(dataset: Dataset | None, _data: bytes) -> bool:
        if dataset is None or keyword not in dataset:
            return False
        kept = dataset[keyword].value
        if isinstance(value, list):
            return [float(each) for each in kept] == value
        return str(kept) == value or _as_number(kept) == _as_number(value)

    return holds


def _as_number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _pixels(one: Planted, _dice: random.Random) -> None:
    if "PixelData" not in one.dataset:
        return
    pixels = bytes(one.dataset.PixelData)
    one.checks.append(Check("pixel", lambda dataset, _data: dataset is not None and dataset.PixelData == pixels))


def _planes(one: Planted, _dice: random.Random) -> None:
    since = len(one.plants.words)
    planting.plant_planes(one.dataset, one.plants)
    one.gone("overlay", since=since)


def _safe_private(one: Planted, _dice: random.Random) -> None:
    if one.name != "PT":
        return
    block = one.dataset.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.000276")
    one.checks.append(
        Check(
            "utility",
            lambda dataset, _data: (
                dataset is not None
                and dataset.private_block(0x7053, "Philips PET Private Group")[0x00].value == "0.000276"
            ),
        )
    )


def _document() -> Planted:
    """An encapsulated PDF may say a name anywhere: it is refused."""
    source = builders.ct()
    dataset = Dataset()
    dataset.update({element.tag: element for element in source if element.tag.group in {0x0008, 0x0010, 0x0020}})
    dataset.file_meta = source.file_meta
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.104.1")
    dataset.Modality, dataset.MIMETypeOfEncapsulatedDocument = "DOC", "application/pdf"
    dataset.EncapsulatedDocument = b"%PDF-1.4 Zuccarello Quentin 731731731 "
    one = Planted(name="PDF", dataset=dataset, data=planting.encode(dataset))
    one.checks.append(Check("PDF", lambda _dataset, data: b"Zuccarello" not in data, is_strong=True))
    return one

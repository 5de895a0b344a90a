"""Names and numbers planted in every corner of seven kinds of objects: none may be left in the output."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pydicom
import pytest
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

import deid
from tests.deid import builders, planting

KINDS: dict[str, Callable[[], Dataset]] = {
    "CT": builders.ct,
    "MR": builders.mr,
    "PT": builders.pet,
    "RTSTRUCT": builders.structures,
    "SR": builders.report,
    "SEG": lambda: builders.segmentation([builders.ct(index) for index in range(3)]),
    "PR": lambda: builders.presentation_state([builders.ct(index) for index in range(3)]),
}
NAMES = {
    "ISO_IR 100": "Österåker^Günther",
    "ISO_IR 144": "Достоевский^Фёдор",
    "ISO_IR 126": "Διονυσιος^Παπαδάκης",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 138": "שרון^דבורה",
    "GB18030": "王亮^小東",
    "ISO_IR 192": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳﾏﾙ",
}


@pytest.fixture(autouse=True)
def _lenient_pydicom() -> Iterator[None]:
    """pydicom may write and read the nonsense that is planted without a word."""
    before = config.settings.reading_validation_mode, config.settings.writing_validation_mode
    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    config.settings.reading_validation_mode, config.settings.writing_validation_mode = before


def _planted(kind: str) -> tuple[Dataset, planting.Plants]:
    dataset, plants = KINDS[kind](), planting.Plants()
    planting.plant_inside(dataset, plants)
    planting.plant_everywhere(dataset, plants)
    planting.plant_private(dataset, plants)
    planting.plant_planes(dataset, plants)
    planting.plant_sequences(dataset, plants)
    return dataset, plants


@pytest.mark.req("R-DEID-01")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_planted_anywhere_in_an_object_is_left_in_its_cleaned_bytes(
    kind: str, key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset, plants = _planted(kind)
    original = planting.encode(dataset, plants)
    assert len(plants.found_in(original)) > 5_000, "the corpus must hold what the test looks for"
    cleaned = deid.clean(original, key=key, trial=trial, policy=policy)
    assert plants.found_in(cleaned.data) == []
    assert planting.BIRTH.encode() not in cleaned.data


@pytest.mark.req("R-DEID-01")
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_nothing_planted_is_left_whatever_the_sender_s_encoding(
    syntax: UID, key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset, plants = _planted("CT")
    dataset.file_meta.TransferSyntaxUID = syntax
    little = syntax != ExplicitVRBigEndian
    pixels = np.frombuffer(dataset.PixelData, "<i2")
    if not little:
        dataset.PixelData = pixels.astype(">i2").tobytes()
        _remove_ambiguous(dataset)
    buffer = io.BytesIO()
    pydicom.dcmwrite(
        buffer, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little, force_encoding=True
    )
    cleaned = deid.clean(buffer.getvalue(), key=key, trial=trial, policy=policy)
    assert plants.found_in(cleaned.data) == []
    assert builders.read(cleaned.data).PixelData == pixels.tobytes()


def _remove_ambiguous(dataset: Dataset) -> None:
    """Big endian cannot be written by pydicom for values it holds as raw little endian bytes."""
    for element in list(dataset):
        if element.VR in {"OW", "UN"} and element.keyword != "PixelData":
            del dataset[element.tag]


@pytest.mark.req("R-DEID-02")
@pytest.mark.parametrize("charset", NAMES)
def test_names_in_other_character_sets_are_gone_in_every_coding(
    charset: str, key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset, name = builders.ct(), NAMES[charset]
    dataset.SpecificCharacterSet = charset
    dataset.PatientName = name
    dataset.ImageComments = dataset.ReceiveCoilName = dataset.Manufacturer = name.replace("^", " ")
    other = Dataset()
    other.PatientName = name
    dataset.ReferencedImageSequence = Sequence([other])
    cleaned = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
    codecs = ("utf-8", "utf-16-le", "utf-16-be", "latin-1", "iso8859_5", "iso8859_7", "gb18030", "shift_jis")
    for part in name.replace("=", "^").split("^"):
        for codec in codecs:
            if len(raw := part.encode(codec, "ignore")) > 3:
                assert raw not in cleaned.data


@pytest.mark.req("R-DEID-03")
def test_bytes_behind_the_pixels_are_cut_off(key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy) -> None:
    dataset = builders.ct()
    pixels = dataset.PixelData
    dataset.PixelData = pixels + b"Zuccarello 731731731"
    cleaned = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
    assert b"Zuccarello" not in cleaned.data
    assert builders.read(cleaned.data).PixelData == pixels


@pytest.mark.req("R-DEID-03")
def test_comments_and_tails_of_compressed_frames_are_cut_off_and_the_picture_stays(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    for name in ("MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"):
        dataset = builders.bundled(name)
        expected = dataset.pixel_array
        frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
        marker = b"\xff\xfe" if "jpeg" in name else b"\xff\x64"
        split = 2 if "jpeg" in name else 4 + int.from_bytes(frame[4:6], "big")
        comment = marker + (14).to_bytes(2, "big") + b"Zuccarello731"[:12]
        spoiled = frame[:split] + comment + frame[split:] + b"Zuccarello behind"
        dataset.PixelData = encapsulate([spoiled])
        cleaned = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
        assert b"Zuccarello" not in cleaned.data
        np.testing.assert_array_equal(builders.read(cleaned.data).pixel_array, expected)


@pytest.mark.req("R-DEID-03")
def test_text_behind_the_runs_of_an_rle_frame_is_refused(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.bundled("MR_small_RLE.dcm")
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame + b"Zuccarello"])
    with pytest.raises(deid.Rejected) as refusal:
        deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
    assert refusal.value.code == deid.Rejection.PIXELS_DAMAGED


@pytest.mark.req("R-DEID-03")
def test_text_dressed_up_as_numbers_or_tables_does_not_pass(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.ct()
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue"):
        dataset.add_new(keyword, "US", list(struct.unpack("<6H", b"Zuccarello__")))
    table = Dataset()
    table.LUTDescriptor = [12, 0, 8]
    table.add_new("LUTData", "OW", b"Zuccarello Quentin")
    dataset.VOILUTSequence = Sequence([table])
    cleaned = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
    assert b"Zuccarello" not in cleaned.data


@pytest.mark.req("R-DEID-03")
def test_pixel_data_in_an_object_that_has_no_picture_is_dropped(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.report()
    dataset.Rows, dataset.Columns, dataset.BitsAllocated, dataset.SamplesPerPixel = 1, 18, 8, 1
    dataset.add_new("PixelData", "OB", b"Zuccarello Quentin")
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
    assert b"Zuccarello" not in result.data
    assert not result.facts.has_pixels


@pytest.mark.req("R-DEID-03")
def test_what_follows_a_deflated_data_set_is_dropped(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.ct()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    original = planting.encode(dataset) + b"Zuccarello behind"
    cleaned = deid.clean(original, key=key, trial=trial, policy=policy)
    assert b"Zuccarello" not in cleaned.data
    assert builders.read(cleaned.data).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


@pytest.mark.req("R-DEID-04")
def test_a_deflate_bomb_is_refused_before_it_unpacks(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.ct()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    head = planting.encode(dataset)
    start = 144 + int.from_bytes(head[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(b"\x08\0\x05\0CS\0\0" + bytes(64 << 20)) + packer.flush()
    with pytest.raises(deid.Rejected) as refusal:
        deid.clean(head[:start] + bomb, key=key, trial=trial, policy=policy)
    assert refusal.value.code == deid.Rejection.TOO_LARGE

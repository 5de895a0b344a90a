"""Blanking changes what lies in the boxes and nothing else, whatever way the pixels are stored."""

import io
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

import deid
from deid.burned.blanking import blank
from deid.burned.boxes import Box, Ground
from deid.burned.raster import open_raster
from deid.burned.record import Method, PixelRecord
from deid.elements import Source, Span
from deid.engine import clean_source, read_source
from deid.writer import encode_file, encode_item
from tests.deid import builders

ROWS, COLUMNS, FRAMES = 40, 64, 3
BOXES = (Box(3, 2, 11, 9, Ground.TEXT), Box(50, 25, 90, 99, Ground.REGION))
# transfer syntax, colour model, bits allocated, bits stored, signed, planar
KINDS = [
    (ExplicitVRLittleEndian, "MONOCHROME2", 8, 8, False, 0),
    (ExplicitVRLittleEndian, "MONOCHROME1", 16, 12, False, 0),
    (ExplicitVRLittleEndian, "MONOCHROME2", 16, 16, True, 0),
    (ExplicitVRBigEndian, "MONOCHROME2", 16, 12, False, 0),
    (ExplicitVRLittleEndian, "PALETTE COLOR", 8, 8, False, 0),
    (ExplicitVRLittleEndian, "RGB", 8, 8, False, 0),
    (ExplicitVRLittleEndian, "RGB", 8, 8, False, 1),
    (ExplicitVRLittleEndian, "YBR_FULL", 8, 8, False, 0),
    (ExplicitVRLittleEndian, "YBR_FULL_422", 8, 8, False, 0),
    (RLELossless, "MONOCHROME2", 16, 12, True, 0),
    (RLELossless, "RGB", 8, 8, False, 0),
    (RLELossless, "YBR_FULL", 8, 8, False, 1),
    (RLELossless, "PALETTE COLOR", 8, 8, False, 0),
    (JPEGLSLossless, "MONOCHROME2", 16, 12, False, 0),
    (JPEGLSLossless, "RGB", 8, 8, False, 0),
    (JPEG2000Lossless, "MONOCHROME2", 16, 14, True, 0),
    (JPEG2000Lossless, "YBR_RCT", 8, 8, False, 0),
]


def _object(kind: tuple[UID, str, int, int, bool, int], *, seed: int, frames: int = FRAMES) -> Dataset:
    syntax, photometric, allocated, stored, is_signed, planar = kind
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4.5.6"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.3.4.5", "1.2.3.4.5.1", "OT"
    dataset.PatientName, dataset.PatientID, dataset.ConversionType = "Doe^Jane", "4711", "WSD"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = ROWS, COLUMNS, frames
    is_grey = photometric.startswith(("MONO", "PALETTE"))
    dataset.SamplesPerPixel = 1 if is_grey else 3
    dataset.PhotometricInterpretation = photometric
    if not is_grey:
        dataset.PlanarConfiguration = planar
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, stored - 1
    dataset.PixelRepresentation = int(is_signed)
    if photometric == "PALETTE COLOR":
        _add_palette(dataset)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = (
        SecondaryCaptureImageStorage,
        UID("1.2.3.4.5.6"),
    )
    _add_pixels(dataset, np.random.default_rng(seed), UID(syntax))
    return dataset


def _add_palette(dataset: Dataset) -> None:
    ramp = np.arange(256, dtype="<u2")
    for colour, table in (("Red", ramp * 257), ("Green", ramp[::-1] * 257), ("Blue", ramp * 128)):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table.astype("<u2").tobytes())


def _add_pixels(dataset: Dataset, noise: np.random.Generator, syntax: UID) -> None:
    low, high = (
        (-(1 << dataset.BitsStored - 1), 1 << dataset.BitsStored - 1)
        if dataset.PixelRepresentation
        else (
            0,
            1 << dataset.BitsStored,
        )
    )
    samples = 2 if dataset.PhotometricInterpretation == "YBR_FULL_422" else dataset.SamplesPerPixel
    kind = f"{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
    shape: tuple[int, ...] = (dataset.NumberOfFrames, ROWS, COLUMNS) if dataset.NumberOfFrames > 1 else (ROWS, COLUMNS)
    values = noise.integers(low, high, (*shape, samples) if samples > 1 else shape).astype(f"<{kind}")
    dataset["PixelData"] = _pixel_element(values, dataset)
    if syntax == ExplicitVRBigEndian:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = values.astype(f">{kind}").tobytes()
    elif syntax.is_compressed:
        _compress(dataset, values, syntax)


def _pixel_element(values: Any, dataset: Dataset) -> Any:
    holder = Dataset()
    holder.add_new("PixelData", "OB" if dataset.BitsAllocated == 8 else "OW", values.tobytes())
    return holder["PixelData"]


def _compress(dataset: Dataset, values: Any, syntax: UID) -> None:
    planar, photometric = dataset.get("PlanarConfiguration"), dataset.PhotometricInterpretation
    dataset.PhotometricInterpretation = "RGB" if photometric == "YBR_RCT" else photometric
    if dataset.SamplesPerPixel > 1:
        dataset.PlanarConfiguration = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.compress(syntax, values, generate_instance_uid=False)
    dataset.PhotometricInterpretation = photometric
    if planar is not None:
        dataset.PlanarConfiguration = planar


def _source(dataset: Dataset) -> Source:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(buffer, dataset, enforce_file_format=True)
    return read_source(buffer.getvalue())


def _written(source: Source) -> Dataset:
    pixels = source.item[0x7FE00010]
    item = {tag: element for tag, element in source.item.items() if element is not pixels}
    parts = encode_file(item, header=encode_item(item), transfer_syntax=_syntax(source), pixels=pixels)
    return dcmread(io.BytesIO(b"".join(part for part in parts if not isinstance(part, Span))))


def _syntax(source: Source) -> str:
    element = source.item[0x7FE00010]
    return source.transfer_syntax if element.fragments else ExplicitVRLittleEndian


def _outside(boxes: tuple[Box, ...]) -> Any:
    mask = np.ones((ROWS, COLUMNS), bool)
    for box in boxes:
        mask[box.top : box.bottom, box.left : box.right] = False
    return mask


def _even(boxes: tuple[Box, ...]) -> tuple[Box, ...]:
    """Halved colour is stored for pairs of pixels: the whole pair goes."""
    return tuple(Box(box.left // 2 * 2, box.top, -(-box.right // 2) * 2, box.bottom) for box in boxes)


def _shown(dataset: Dataset) -> Any:
    return pixel_array(dataset, raw=True).reshape(int(dataset.get("NumberOfFrames") or 1), ROWS, COLUMNS, -1)


@pytest.mark.req("R-PIX-01")
@pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: f"{kind[0].name.split()[0]}-{kind[1]}-{kind[2]}-{kind[4]}-{kind[5]}"
)
def test_every_pixel_outside_the_boxes_stays_bit_by_bit(kind: Any) -> None:
    dataset = _object(kind, seed=5)
    source = _source(dataset)
    done = blank(open_raster(source), source, BOXES)
    before, after = _shown(_written(source)), _shown(_written(done.source))
    hidden = _outside(_even(BOXES) if kind[1] == "YBR_FULL_422" else BOXES)
    assert np.array_equal(before[:, hidden], after[:, hidden])
    inside = after[:, ~hidden]
    assert all(len(np.unique(frame.reshape(-1, frame.shape[-1]), axis=0)) == 1 for frame in inside)
    assert not np.array_equal(before[:, ~hidden], inside)
    assert done.method == (
        Method.RLE if kind[0] == RLELossless else Method.JPEG_LS if kind[0].is_compressed else Method.AS_STORED
    )


boxes = st.builds(
    lambda left, top, width, height: Box(left, top, left + width, top + height),
    st.integers(0, COLUMNS - 1),
    st.integers(0, ROWS - 1),
    st.integers(1, 12),
    st.integers(1, 12),
)


@pytest.mark.req("R-PIX-01")
@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), drawn=st.lists(boxes, min_size=1, max_size=4), seed=st.integers(0, 99))
def test_any_boxes_leave_all_other_pixels_alone(kind: Any, drawn: list[Box], seed: int) -> None:
    source = _source(_object(kind, seed=seed, frames=1))
    done = blank(open_raster(source), source, tuple(drawn))
    hidden = _outside(_even(tuple(drawn)) if kind[1] == "YBR_FULL_422" else tuple(drawn))
    before, after = _shown(_written(source)), _shown(_written(done.source))
    assert np.array_equal(before[:, hidden], after[:, hidden])


@pytest.mark.req("R-PIX-01")
def test_native_bytes_outside_the_boxes_are_the_very_same() -> None:
    source = _source(_object(KINDS[1], seed=3))
    done = blank(open_raster(source), source, BOXES)
    before = np.frombuffer(bytes(source.item[0x7FE00010].value), "<u2").reshape(FRAMES, ROWS, COLUMNS)
    after = np.frombuffer(bytes(done.source.item[0x7FE00010].value), "<u2").reshape(FRAMES, ROWS, COLUMNS)
    assert np.array_equal(before[:, _outside(BOXES)], after[:, _outside(BOXES)])


@pytest.mark.req("R-PIX-02")
def test_a_lossy_picture_is_written_without_further_loss_and_says_so(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.bundled("SC_rgb_jpeg_dcmtk.dcm")
    source = _source(dataset)
    raster = open_raster(source)
    assert source.transfer_syntax == "1.2.840.10008.1.2.4.50"
    done = blank(raster, source, (Box(2, 2, 30, 20, Ground.TEXT),))
    record = PixelRecord(boxes=(Box(2, 2, 30, 20, Ground.TEXT),), method=done.method, was_lossy=done.was_lossy)
    policy = deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_PIXEL_DATA})
    cleaned = clean_source(done.source, key=key, trial=trial, policy=policy, pixels=record)
    after = builders.read(cleaned.data)
    assert after.file_meta.TransferSyntaxUID == JPEGLSLossless
    assert (after.LossyImageCompression, after.BurnedInAnnotation) == ("01", "NO")
    assert after.DerivationDescription.startswith("Burned-in text blanked: 1 rectangles")
    assert "113101" in [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    mask = np.ones((dataset.Rows, dataset.Columns), bool)
    mask[2:20, 2:30] = False
    assert np.array_equal(pixel_array(dataset)[mask], pixel_array(after)[mask])
    assert not pixel_array(after)[~mask].any()


@pytest.mark.req("R-PIX-02")
def test_the_offset_table_points_to_each_frame_again() -> None:
    dataset = _object(KINDS[9], seed=2)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=FRAMES))
    dataset.PixelData = encapsulate(frames, has_bot=True)
    dataset["PixelData"].is_undefined_length = True
    source = _source(dataset)
    element = blank(open_raster(source), source, BOXES).source.item[0x7FE00010]
    assert element.fragments is not None
    table = np.frombuffer(bytes(element.fragments[0]), "<u4")
    sizes = [len(fragment) + 8 for fragment in element.fragments[1:]]
    assert list(table) == [0, sizes[0], sizes[0] + sizes[1]]


@pytest.mark.req("R-PIX-03")
@pytest.mark.parametrize(
    ("record", "claims"),
    [(PixelRecord(), False), (PixelRecord(is_confirmed=True), True), (PixelRecord(boxes=BOXES), True)],
)
def test_clean_pixels_are_claimed_only_where_something_was_blanked_or_confirmed(
    key: bytes, trial: deid.ClinicalTrial, record: PixelRecord, *, claims: bool
) -> None:
    source = _source(_object(KINDS[0], seed=1))
    policy = deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_PIXEL_DATA})
    after = builders.read(clean_source(source, key=key, trial=trial, policy=policy, pixels=record).data)
    assert (after.get("BurnedInAnnotation") == "NO") is claims
    assert ("113101" in [item.CodeValue for item in after.DeidentificationMethodCodeSequence]) is claims

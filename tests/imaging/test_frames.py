"""Pictures show the right shade for every value, and nothing false or huge is ever decoded."""

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import compress
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGLossless,
    JPEGLSLossless,
    RLELossless,
)

from config.demo.phantom import Grid, ScanSpec, make_ct, to_bytes
from imaging.frames import PRESETS, FrameRefused, Preset, RenderedFrame, Window
from imaging.frames.rendering import render

HANG_SECONDS = 20
GRID = Grid(columns=50, rows=40, slices=1)
SPEC = ScanSpec(
    patient_name="PHANTOM^NINE", patient_id="PHANTOM-0009", study_date=date(2026, 1, 5), lesions=(), grid=GRID
)
BASE = make_ct(SPEC)[0]
VALUES = np.linspace(-1000, 1000, 2000).reshape(40, 50).round().astype(int)


def make_image(change: Callable[[Dataset], None] | None = None) -> Dataset:
    dataset = deepcopy(BASE)
    dataset.PixelData = (VALUES + 1024).astype("<u2").tobytes()
    if change:
        change(dataset)
    return dataset


def shades(frame: RenderedFrame) -> npt.NDArray[np.int64]:
    return np.array(Image.open(io.BytesIO(frame.png))).astype(int)


def make_compressed(name: str) -> tuple[Dataset, Dataset]:
    """The same picture compressed and plain: pydicom's own MR for JPEG 2000, which cannot be written here."""
    if name == "JPEG 2000":
        return read_sample("MR_small_jp2klossless.dcm"), read_sample("MR_small.dcm")
    packed = make_image()
    compress(packed, {"RLE": RLELossless, "JPEG-LS": JPEGLSLossless}[name], generate_instance_uid=False)
    return packed, make_image()


def read_sample(name: str) -> Dataset:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return dcmread(path)


def refusal_of(data: bytes | Path, **how: int) -> str:
    with pytest.raises(FrameRefused) as refused:
        render(data, **how)  # type: ignore[arg-type]  # only `frame` is passed
    return refused.value.sentence


def linear_voi(values: npt.NDArray[np.int64], centre: float, width: float) -> npt.NDArray[np.float64]:
    """PS3.3 C.11.2.1.2.1, written out as the standard does."""
    inside = ((values - (centre - 0.5)) / (width - 1) + 0.5) * 255
    low, high = values <= centre - 0.5 - (width - 1) / 2, values > centre - 0.5 + (width - 1) / 2
    return np.where(low, 0.0, np.where(high, 255.0, inside))


@pytest.mark.req("R-FRAME-01")
@pytest.mark.parametrize("preset", list(PRESETS))
def test_each_ct_window_gives_the_shades_of_the_standard(preset: Preset) -> None:
    picture = render(to_bytes(make_image()), window=preset)
    expected = linear_voi(VALUES, PRESETS[preset].centre, PRESETS[preset].width)
    assert np.abs(shades(picture) - expected).max() <= 0.51
    assert (picture.rows, picture.columns, picture.frames, picture.pixel_spacing) == (40, 50, 1, (1.5, 1.5))


@pytest.mark.req("R-FRAME-01")
@settings(max_examples=30, deadline=None)
@given(st.floats(-900, 900), st.floats(1, 3000))
def test_any_window_of_the_readers_own_does_so_too(centre: float, width: float) -> None:
    picture = render(to_bytes(make_image()), window=Window(centre=centre, width=width))
    difference = np.abs(shades(picture) - linear_voi(VALUES, centre, max(width, 1.000001)))
    on_the_edge = np.abs(VALUES - (centre - 0.5)) <= 1
    assert difference[~on_the_edge | (difference <= 0.51)].max() <= 0.51


@pytest.mark.req("R-FRAME-01")
@pytest.mark.parametrize("width", [0.0, -5.0, float("nan"), float("inf")])
def test_a_window_without_a_width_is_refused(width: float) -> None:
    with pytest.raises(FrameRefused):
        Window(centre=0, width=width)


@pytest.mark.req("R-FRAME-01")
def test_without_a_wish_the_window_of_the_file_is_used_and_else_soft_tissue() -> None:
    stored = render(to_bytes(make_image(lambda one: setattr(one, "WindowCenter", [-600, 40]))))
    assert np.abs(shades(stored) - linear_voi(VALUES, -600, 400)).max() <= 0.51
    bare = make_image()
    del bare.WindowCenter
    assert render(to_bytes(bare)).png == render(to_bytes(bare), window=Preset.SOFT_TISSUE).png


@pytest.mark.req("R-FRAME-01")
def test_other_kinds_of_image_are_spread_by_percentiles() -> None:
    magnetic = make_image(lambda one: setattr(one, "Modality", "MR"))
    del magnetic.WindowCenter, magnetic.WindowWidth
    found = shades(render(to_bytes(magnetic)))
    assert found.min() == 0
    assert found.max() == 255
    assert np.count_nonzero(found == 0) < 40
    flat = make_image(lambda one: setattr(one, "PixelData", bytes(4000)))
    assert np.unique(shades(render(to_bytes(flat), window=Preset.AUTO))).tolist() == [0]


@pytest.mark.req("R-FRAME-02")
def test_monochrome1_is_shown_inverted() -> None:
    plain = shades(render(to_bytes(make_image())))
    inverted = make_image(lambda one: setattr(one, "PhotometricInterpretation", "MONOCHROME1"))
    assert np.array_equal(shades(render(to_bytes(inverted))), 255 - plain)


@pytest.mark.req("R-FRAME-02")
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("examples_rgb_color.dcm", (240, 320)),
        ("examples_ybr_color.dcm", (240, 320)),
        ("examples_palette.dcm", (350, 800)),
        ("SC_rgb_rle_16bit.dcm", (100, 100)),
        ("SC_ybr_full_422_uncompressed.dcm", (100, 100)),
    ],
)
def test_colour_images_are_shown_in_colour(name: str, size: tuple[int, int]) -> None:
    picture = render(to_bytes(read_sample(name)))
    assert (picture.rows, picture.columns) == size
    colours = shades(picture)
    assert colours.shape == (*size, 3)
    assert np.ptp(colours, axis=2).max() > 50


@pytest.mark.req("R-FRAME-02")
@pytest.mark.parametrize("name", ["RLE", "JPEG-LS", "JPEG 2000"])
def test_compressed_images_give_the_same_picture(name: str) -> None:
    packed, plain = make_compressed(name)
    assert packed.file_meta.TransferSyntaxUID.is_compressed
    assert render(to_bytes(packed)).png == render(to_bytes(plain)).png


@pytest.mark.req("R-FRAME-02")
def test_a_deflated_image_is_shown() -> None:
    deflated = make_image(lambda one: setattr(one.file_meta, "TransferSyntaxUID", DeflatedExplicitVRLittleEndian))
    assert render(to_bytes(deflated)).png == render(to_bytes(make_image())).png


@pytest.mark.req("R-FRAME-02")
def test_each_frame_of_many_is_itself_with_its_own_rescale() -> None:
    many = make_image()
    many.NumberOfFrames, many.PixelData = 2, many.PixelData + many.PixelData
    del many.RescaleSlope, many.RescaleIntercept
    many.PerFrameFunctionalGroupsSequence = [Dataset(), Dataset()]
    for group, intercept in zip(many.PerFrameFunctionalGroupsSequence, (-1024, -924), strict=True):
        rescale, measures = Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = 1, intercept
        measures.PixelSpacing = [0.5, 0.6]
        group.PixelValueTransformationSequence, group.PixelMeasuresSequence = [rescale], [measures]
    first, second = (render(to_bytes(many), frame=n, window=Preset.BONE) for n in (1, 2))
    assert np.abs(shades(first) - linear_voi(VALUES, 400, 1800)).max() <= 0.51
    assert np.abs(shades(second) - linear_voi(VALUES + 100, 400, 1800)).max() <= 0.51
    assert (second.frames, second.pixel_spacing) == (2, (0.5, 0.6))
    assert refusal_of(to_bytes(many), frame=3) == "There is no frame 3 in this image; it has 2."
    assert refusal_of(to_bytes(many), frame=0) == "There is no frame 0 in this image; it has 2."


@pytest.mark.req("R-FRAME-03")
@pytest.mark.parametrize(
    ("keyword", "value", "words"),
    [
        ("Rows", 65_535, "Some of the pixels of this image are missing"),
        ("Rows", 0, "not possible"),
        ("NumberOfFrames", 2, "Some of the pixels of this image are missing"),
        ("NumberOfFrames", 2_000_000_000, "larger than can be opened"),
        ("NumberOfFrames", -1, "not possible"),
        ("PixelData", b"", "Some of the pixels of this image are missing"),
        ("PixelData", bytes(3998), "Some of the pixels of this image are missing"),
    ],
)
def test_a_size_that_the_file_does_not_hold_is_refused(keyword: str, value: object, words: str) -> None:
    data = to_bytes(make_image(lambda one: setattr(one, keyword, value)))
    tracemalloc.start()
    assert words in refusal_of(data)
    assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    tracemalloc.stop()


@pytest.mark.req("R-FRAME-03")
def test_an_impossible_matrix_is_refused() -> None:
    huge = make_image()
    huge.Rows = huge.Columns = 65_535
    assert "not possible" in refusal_of(to_bytes(huge))


@pytest.mark.req("R-FRAME-03")
@pytest.mark.parametrize(("name", "layout"), [("JPEG-LS", ">HH"), ("JPEG 2000", ">II")])
def test_a_codestream_that_claims_another_size_is_never_decoded(name: str, layout: str) -> None:
    packed, _ = make_compressed(name)
    size = (packed.Rows, packed.Columns) if name == "JPEG-LS" else (packed.Columns, packed.Rows)
    assert struct.pack(layout, *size) in packed.PixelData
    packed.PixelData = packed.PixelData.replace(struct.pack(layout, *size), struct.pack(layout, 65_535, 65_535), 1)
    started = time.perf_counter()
    assert "another size than the header says" in refusal_of(to_bytes(packed))
    assert time.perf_counter() - started < HANG_SECONDS


@pytest.mark.req("R-FRAME-03")
def test_a_deflate_bomb_is_refused_without_its_memory() -> None:
    head = to_bytes(make_image(lambda one: setattr(one.file_meta, "TransferSyntaxUID", DeflatedExplicitVRLittleEndian)))
    (meta_length,) = struct.unpack("<I", head[140:144])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(200)) + packer.flush()
    tracemalloc.start()
    assert "unpacks to far more" in refusal_of(head[: 144 + meta_length] + packed)
    assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    tracemalloc.stop()


@pytest.mark.req("R-FRAME-03")
def test_what_is_no_image_is_refused_in_words() -> None:
    bare = make_image()
    del bare.PixelData
    assert refusal_of(to_bytes(bare)) == "This file holds no image."
    for data in (b"", b"GIF89a" + bytes(300), bytes(128) + b"DICM", to_bytes(make_image())[:400]):
        assert refusal_of(data) in {"This file could not be read as a DICOM image.", "This file holds no image."}


@pytest.mark.req("R-FRAME-03")
def test_a_way_of_packing_that_cannot_be_decoded_is_named() -> None:
    odd = make_image()
    odd.file_meta.TransferSyntaxUID = JPEGLossless
    header = b"\xff\xd8\xff\xc3" + struct.pack(">HBHHB", 11, 16, 40, 50, 1) + b"\x01\x11\x00\xff\xd9"
    odd.PixelData = encapsulate([header])
    odd["PixelData"].is_undefined_length = True
    assert "stored as JPEG Lossless" in refusal_of(to_bytes(odd))


@pytest.mark.req("R-FRAME-03")
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mutilated_file_gives_a_picture_or_a_sentence(data: st.DataObject) -> None:
    good = bytearray(to_bytes(make_image()))
    for _ in range(data.draw(st.integers(1, 8))):
        good[data.draw(st.integers(0, 1600))] = data.draw(st.integers(0, 255))
    try:
        picture = render(bytes(good[: data.draw(st.integers(200, len(good)))]))
    except FrameRefused as refused:
        assert refused.sentence.endswith(".")  # noqa: PT017 - either way out is right
    else:
        assert picture.png.startswith(b"\x89PNG")


@pytest.mark.req("R-FRAME-02")
def test_the_file_is_read_from_bytes_and_from_disk_alike(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(to_bytes(make_image()))
    assert render(path).png == render(path.read_bytes()).png
    assert dcmread(path).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian

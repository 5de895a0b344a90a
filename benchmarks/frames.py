"""A CT slice of 512 x 512 as a picture, against writing the finished picture alone: `-m benchmarks.frames`."""

import io
from datetime import date

from PIL import Image
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array

from benchmarks.stopwatch import Rival, compare
from config.demo.phantom import Grid, ScanSpec, make_ct, to_bytes
from imaging.frames import Preset
from imaging.frames.rendering import render

SPEC = ScanSpec(
    patient_name="PHANTOM^NINE",
    patient_id="PHANTOM-0009",
    study_date=date(2026, 1, 5),
    lesions=(),
    grid=Grid(columns=512, rows=512, slices=1, pixel_spacing=0.6),
)


def write_png(picture: Image.Image) -> None:
    picture.save(io.BytesIO(), format="PNG", compress_level=1)


def decode(data: bytes) -> None:
    pixel_array(dcmread(io.BytesIO(data)))


def compare_frames(data: bytes, preset: Preset) -> None:
    picture = Image.open(io.BytesIO(render(data, window=preset).png))
    picture.load()
    compare(
        f"a CT slice of 512 x 512, window {preset.value}",
        lambda: render(data, window=preset),
        Rival("Pillow writing the same picture as PNG (floor)", lambda: write_png(picture)),
        Rival("pydicom reading the pixels", lambda: decode(data)),
        turns=20,
    )


if __name__ == "__main__":
    slice_512 = to_bytes(make_ct(SPEC)[0])
    for window in Preset:
        compare_frames(slice_512, window)

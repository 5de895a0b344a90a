"""Every series is placed within half a millimetre of the truth, or refused with the cause that is true."""

import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from math import radians, tan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import EnhancedCTImageStorage, generate_uid

from imaging.volumes import Cause, VolumeRefused
from imaging.volumes.reading import read_volume
from tests.imaging.marked_scan import (
    BASE,
    MARKER,
    SPEC,
    Change,
    cause_of,
    make_series,
    marker_error,
    move,
    read,
    rotation,
    turn,
)


def shuffle_numbers(series: list[Dataset]) -> None:
    numbers = list(range(1, len(series) + 1))
    random.Random(3).shuffle(numbers)  # noqa: S311 - an order, not a secret
    for one, number in zip(series, numbers, strict=True):
        one.InstanceNumber = number


def lie_about_thickness(series: list[Dataset]) -> None:
    for one in series:
        one.SliceThickness = 7


def rescale_each_slice(series: list[Dataset]) -> None:
    for index, one in enumerate(series):
        stored = np.frombuffer(one.PixelData, "<u2").astype(float) - 1024 + 1000
        slope = 0.5 + index / 100
        one.PixelData = np.rint(stored.clip(0) / slope).astype("<u2").tobytes()
        one.BitsStored, one.HighBit = 16, 15
        one.RescaleSlope, one.RescaleIntercept = round(slope, 4), -1000


@pytest.mark.req("R-VOL-01")
@pytest.mark.parametrize(
    "change",
    [None, lambda series: series[::-1], shuffle_numbers, lie_about_thickness, rescale_each_slice],
    ids=["plain", "reversed", "shuffled numbers", "wrong thickness", "slope per slice"],
)
def test_a_sound_series_is_placed_exactly_and_in_hounsfield_units(change: Change | None) -> None:
    volume = read(make_series(change))
    assert volume.shape == (24, 32, 40)
    assert volume.spacing == pytest.approx((2.0, 1.5, 1.5))
    assert marker_error(volume) < 0.1
    assert volume.array[volume.array > 1000].mean() == pytest.approx(2000, abs=1)
    assert volume.array[volume.array < -500].mean() == pytest.approx(-850, abs=150)


@pytest.mark.req("R-VOL-01")
@settings(max_examples=8, deadline=None)
@given(st.floats(0, 6.28), st.floats(0, 6.28))
def test_a_series_taken_in_any_direction_is_placed_exactly(a: float, b: float) -> None:
    matrix = rotation(a, b)
    series = make_series()
    turn(series, matrix)
    assert marker_error(read(series), (matrix @ np.array(MARKER.centre)).tolist()) < 0.1


@pytest.mark.req("R-VOL-01")
def test_a_sagittal_series_is_placed_exactly() -> None:
    matrix = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    series = make_series()
    turn(series, matrix)
    volume = read(series)
    assert marker_error(volume, (matrix @ np.array(MARKER.centre)).tolist()) < 0.1


@pytest.mark.req("R-VOL-01")
def test_each_slice_names_the_instance_it_came_from() -> None:
    series = make_series(lambda series: series[::-1])
    volume = read(series)
    at = {str(one.SOPInstanceUID): np.array(one.ImagePositionPatient, float) for one in series}
    first_voxels = volume.points_of(np.array([[k, 0.0, 0.0] for k in range(24)]))
    for k, uid in enumerate(volume.sop_instance_uids):
        assert np.allclose(first_voxels[k], at[uid], atol=1e-6)
    assert np.allclose(volume.indices_of(first_voxels), [[k, 0, 0] for k in range(24)], atol=1e-9)
    assert volume.frame_numbers == (1,) * 24
    assert volume.frame_of_reference_uid == SPEC.uid("frame of reference")


@pytest.mark.req("R-VOL-01")
def test_whole_numbers_stay_small_and_others_become_floats() -> None:
    assert read(make_series()).array.dtype == np.int16
    assert read(make_series(rescale_each_slice)).array.dtype == np.float32
    assert not read(make_series()).array.flags.writeable


def drop_one(series: list[Dataset]) -> list[Dataset]:
    return series[:9] + series[10:]


def add_twin(series: list[Dataset]) -> list[Dataset]:
    twin = deepcopy(series[5])
    twin.SOPInstanceUID = twin.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return [*series, twin]


def tilt(series: list[Dataset], angle: float = 20.0) -> None:
    for index, one in enumerate(series):
        move(one, y=tan(radians(angle)) * 2.0 * index)


def vary_spacing(series: list[Dataset]) -> None:
    for index, one in enumerate(series):
        move(one, z=0.04 * index**2)


def change_one(**values: object) -> Change:
    def change(series: list[Dataset]) -> None:
        for keyword, value in values.items():
            setattr(series[4], keyword, value)

    return change


def shrink_one(series: list[Dataset]) -> None:
    series[4].Rows, series[4].PixelData = 16, series[4].PixelData[: 16 * 40 * 2]


def lose_positions(series: list[Dataset]) -> None:
    for one in series:
        del one.ImagePositionPatient


def cut_pixels(series: list[Dataset]) -> None:
    series[3].PixelData = series[3].PixelData[:-2]


@pytest.mark.req("R-VOL-02")
@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (drop_one, Cause.GAP),
        (add_twin, Cause.DUPLICATE),
        (tilt, Cause.TILT),
        (lambda series: tilt(series, 1.5), Cause.TILT),
        (vary_spacing, Cause.SPACING),
        (change_one(SeriesInstanceUID="1.2.3"), Cause.MIXED),
        (change_one(FrameOfReferenceUID="1.2.3"), Cause.MIXED),
        (change_one(PixelSpacing=[1.6, 1.6]), Cause.MIXED),
        (change_one(ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), Cause.MIXED),
        (shrink_one, Cause.MIXED),
        (lose_positions, Cause.NOT_A_VOLUME),
        (lambda series: series[:1], Cause.NOT_A_VOLUME),
        (change_one(SamplesPerPixel=3, PixelData=bytes(32 * 40 * 6)), Cause.NOT_A_VOLUME),
        (cut_pixels, Cause.UNREADABLE),
        (change_one(Rows=0), Cause.UNREADABLE),
    ],
)
def test_a_faulty_series_is_refused_with_its_true_cause(change: Change, cause: Cause) -> None:
    assert cause_of(make_series(change)) is cause


@pytest.mark.req("R-VOL-02")
def test_the_refusal_speaks_in_numbers() -> None:
    with pytest.raises(VolumeRefused, match=r"A gap of 4\.0 mm lies between slices 9 and 10, where 2\.0 mm was"):
        read(make_series(drop_one))
    with pytest.raises(VolumeRefused, match=r"up to 16\.7 mm \(20\.0 degrees\), as with a tilted gantry"):
        read(make_series(tilt))


@pytest.mark.req("R-VOL-02")
@pytest.mark.parametrize("files", [[], [b""], [b"not dicom at all"], [bytes(128) + b"DICM"]])
def test_what_is_no_image_is_refused_in_words(files: list[bytes]) -> None:
    with pytest.raises(VolumeRefused):
        read_volume(files)


@pytest.mark.req("R-VOL-02")
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 23), st.floats(-3, 3), st.floats(-3, 3)), max_size=3))
def test_a_series_with_moved_slices_is_accurate_or_refused(moves: list[tuple[int, float, float]]) -> None:
    series = make_series()
    for index, y, z in moves:
        move(series[index], y=round(y, 3), z=round(z, 3))
    try:
        volume = read(series)
    except VolumeRefused:
        return
    truth = {str(one.SOPInstanceUID): np.array(one.ImagePositionPatient, float) for one in series}
    placed = volume.points_of(np.array([[k, 0.0, 0.0] for k in range(24)]))
    errors = [np.linalg.norm(placed[k] - truth[uid]) for k, uid in enumerate(volume.sop_instance_uids)]
    assert max(errors) <= 0.5


def make_enhanced(order: Sequence[int], change: Callable[[int, list[float]], list[float]] | None = None) -> Dataset:
    """An enhanced CT of the same slices, frames in the given order."""
    first = deepcopy(BASE[0])
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(first, keyword)
    for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
        delattr(first, keyword)
    first.SOPClassUID = first.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    first.NumberOfFrames = len(order)
    first.PixelData = b"".join(BASE[index].PixelData for index in order)
    shared, measures, plane, rescale = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1.5, 1.5], 2.0
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = 1, -1024, "HU"
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    shared.PixelValueTransformationSequence = [rescale]
    first.SharedFunctionalGroupsSequence = [shared]
    first.PerFrameFunctionalGroupsSequence = [make_frame_group(index, change) for index in order]
    pointer = Dataset()
    pointer.DimensionIndexPointer, pointer.FunctionalGroupPointer = 0x00200032, 0x00209113
    pointer.DimensionOrganizationUID = "1.2.3"
    organization = Dataset()
    organization.DimensionOrganizationUID = "1.2.3"
    first.DimensionOrganizationSequence, first.DimensionIndexSequence = [organization], [pointer]
    return first


def make_frame_group(index: int, change: Callable[[int, list[float]], list[float]] | None) -> Dataset:
    group, position, content = Dataset(), Dataset(), Dataset()
    place = [float(value) for value in BASE[index].ImagePositionPatient]
    position.ImagePositionPatient = change(index, place) if change else place
    content.DimensionIndexValues = [index + 1]
    group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
    return group


@pytest.mark.req("R-VOL-03")
@pytest.mark.parametrize("step", [1, 5], ids=["good", "shuffled frames"])
def test_an_enhanced_image_is_placed_exactly(step: int) -> None:
    order = [index * step % 24 for index in range(24)]
    volume = read([make_enhanced(order)])
    assert volume.shape == (24, 32, 40)
    assert marker_error(volume) < 0.1
    assert volume.array[volume.array > 1000].mean() == pytest.approx(2000, abs=1)
    assert sorted(volume.frame_numbers) == list(range(1, 25))
    top = volume.frame_numbers[-1] - 1
    assert volume.points_of(np.array([[23.0, 0, 0]]))[0][2] == pytest.approx(float(BASE[order[top]].SliceLocation))


@pytest.mark.req("R-VOL-03")
@pytest.mark.parametrize(
    ("order", "change", "cause"),
    [
        ([*range(9), *range(10, 24)], None, Cause.GAP),
        ([*range(24), 4], None, Cause.DUPLICATE),
        (range(24), lambda k, at: [at[0], at[1] + 0.7 * k, at[2]], Cause.TILT),
        (range(24), lambda k, at: [at[0], at[1], at[2] + 0.04 * k**2], Cause.SPACING),
    ],
    ids=["missing", "duplicate", "tilted", "variable"],
)
def test_a_faulty_enhanced_image_is_refused_with_its_true_cause(
    order: Sequence[int], change: Callable[[int, list[float]], list[float]] | None, cause: Cause
) -> None:
    assert cause_of([make_enhanced(order, change)]) is cause


@pytest.mark.req("R-VOL-03")
def test_frames_that_state_no_place_make_no_volume() -> None:
    plain = deepcopy(BASE[0])
    plain.NumberOfFrames, plain.PixelData = 2, BASE[0].PixelData * 2
    assert cause_of([plain]) is Cause.NOT_A_VOLUME
    assert cause_of([make_enhanced(range(24)), *BASE]) is Cause.NOT_A_VOLUME

"""Every series is placed within half a millimetre of the truth, or refused with the cause that is true."""

import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import date
from math import cos, radians, sin, tan
from pathlib import Path

import highdicom
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, generate_uid
from SimpleITK import GetArrayFromImage, ReadImage

from config.demo.phantom import Grid, Lesion, Organ, ScanSpec, make_ct, make_seg, to_bytes
from imaging.volumes import Cause, Volume, VolumeRefused, read_segments, read_structures, read_volume

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared test scans are not on this machine")

GRID = Grid(columns=40, rows=32, slices=24, pixel_spacing=1.5, slice_spacing=2.0)
MARKER = Lesion(label="marker", organ=Organ.LIVER, centre=(6.0, -4.5, 3.0), semi_axes=(6.0, 6.0, 6.0), hu=2000)
SPEC = ScanSpec(
    patient_name="PHANTOM^NINE",
    patient_id="PHANTOM-0009",
    study_date=date(2026, 1, 5),
    lesions=(MARKER,),
    grid=GRID,
    noise_hu=1.0,
)
BASE = make_ct(SPEC)

Change = Callable[[list[Dataset]], list[Dataset] | None]
Matrix = npt.NDArray[np.float64]


def make_series(change: Change | None = None) -> list[Dataset]:
    series = deepcopy(BASE)
    return (change(series) if change else None) or series


def read(series: Sequence[Dataset]) -> Volume:
    return read_volume([to_bytes(one) for one in series])


def cause_of(series: Sequence[Dataset]) -> Cause:
    with pytest.raises(VolumeRefused) as refused:
        read(series)
    assert refused.value.sentence.endswith(".")
    return refused.value.cause


def marker_error(volume: Volume, truth: Sequence[float] = MARKER.centre) -> float:
    """Distance in mm between the marker's centre of mass and where it truly is."""
    voxels = np.argwhere(volume.array > 1000).astype(float)
    return float(np.linalg.norm(volume.points_of(voxels).mean(axis=0) - truth))


def move(one: Dataset, *, y: float = 0.0, z: float = 0.0) -> None:
    position = [float(value) for value in one.ImagePositionPatient]
    one.ImagePositionPatient = [position[0], position[1] + y, position[2] + z]


def turn(series: list[Dataset], matrix: Matrix) -> None:
    for one in series:
        rows = np.array(one.ImageOrientationPatient, float).reshape(2, 3) @ matrix.T
        one.ImageOrientationPatient = [round(value, 8) for value in rows.ravel().tolist()]
        position = matrix @ np.array(one.ImagePositionPatient, float)
        one.ImagePositionPatient = [round(value, 6) for value in position.tolist()]


def rotation(a: float, b: float) -> Matrix:
    about_x = np.array([[1, 0, 0], [0, cos(a), -sin(a)], [0, sin(a), cos(a)]])
    about_z = np.array([[cos(b), -sin(b), 0], [sin(b), cos(b), 0], [0, 0, 1]])
    return np.asarray(about_x @ about_z)


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
@settings(max_examples=15, deadline=None)
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
@settings(max_examples=25, deadline=None)
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


def truth_mask(volume: Volume) -> npt.NDArray[np.bool_]:
    x, y, z = np.moveaxis(volume.points_of(np.argwhere(np.ones(volume.shape)).astype(float)), 1, 0)
    return MARKER.covers(x, y, z).reshape(volume.shape)


def make_other_seg(kind: str, array: npt.NDArray[np.generic]) -> bytes:
    description = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="marker",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type="MANUAL",
    )
    seg = highdicom.seg.Segmentation(
        source_images=BASE,
        pixel_array=array,
        segmentation_type=kind,
        segment_descriptions=[description],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Corelab",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    return to_bytes(seg)


@pytest.mark.req("R-VOL-04")
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
def test_each_kind_of_segmentation_reads_back_voxel_by_voxel(kind: str) -> None:
    volume = read(BASE)
    drawn = truth_mask(volume)[::-1] if volume.affine[2, 0] < 0 else truth_mask(volume)
    array = np.where(drawn, 0.5, 0.49) if kind == "FRACTIONAL" else drawn.astype(np.uint8)
    (segment,) = read_segments(make_other_seg(kind, array), volume)
    assert (segment.number, segment.label, str(segment.mask.dtype)) == (1, "marker", "bool")
    assert segment.mask.any()
    assert np.array_equal(segment.mask, truth_mask(volume))


@pytest.mark.req("R-VOL-04")
def test_a_segmentation_of_one_slice_and_an_empty_segment_are_read() -> None:
    nothing = Lesion(label="gone", organ=Organ.LIVER, centre=(500, 0, 0), semi_axes=(1, 1, 1), hu=0)
    thin = Lesion(label="thin", organ=Organ.LIVER, centre=(0, 0, 1.0), semi_axes=(9, 9, 0.5), hu=0)
    volume = read(BASE)
    marker, gone, flat = read_segments(to_bytes(make_seg(BASE, [MARKER, nothing, thin])), volume)
    assert np.array_equal(marker.mask, truth_mask(volume))
    assert not gone.mask.any()
    (layer,) = np.unique(np.argwhere(flat.mask)[:, 0])
    assert volume.points_of(np.array([[float(layer), 0, 0]]))[0][2] == pytest.approx(1.0)


@pytest.mark.req("R-VOL-04")
def test_a_segmentation_fits_the_same_body_in_any_direction() -> None:
    matrix = rotation(0.4, 1.1)
    series = make_series()
    turn(series, matrix)
    volume = read(series)
    plain = make_seg(BASE, [MARKER])
    for group in plain.PerFrameFunctionalGroupsSequence:
        turned = matrix @ np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        group.PlanePositionSequence[0].ImagePositionPatient = [round(value, 6) for value in turned.tolist()]
    orientation = plain.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    orientation.ImageOrientationPatient = series[0].ImageOrientationPatient
    (segment,) = read_segments(to_bytes(plain), volume)
    assert np.array_equal(segment.mask, volume.array > 1000)


def shift_seg(seg: Dataset, by: float) -> None:
    for group in seg.PerFrameFunctionalGroupsSequence:
        move(group.PlanePositionSequence[0], z=by)


def coarsen(seg: Dataset) -> None:
    seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [1.4, 1.4]


def thicken(seg: Dataset) -> None:
    seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 4.0


@pytest.mark.req("R-VOL-05")
@pytest.mark.parametrize(
    "change",
    [
        lambda seg: setattr(seg, "FrameOfReferenceUID", "1.2.3"),
        lambda seg: shift_seg(seg, 1.0),
        lambda seg: shift_seg(seg, 40.0),
        coarsen,
        thicken,
    ],
    ids=["frame of reference", "half a slice", "outside", "pixel size", "slice distance"],
)
def test_a_segmentation_of_another_grid_is_refused(change: Callable[[Dataset], None]) -> None:
    seg = make_seg(BASE, [MARKER])
    change(seg)
    with pytest.raises(VolumeRefused) as refused:
        read_segments(to_bytes(seg), read(BASE))
    assert refused.value.cause is Cause.FOREIGN


@pytest.mark.req("R-VOL-05")
@pytest.mark.parametrize("reader", [read_segments, read_structures])
def test_another_kind_of_file_is_refused_in_words(reader: Callable[[bytes, Volume], object]) -> None:
    volume = read(BASE)
    for data in (to_bytes(BASE[0]), b"", b"x" * 500):
        with pytest.raises(VolumeRefused) as refused:
            reader(data, volume)
        assert refused.value.cause is Cause.UNREADABLE


def make_rtstruct(contours: Sequence[Sequence[Sequence[float]]], *, kind: str = "CLOSED_PLANAR") -> Dataset:
    dataset = Dataset()
    dataset.file_meta = deepcopy(BASE[0].file_meta)
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = CTImageStorage, generate_uid(), "RTSTRUCT"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    roi, drawn = Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 7, "GTV"
    roi.ReferencedFrameOfReferenceUID = SPEC.uid("frame of reference")
    drawn.ReferencedROINumber, drawn.ContourSequence = 7, []
    for points in contours:
        item = Dataset()
        item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points)
        item.ContourData = [round(value, 4) for point in points for value in point]
        drawn.ContourSequence.append(item)
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [roi], [drawn]
    return dataset


def square(half: float, z: float = 1.0) -> list[list[float]]:
    return [[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]]


def read_structure(dataset: Dataset) -> npt.NDArray[np.bool_]:
    (segment,) = read_structures(to_bytes(dataset), read(BASE))
    assert (segment.number, segment.label) == (7, "GTV")
    return segment.mask


@pytest.mark.req("R-VOL-06")
def test_a_contour_takes_the_voxels_whose_centres_it_holds_and_a_hole_leaves_them_out() -> None:
    # Centres lie at +-0.75, 2.25, 3.75 ... mm.
    assert read_structure(make_rtstruct([square(6.1)])).sum() == 8 * 8
    with_hole = read_structure(make_rtstruct([square(6.1), square(3.1)]))
    assert with_hole.sum() == 8 * 8 - 4 * 4
    assert np.unique(np.argwhere(with_hole)[:, 0]).size == 1


@pytest.mark.req("R-VOL-06")
def test_a_hole_drawn_through_a_keyhole_is_the_same_hole() -> None:
    outer, inner = square(6.1), square(3.1)[::-1]
    keyhole = [*outer, outer[0], inner[-1], *inner[:-1], inner[-1], outer[0]]
    assert np.array_equal(read_structure(make_rtstruct([keyhole])), read_structure(make_rtstruct([outer, square(3.1)])))


@pytest.mark.req("R-VOL-06")
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=3, max_size=12))
def test_every_polygon_agrees_with_counting_crossings_one_by_one(corners: list[tuple[float, float]]) -> None:
    points = [[round(x, 3) + 0.0004, round(y, 3) + 0.0004, 1.0] for x, y in corners]
    mask = read_structure(make_rtstruct([points]))
    volume = read(BASE)
    k = int(np.rint(volume.indices_of(np.array([[0.0, 0.0, 1.0]]))[0][0]))
    for j in range(0, 32, 3):
        for i in range(0, 40, 3):
            x, y, _ = volume.points_of(np.array([[float(k), j, i]]))[0]
            assert mask[k, j, i] == is_inside(x, y, points)


def is_inside(x: float, y: float, points: list[list[float]]) -> bool:
    inside = False
    for (x0, y0, _), (x1, y1, _) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside


@pytest.mark.req("R-VOL-06")
@pytest.mark.parametrize(
    "contour",
    [square(6.1, z=2.0), square(6.1, z=90.0), square(60.0), [[-6, -6, -3], [6, -6, 1], [6, 6, 5]]],
    ids=["between slices", "beyond the last slice", "beyond the picture", "across slices"],
)
def test_structures_of_another_image_are_refused(contour: list[list[float]]) -> None:
    with pytest.raises(VolumeRefused) as refused:
        read_structure(make_rtstruct([contour]))
    assert refused.value.cause is Cause.FOREIGN


@pytest.mark.req("R-VOL-06")
def test_structures_in_another_frame_of_reference_are_refused_and_points_left_out() -> None:
    foreign = make_rtstruct([square(6.1)])
    foreign.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.3"
    with pytest.raises(VolumeRefused, match="frame of reference differs"):
        read_structure(foreign)
    assert read_structures(to_bytes(make_rtstruct([[[0, 0, 1]]], kind="POINT")), read(BASE)) == ()


@needs_data
@pytest.mark.req("R-VOL-07")
def test_the_ibsi_lung_structure_is_exactly_the_published_mask() -> None:
    folder = DATA / "ibsi1_ct"
    volume = read_volume(sorted((folder / "dicom" / "image").iterdir()))
    (structure_file,) = (folder / "dicom" / "mask").iterdir()
    (segment,) = read_structures(structure_file, volume)
    published = GetArrayFromImage(ReadImage(folder / "nifti" / "mask" / "mask.nii.gz")).astype(bool)
    ours = segment.mask[::-1] if volume.affine[2, 0] < 0 else segment.mask
    assert ours.sum() == 125_256
    assert np.array_equal(ours, published)


@needs_data
@pytest.mark.req("R-VOL-07")
@pytest.mark.parametrize("subject", ["STS_008", "STS_025"])
@pytest.mark.parametrize("kind", ["CT", "MR_T1", "PET"])
def test_real_scans_and_their_tumours_open(subject: str, kind: str) -> None:
    folder = DATA / "sts" / subject / kind
    volume = read_volume(sorted((folder / "image").iterdir()))
    (structure_file,) = (folder / "mask").iterdir()
    (segment,) = read_structures(structure_file, volume)
    assert segment.label.startswith("GTV_Mass")
    size = segment.mask.sum() * volume.voxel_volume / 1000
    assert 10 < size < 100
    peak = volume.array[segment.mask].max()
    assert {"CT": 0 < peak < 1500, "MR_T1": peak > 0, "PET": 2 < peak < 20}[kind]

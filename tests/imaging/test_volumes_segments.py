"""Segmentations come back voxel by voxel, or are refused as drawn on something else."""

from collections.abc import Callable, Iterator
from functools import cache

import highdicom
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from config.demo.phantom import Lesion, Organ, make_seg, to_bytes
from imaging.volumes import Cause, Segment, Volume, VolumeRefused
from imaging.volumes.segments import read_segments
from imaging.volumes.structures import read_structures
from tests.imaging.marked_scan import BASE, MARKER, base_volume, make_series, move, read, rotation, turn


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
        max_fractional_value=100,
    )
    return to_bytes(seg)


@pytest.mark.req("R-VOL-04")
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
def test_each_kind_of_segmentation_reads_back_voxel_by_voxel(kind: str) -> None:
    volume = base_volume()
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
    volume = base_volume()
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
        tuple(read_segments(to_bytes(seg), base_volume()))
    assert refused.value.cause is Cause.FOREIGN


@pytest.mark.req("R-VOL-05")
@pytest.mark.parametrize("reader", [read_segments, read_structures])
def test_another_kind_of_file_is_refused_in_words(reader: Callable[[bytes, Volume], Iterator[Segment]]) -> None:
    volume = base_volume()
    for data in (to_bytes(BASE[0]), b"", b"x" * 500):
        with pytest.raises(VolumeRefused) as refused:
            tuple(reader(data, volume))
        assert refused.value.cause is Cause.UNREADABLE


@pytest.mark.req("R-VOL-05")
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_mutilated_segmentation_gives_masks_or_a_sentence(data: st.DataObject) -> None:
    seg = bytearray(marker_seg())
    for _ in range(data.draw(st.integers(1, 6))):
        seg[data.draw(st.integers(0, len(seg) - 1))] = data.draw(st.integers(0, 255))
    try:
        segments = tuple(read_segments(bytes(seg[: data.draw(st.integers(200, len(seg)))]), base_volume()))
    except VolumeRefused:
        return
    assert all(segment.mask.shape == base_volume().shape for segment in segments)


@cache
def marker_seg() -> bytes:
    return to_bytes(make_seg(BASE, [MARKER]))

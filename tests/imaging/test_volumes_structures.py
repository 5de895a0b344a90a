"""Structures come back as published, hole by hole, or are refused as drawn on something else."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import CTImageStorage, generate_uid
from SimpleITK import GetArrayFromImage, ReadImage

from config.demo.phantom import to_bytes
from imaging.volumes import Cause, VolumeRefused
from imaging.volumes.reading import read_volume
from imaging.volumes.structures import read_structures
from tests.imaging.marked_scan import BASE, SPEC, base_volume

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared test scans are not on this machine")


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
    (segment,) = read_structures(to_bytes(dataset), base_volume())
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
    volume = base_volume()
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
    assert tuple(read_structures(to_bytes(make_rtstruct([[[0, 0, 1]]], kind="POINT")), base_volume())) == ()


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

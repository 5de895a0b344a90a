"""The reference object is valid DICOM, the same to the byte every time, and its truth can be measured back."""

import io
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from config.demo.phantom import (
    SUBJECTS,
    Grid,
    Lesion,
    Organ,
    Outcome,
    PhantomSubject,
    ScanSpec,
    make_ct,
    make_seg,
    to_bytes,
)
from imaging.volumes import Segment, Volume
from imaging.volumes.reading import read_volume
from imaging.volumes.segments import read_segments

SMALL = Grid(columns=64, rows=48, slices=40, pixel_spacing=1.5, slice_spacing=1.0)
SPHERE = Lesion(label="T1", organ=Organ.RIGHT_LUNG, centre=(-10.0, 3.0, 2.0), semi_axes=(12.0, 12.0, 12.0), hu=40)
SPEC = ScanSpec(
    patient_name="PHANTOM^NINE",
    patient_id="PHANTOM-0009",
    study_date=date(2026, 1, 5),
    lesions=(SPHERE,),
    grid=SMALL,
)


def measure(spec: ScanSpec) -> tuple[Volume, tuple[Segment, ...]]:
    ct = make_ct(spec)
    volume = read_volume([to_bytes(one) for one in ct])
    return volume, tuple(read_segments(to_bytes(make_seg(ct, spec.lesions)), volume))


@pytest.fixture(scope="module")
def baseline() -> list[Dataset]:
    return make_ct(SUBJECTS[0].visits[0].spec)


@pytest.mark.req("R-DEMO-01")
def test_a_scan_is_the_same_to_the_byte_every_time() -> None:
    one, other = make_ct(SPEC), make_ct(SPEC)
    assert [to_bytes(a) for a in one] == [to_bytes(b) for b in other]
    assert to_bytes(make_seg(one, SPEC.lesions)) == to_bytes(make_seg(other, SPEC.lesions))


@pytest.mark.req("R-DEMO-01")
def test_no_two_scans_of_the_cast_share_an_identifier() -> None:
    specs = [visit.spec for subject in SUBJECTS for visit in subject.visits]
    assert len({spec.uid("study") for spec in specs}) == len(specs) == 9


@pytest.mark.req("R-DEMO-02")
def test_each_slice_is_a_ct_image_that_any_reader_opens(baseline: list[Dataset]) -> None:
    read = dcmread(io.BytesIO(to_bytes(baseline[50])))
    assert read.SOPClassUID.name == "CT Image Storage"
    assert (read.Rows, read.Columns, read.pixel_array.shape) == (160, 192, (160, 192))
    assert read.ImageType == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert all(len(uid) <= 64 for uid in (read.SOPInstanceUID, read.SeriesInstanceUID, read.StudyInstanceUID))


@pytest.mark.req("R-DEMO-02")
def test_every_identity_is_obviously_invented(baseline: list[Dataset]) -> None:
    names = {str(baseline[0].get(keyword)) for keyword in ("PatientName", "ReferringPhysicianName", "InstitutionName")}
    assert all("PHANTOM" in name.upper() for name in names)


@pytest.mark.req("R-DEMO-03")
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_masks_read_back_have_the_analytic_volume_and_density(subject: PhantomSubject) -> None:
    spec = subject.visits[-1].spec
    volume, segments = measure(spec)
    assert [segment.label for segment in segments] == [lesion.label for lesion in spec.lesions]
    for segment, lesion in zip(segments, spec.lesions, strict=True):
        tolerance = 0.02 if min(lesion.semi_axes) >= 10 else 0.06
        assert segment.mask.sum() * volume.voxel_volume == pytest.approx(lesion.volume_mm3, rel=tolerance)
        assert volume.array[segment.mask].mean() == pytest.approx(lesion.hu, abs=1.5)
        centre = volume.points_of(np.argwhere(segment.mask).mean(axis=0)[None].astype(float))[0]
        assert np.linalg.norm(centre - lesion.centre) < 0.5


@pytest.mark.req("R-DEMO-03")
@settings(max_examples=12, deadline=None)
@given(
    radius=st.floats(10, 16),
    offset=st.tuples(*[st.floats(-3, 3)] * 3),
)
def test_spheres_anywhere_measure_within_two_percent(radius: float, offset: tuple[float, float, float]) -> None:
    lesion = Lesion(label="T1", organ=Organ.LIVER, centre=offset, semi_axes=(radius, radius, radius), hu=20)
    x, y, z = SMALL.axes
    voxel = SMALL.pixel_spacing**2 * SMALL.slice_spacing
    assert lesion.covers(x, y, z).sum() * voxel == pytest.approx(lesion.volume_mm3, rel=0.02)


@pytest.mark.req("R-DEMO-04")
def test_the_diameters_are_those_recist_counts() -> None:
    node = Lesion(label="N", organ=Organ.MEDIASTINAL_NODE, centre=(0, 0, 0), semi_axes=(12, 9, 30), hu=0)
    assert (node.longest_diameter_mm, node.short_axis_mm, node.recist_diameter_mm) == (24, 18, 18)
    mass = Lesion(label="M", organ=Organ.LIVER, centre=(0, 0, 0), semi_axes=(12, 9, 30), hu=0)
    assert mass.recist_diameter_mm == 24
    assert mass.grown(0.5).longest_diameter_mm == 12


@pytest.mark.req("R-DEMO-04")
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_the_baseline_is_measurable_disease(subject: PhantomSubject) -> None:
    targets = subject.visits[0].targets
    assert len([lesion for lesion in targets if not lesion.is_nodal and min(lesion.semi_axes) >= 10]) >= 2
    assert [lesion.short_axis_mm >= 15 for lesion in targets if lesion.is_nodal] == [True]
    organs = [lesion.organ for lesion in targets]
    assert len(organs) == len(set(organs)) <= 5


@pytest.mark.req("R-DEMO-04")
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_each_known_outcome_follows_from_the_sums_of_diameters(subject: PhantomSubject) -> None:
    baseline = nadir = subject.visits[0].sum_of_diameters_mm
    for visit in subject.visits[1:]:
        now = visit.sum_of_diameters_mm
        has_grown = now >= 1.2 * nadir and now - nadir >= 5
        has_shrunk = now <= 0.7 * baseline
        expected = Outcome.PARTIAL_RESPONSE if has_shrunk else Outcome.STABLE_DISEASE
        assert visit.outcome is (Outcome.PROGRESSIVE_DISEASE if has_grown or visit.new_lesions else expected)
        nadir = min(nadir, now)


@pytest.mark.req("R-DEMO-04")
def test_the_cast_holds_one_of_each_outcome() -> None:
    assert [subject.visits[-1].outcome for subject in SUBJECTS] == list(Outcome)
    assert [len(subject.visits[-1].new_lesions) for subject in SUBJECTS] == [0, 0, 1]


@pytest.mark.req("R-DEMO-03")
def test_no_lesion_touches_another_or_leaves_the_scan() -> None:
    for visit in (visit for subject in SUBJECTS for visit in subject.visits):
        x, y, z = visit.spec.grid.axes
        masks = [lesion.covers(x, y, z) for lesion in visit.spec.lesions]
        assert np.sum(masks, axis=0).max() == 1
        assert not any(mask[[0, -1]].any() or mask[:, [0, -1]].any() or mask[:, :, [0, -1]].any() for mask in masks)

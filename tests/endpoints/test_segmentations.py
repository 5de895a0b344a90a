from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from pydicom import dcmread

from audit.actor import machine
from audit.models import AuditEvent
from config.demo.phantom import make_seg
from endpoints import tasks
from endpoints.models import RadiomicsRun, Segmentation, SegmentationRun
from endpoints.selectors import subject_rows
from endpoints.selectors.pending import pending_segmentations
from endpoints.services import segmentations
from imaging import archive
from imaging.models import Instance, Series
from imaging.selectors import instances_of
from tests.cast import Cast, amend_charter, give
from tests.endpoints.desk import read_through
from tests.endpoints.scans import BALL, FINE, Scan, file, file_scan, file_seg, make_structures, spec
from trials.models import TimePoint

pytestmark = pytest.mark.django_db
WORKER = machine("worker", source="worker", request_id="test-worker")
SMALL = replace(BALL, label="Small ball", centre=(30.0, 10.0, 2.0), semi_axes=(9.0, 9.0, 9.0))
State = SegmentationRun.State


@pytest.fixture
def scan(cast: Cast) -> Scan:
    return file_scan(cast.subject_a, "BL", spec("BL", grid=FINE, lesions=(BALL, SMALL)))


@pytest.fixture
def seg(scan: Scan) -> Instance:
    return file_seg(scan, (BALL, SMALL))


@pytest.mark.req("R-SEG-01")
def test_the_volume_of_every_segment_is_within_two_percent_of_the_truth(scan: Scan, seg: Instance) -> None:
    tasks.measure_pending()
    rows = list(Segmentation.objects.order_by("number"))
    assert [row.label for row in rows] == ["Ball", "Small ball"]
    for row, truth in zip(rows, (BALL, SMALL), strict=True):
        assert float(row.volume_ml) * 1000 == pytest.approx(truth.volume_mm3, rel=0.02)
        assert row.series == scan.series


@pytest.mark.req("R-SEG-01")
def test_the_axial_diameters_are_those_of_the_ellipsoid_to_a_voxel(seg: Instance) -> None:
    segmentations.measure_segments(by=WORKER, instance=seg)
    ball = Segmentation.objects.get(label="Ball")
    assert ball.longest_axial_mm is not None
    assert ball.short_axis_mm is not None
    assert float(ball.longest_axial_mm) == pytest.approx(BALL.longest_diameter_mm, abs=1.5)
    assert float(ball.short_axis_mm) == pytest.approx(BALL.short_axis_mm, abs=1.5)
    assert ball.geometry["instance_uid"] in set(ball.series.instances.values_list("uid", flat=True))


@pytest.mark.req("R-SEG-02")
def test_a_measured_segment_names_software_and_input(seg: Instance) -> None:
    tasks.measure_pending()
    row = Segmentation.objects.first()
    assert row is not None
    assert {"Corelab", "SimpleITK", "highdicom"} <= set(row.software)
    assert len(row.input_sha256) == 64
    assert AuditEvent.objects.filter(act="segmentation.measured", actor_id="machine:worker").count() == 2


@pytest.mark.req("R-SEG-03")
def test_the_sweep_is_idempotent_and_does_nothing_for_what_another_worker_holds(seg: Instance) -> None:
    SegmentationRun.objects.create(
        instance=seg, leased_until=timezone.now() + timedelta(minutes=5), software_version="x"
    )
    tasks.measure_pending()
    assert segmentations.measure_segments(by=WORKER, instance=seg) == []
    assert not Segmentation.objects.exists()
    SegmentationRun.objects.update(leased_until=timezone.now() - timedelta(minutes=5))
    for _again in range(2):
        tasks.measure_pending()
    assert Segmentation.objects.count() == 2
    assert SegmentationRun.objects.get().state == State.MEASURED


@pytest.mark.req("R-SEG-03")
def test_what_a_busy_database_cut_short_is_taken_up_by_the_very_next_sweep(
    seg: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_busy(*_args: object, **_more: object) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(segmentations, "_keep", too_busy)
        tasks.measure_pending()
    assert not Segmentation.objects.exists()
    tasks.measure_pending()
    assert Segmentation.objects.count() == 2


@pytest.mark.req("R-SEG-03")
@pytest.mark.parametrize("obstacle", ["not accepted", "no volumetry", "no consent"])
def test_nothing_is_measured_before_acceptance_or_against_charter_or_consent(
    cast: Cast, scan: Scan, seg: Instance, obstacle: str
) -> None:
    if obstacle == "not accepted":
        TimePoint.objects.filter(pk=scan.time_point.pk).update(state=TimePoint.State.RECEIVED)
    elif obstacle == "no volumetry":
        amend_charter(cast.trial, cast.coordinator, volumetry=False)
    else:
        give(cast.alba, cast.monitor, cast.subject_a, cast.form, scopes=("imaging",))
    tasks.measure_pending()
    assert not SegmentationRun.objects.exists()
    assert not Segmentation.objects.exists()


@pytest.mark.req("R-SEG-04")
def test_a_segmentation_of_images_that_are_not_there_is_refused_in_words_and_only_once(cast: Cast, scan: Scan) -> None:
    other = file_scan(cast.subject_a, "FU1", spec("FU1", grid=FINE))
    foreign = make_seg(scan.slices, (BALL,))
    foreign.StudyInstanceUID = other.slices[0].StudyInstanceUID
    stray = file(other.time_point, [foreign], day=57).instances.get()
    for _again in range(2):
        tasks.measure_pending()
    run = SegmentationRun.objects.get(instance=stray)
    assert run.state == State.REFUSED
    assert "not filed at this time point" in run.refusal
    event = AuditEvent.objects.get(act="segmentation.refused")
    assert event.reason == run.refusal


@pytest.mark.req("R-SEG-04")
def test_a_series_with_a_missing_slice_is_refused_with_the_cause(scan: Scan, seg: Instance) -> None:
    instances_of(scan.series)[20].delete()
    tasks.measure_pending()
    run = SegmentationRun.objects.get()
    assert (run.state, run.cause) == (State.REFUSED, "gap")


@pytest.mark.req("R-SEG-04")
def test_a_refusal_stands_for_one_software_version(scan: Scan, seg: Instance) -> None:
    instances_of(scan.series)[20].delete()
    tasks.measure_pending()
    assert list(pending_segmentations()) == []
    SegmentationRun.objects.update(software_version="0.0.1")
    assert list(pending_segmentations()) == [seg]
    tasks.measure_pending()
    assert AuditEvent.objects.filter(act="segmentation.refused").count() == 2


@pytest.mark.req("R-SEG-04")
def test_a_damaged_archive_is_a_recorded_fault_and_stops_nothing_else(cast: Cast, scan: Scan, seg: Instance) -> None:
    second = file_scan(cast.subject_b, "BL", spec("BL", grid=FINE, lesions=(BALL,)))
    file_seg(second, (BALL,))
    archive.path_of(seg.sha256).unlink()
    tasks.measure_pending()
    assert SegmentationRun.objects.get(instance=seg).cause == "fault"
    assert Segmentation.objects.get().series == second.series


@pytest.mark.req("R-SEG-05")
def test_radiomics_run_once_where_the_charter_asks(cast: Cast, seg: Instance) -> None:
    tasks.measure_pending()
    assert not RadiomicsRun.objects.exists()
    amend_charter(cast.trial, cast.coordinator, radiomics=True)
    for _again in range(2):
        tasks.measure_pending()
    runs = list(RadiomicsRun.objects.select_related("segmentation"))
    assert sorted(run.segmentation.label for run in runs) == ["Ball", "Small ball"]
    for run in runs:
        assert run.refusal == ""
        assert run.values["morph_volume"] > 0
        assert run.settings["bin_width"] == "25"
        assert "pyradiomics" in run.versions


@pytest.mark.req("R-SEG-05")
def test_a_segment_too_small_for_features_says_so(cast: Cast, scan: Scan) -> None:
    amend_charter(cast.trial, cast.coordinator, radiomics=True)
    speck = replace(BALL, label="Speck", centre=(0.5, 0.5, 0.5), semi_axes=(0.6, 0.6, 0.6))
    file_seg(scan, (speck,))
    tasks.measure_pending()
    run = RadiomicsRun.objects.get()
    assert run.segmentation.voxels == 1
    assert run.values == {}
    assert run.refusal
    assert AuditEvent.objects.filter(act="radiomics.refused").exists()


@pytest.mark.req("R-SEG-05")
def test_a_fault_in_radiomics_is_kept_as_a_refusal_and_not_tried_for_ever(cast: Cast, seg: Instance) -> None:
    tasks.measure_pending()
    amend_charter(cast.trial, cast.coordinator, radiomics=True)
    archive.path_of(seg.sha256).unlink()
    for _again in range(2):
        tasks.measure_pending()
    assert [run.refusal != "" for run in RadiomicsRun.objects.all()] == [True, True]
    assert AuditEvent.objects.filter(act="radiomics.refused").count() == 2


@pytest.mark.req("R-SEG-06")
def test_the_rows_for_reports_hold_the_volumes_beside_the_read(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "36.0"})
    point = TimePoint.objects.get(subject=cast.subject_a, scheduled__code="BL")
    _scan_of(point)
    row = next(row for row in subject_rows(cast.trial, timezone.localdate()) if row.time_points)
    (segment,) = row.time_points[0].segments
    assert segment.label == "Ball"
    assert segment.volume_ml > Decimal(1)
    assert segment.software["Corelab"]


def _scan_of(point: TimePoint) -> None:
    series = Series.objects.get(study__time_point=point, modality="CT")
    slices = [dcmread(archive.path_of(one.sha256)) for one in instances_of(series)]
    file(point, [make_seg(slices, (BALL,))], day=0)
    tasks.measure_pending()


@pytest.mark.req("R-SEG-03")
def test_the_database_holds_one_row_per_segment_whoever_writes_it(seg: Instance) -> None:
    tasks.measure_pending()
    row = Segmentation.objects.latest("number")
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.req("R-SEG-04")
def test_a_structure_set_is_measured_on_the_series_it_refers_to(scan: Scan) -> None:
    structures = file(scan.time_point, [make_structures(scan)], day=0)
    tasks.measure_pending()
    row = Segmentation.objects.get()
    assert (row.instance.series, row.series, row.label) == (structures, scan.series, "Square")
    # A square of 20 by 20 mm on three slices of 1 mm.
    assert row.volume_ml == Decimal("1.2")

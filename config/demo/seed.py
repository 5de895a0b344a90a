"""The demo: real objects and a digital reference object sent down the whole road, through the ordinary services."""

import time
from collections.abc import Iterator
from pathlib import Path

from django.utils import timezone
from pydicom.data import get_testdata_file

from audit import sealing
from audit.actor import machine
from config.demo import reading, stage
from config.demo.markings import make_seg
from config.demo.scans import make_ct, to_bytes
from config.demo.signing import prove
from config.demo.subjects import SUBJECTS, Visit
from endpoints.models import Segmentation
from endpoints.services import segmentations
from imaging.models import Instance, QCDecision, Submission
from imaging.services import quality, road, sending, stages
from reports import services as reports
from reports.sealing import seal_released
from trials.models import Subject, TimePoint, Trial
from trials.services.charters import NewRequirement

THORAX = stage.Plan(
    code="THORAX",
    title="Lung lesions under a new treatment (digital reference objects)",
    protocol_number="NL-2026-01",
    visits=(("BL", "Baseline", 0), ("FU1", "Follow-up 1", 56), ("FU2", "Follow-up 2", 112)),
    requirement=NewRequirement(name="CT chest", modality="CT", minimum_slices=20),
    window=7,
    ae_titles={"norte": "NORTE_PACS", "sur": "SUR_PACS"},
    radiomics=True,
)
MIXED = stage.Plan(
    code="MIXED",
    title="One real object of many kinds (from the pydicom package)",
    protocol_number="NL-2026-02",
    visits=(("BL", "Baseline", 0),),
    requirement=NewRequirement(name="Any image", modality="CT", required=False),
    window=60,
    ae_titles={},
    radiomics=False,
)
HOMES = (("norte", "nora"), ("sur", "saul"), ("norte", "nora"))
# Ultrasound, secondary capture: their pixels may carry names, so they wait for the analyst's review.
REAL_OBJECTS = (
    "CT_small.dcm",
    "MR_small.dcm",
    "examples_overlay.dcm",
    "waveform_ecg.dcm",
    "test-SR.dcm",
    "rtdose.dcm",
    "rtstruct.dcm",
    "examples_rgb_color.dcm",
    "JPEG2000.dcm",
)


def run() -> Iterator[str]:
    """Do everything; yields a sentence before each part, for the operator who waits."""
    yield "Seeding the demo: people, two trials, sites and charters …"
    stage.make_people()
    thorax, mixed = stage.make_trial(THORAX), stage.make_trial(MIXED)
    for phantom, (site, staff) in zip(SUBJECTS, HOMES, strict=True):
        yield f"Sending three scans of subject {SUBJECTS.index(phantom) + 1} of {len(SUBJECTS)} …"
        subject = stage.enrol(thorax, site=site, staff=staff, day_zero=phantom.visits[0].spec.study_date)
        for visit in phantom.visits:
            _send_visit(subject, staff, visit)
    yield "Sending one real object of each kind …"
    for number, name in enumerate(REAL_OBJECTS):
        _send_object(mixed, name, *HOMES[number % 2])
    stage.enrol(thorax, site="norte", staff="nora", day_zero=timezone.localdate())
    stage.enrol(thorax, site="sur", staff="saul", day_zero=timezone.localdate())
    yield "Measuring segmentations, reading, reporting …"
    _measure(thorax)
    reading.read_all(thorax)
    _report(thorax)


def _send_visit(subject: Subject, staff: str, visit: Visit) -> None:
    ct = make_ct(visit.spec)
    seg = make_seg(ct, visit.spec.lesions)
    time_point = subject.time_points.get(scheduled__code=visit.code)
    _deliver(time_point, staff, [to_bytes(one) for one in (*ct, seg)])
    by, verdict = stage.actor("quim"), QCDecision.Verdict.ACCEPTED
    seen = quality.shown_sha256(time_point)
    offered = quality.offer_decision(by=by, time_point=time_point, verdict=verdict, comment="", seen=seen)
    quality.decide(by=by, time_point=time_point, verdict=verdict, comment="", proof=prove(by.id, offered))


def _send_object(trial: Trial, name: str, site: str, staff: str) -> None:
    subject = stage.enrol(trial, site=site, staff=staff, day_zero=timezone.localdate())
    # The file lies inside the installed package; nothing is fetched.
    data = Path(str(get_testdata_file(name, download=False))).read_bytes()
    _deliver(subject.time_points.get(), staff, [data])


def _deliver(time_point: TimePoint, staff: str, files: list[bytes]) -> None:
    submission = sending.send_whole(by=stage.actor(staff), time_point=time_point, files=files)
    _drive(str(submission.pk))


def _drive(submission_id: str) -> None:
    # The worker may be quicker: whoever holds the claim does the work.
    while Submission.objects.filter(pk=submission_id, state__in=road.WORKING).exists():
        if claimed := road.claim(submission_id):
            stages.run(claimed)
        else:
            time.sleep(0.1)


def _measure(trial: Trial) -> None:
    by = machine("worker", source="command", request_id="seed-demo", on_behalf_of="seed-demo")
    drawn = Instance.objects.filter(series__modality="SEG", series__study__time_point__subject__trial_site__trial=trial)
    for instance in drawn.select_related("series__study__time_point__subject__trial_site__trial"):
        segmentations.measure_segments(by=by, instance=instance)
    while any(not Segmentation.objects.filter(instance=instance).exists() for instance in drawn):
        time.sleep(0.1)


def _report(trial: Trial) -> None:
    by = stage.actor("carmen")
    # No sealer runs yet; a report tells of the last checkpoint before it.
    sealing.seal_all()
    report = reports.build(by=by, trial=trial, cut_off=timezone.localdate())
    offered = reports.offer_release(by=by, report=report)
    reports.release(by=by, report=report, proof=prove(by.id, offered))
    sealing.seal_all()
    seal_released()

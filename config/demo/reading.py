"""The demo's reader: takes its calipers from what was measured on the segmentations, as a person would draw them."""

from config.demo import stage
from config.demo.lesions import Lesion as Truth
from config.demo.signing import prove
from config.demo.subjects import SUBJECTS, Visit
from endpoints.measure.geometry import PixelPoint
from endpoints.models import Assignment, Lesion, Measurement, Read, Segmentation
from endpoints.selectors.cases import SeriesPlace, series_places
from endpoints.services import assignments, lesions, reads
from trials.models import Trial, User

ORGANS = {"right-lung": "lung", "left-lung": "lung", "liver": "liver", "mediastinal-node": "lymph node"}


def read_all(trial: Trial) -> None:
    """Assign every accepted case to the demo's reader, and read each in order."""
    reader = User.objects.get(username="rosa")
    assignments.assign_all(by=stage.actor("carmen"), trial=trial, reader=reader)
    # Subjects were enrolled in the order of SUBJECTS.
    subjects = Assignment.objects.values_list("time_point__subject", flat=True)
    for phantom, subject in zip(SUBJECTS, sorted(set(subjects)), strict=True):
        mine = Assignment.objects.filter(time_point__subject=subject).order_by("position")
        for visit, assignment in zip(phantom.visits, mine, strict=True):
            _read(assignment, visit)


def _read(assignment: Assignment, visit: Visit) -> None:
    by = stage.actor("rosa")
    read = reads.open_read(by=by, assignment=assignment)
    places = series_places(assignment.time_point)
    drawn = list(Segmentation.objects.filter(series__study__time_point=assignment.time_point).order_by("number"))
    for truth, segment in zip(visit.spec.lesions, drawn, strict=True):
        lesion = _name(read, truth)
        lesions.measure(by=by, read=read, lesion=lesion, finding=_finding(lesion, segment, places))
    offered = reads.offer_lock(by=by, read=read, comment="", seen=reads.findings_sha256(read))
    reads.lock(by=by, read=read, comment="", proof=prove(by.id, offered))


def _name(read: Read, truth: Truth) -> Lesion:
    point = read.assignment.time_point
    known = Lesion.objects.filter(subject=point.subject, label=f"T{truth.label.removeprefix('T').zfill(2)}").first()
    if known is not None:
        return known
    kind = Lesion.Kind.NEW if truth.label.startswith("NEW") else Lesion.Kind.TARGET
    new = lesions.NewLesion(kind=kind, organ=ORGANS[truth.organ], is_node=truth.is_nodal)
    return lesions.add_lesion(by=stage.actor("rosa"), read=read, new=new)


def _finding(lesion: Lesion, segment: Segmentation, places: list[SeriesPlace]) -> lesions.NewFinding:
    if lesion.kind == Lesion.Kind.NEW:
        return lesions.NewFinding(state=Measurement.State.UNEQUIVOCAL)
    line = _line(segment, places, "short" if lesion.is_node else "long")
    return lesions.NewFinding(state=Measurement.State.MEASURED, line=line)


def _line(segment: Segmentation, places: list[SeriesPlace], axis: str) -> lesions.Line:
    shown, frame = _find(segment, places)
    (start, end) = (PixelPoint(row=row, column=column) for row, column in segment.geometry[axis])
    return lesions.Line(series=shown.position, token=shown.token, frame=frame, start=start, end=end)


def _find(segment: Segmentation, places: list[SeriesPlace]) -> tuple[SeriesPlace, int]:
    for shown in places:
        for index, place in enumerate(shown.frames):
            if place.instance.uid == segment.geometry["instance_uid"] and place.frame == segment.geometry["frame"]:
                return shown, index
    raise LookupError("the slice of a segmentation is not among the case's frames")

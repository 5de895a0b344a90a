"""Two images with one SOP Instance UID and other content (S14): nothing is overwritten or dropped, a person decides."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import because
from audit.services import record
from imaging.models import Conflict, IncomingFile, Instance, Submission
from imaging.services import dropping, queries, road
from trials import access
from trials.models import TimePoint
from trials.roles import Act
from trials.services import timepoints

# What is shown of both: of the cleaned objects, so that no identity is among it.
COMPARED = {
    "modality": _("Modality"),
    "series_number": _("Series number"),
    "instance_number": _("Image number"),
    "acquisition_number": _("Acquisition number"),
    "body_part": _("Body part"),
    "rows": _("Rows"),
    "columns": _("Columns"),
    "frames": _("Frames"),
    "bits_stored": _("Bits stored"),
    "photometric_interpretation": _("Photometric interpretation"),
    "image_type": _("Image type"),
    "position": _("Position (mm)"),
    "orientation": _("Orientation"),
    "pixel_spacing": _("Pixel spacing (mm)"),
    "slice_thickness": _("Slice thickness (mm)"),
    "kvp": _("Tube voltage (kV)"),
    "pixel_sha256": _("SHA-256 of the pixels"),
}


class Choice(StrEnum):
    """What a person may decide on all open conflicts of one delivery."""

    KEEP = "keep"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One fact of the filed and of the new image."""

    name: str
    filed: str
    new: str

    @property
    def differs(self) -> bool:
        return self.filed != self.new


def note(known: Instance, incoming: IncomingFile) -> None:
    """Refuse the file, kept encrypted, and remember what it conflicts with; the caller saves its state."""
    incoming.state, incoming.refusal_code = IncomingFile.State.REFUSED, "conflict"
    incoming.refusal = str(
        _(
            "Another image with the same SOP Instance UID is filed already, with different content. The filed one "
            "stays; this one is kept encrypted until the coordinator has compared the two and decided."
        )
    )
    Conflict.objects.get_or_create(file=incoming, defaults={"instance": known, "found_at": timezone.now()})


def open_conflicts() -> QuerySet[Conflict]:
    """Those that wait: a file that somebody discarded meanwhile asks nothing any more."""
    waiting = Conflict.objects.filter(state=Conflict.State.OPEN, file__state=IncomingFile.State.REFUSED)
    return waiting.select_related(
        "instance__series__study__time_point__subject__trial_site__trial",
        "instance__submission",
        "file__submission",
    )


def open_at(time_point: TimePoint) -> QuerySet[Conflict]:
    return open_conflicts().filter(instance__series__study__time_point=time_point)


def compare(conflict: Conflict) -> list[Line]:
    """Facts, sizes and digests of both, side by side."""
    filed, new = conflict.instance, conflict.file
    lines = [_line(str(label), filed.facts.get(name), new.facts.get(name)) for name, label in COMPARED.items()]
    return [
        *lines,
        _line(str(_("Size of the cleaned object (bytes)")), filed.size, sum(new.cleaned_parts)),
        _line(str(_("SHA-256 of the cleaned object")), filed.sha256, new.cleaned_sha256),
        _line(str(_("SHA-256 as received")), filed.received_sha256, new.sha256),
        _line(str(_("Came with")), filed.submission, new.submission),
    ]


def _line(name: str, filed: Any, new: Any) -> Line:
    return Line(name=name, filed=_said(filed), new=_said(new))


def _said(value: Any) -> str:
    if value in (None, "", []):
        return "–"
    return " \\ ".join(str(part) for part in value) if isinstance(value, list) else str(value)


@transaction.atomic
def decide(*, by: Actor, submission: Submission, choice: Choice, reason: str) -> int:
    """Decide on all open conflicts of one delivery; return how many there were.

    KEEP: the filed images stand, the new files are destroyed. ASK: none of them is read until quality control has
    looked again; the new files stay encrypted, and the site is asked. Raises ValidationError `no-reason`, `busy` while
    the delivery is on its way, `wrong-state` where nothing waits or the time point was accepted.
    """
    by = access.require(by, Act.CONFLICT_DECIDE, submission)
    if not reason.strip():
        raise ValidationError(_("Say why; the trail keeps it."), code="no-reason")
    submission = road.lock(submission)
    if submission.state in road.WORKING:
        raise ValidationError(_("This delivery is on its way now; wait until it has ended."), code="busy")
    waiting = list(open_conflicts().filter(file__submission=submission))
    if not waiting:
        raise ValidationError(_("No image of this delivery waits for a decision any more."), code="wrong-state")
    state = Conflict.State.KEPT if choice is Choice.KEEP else Conflict.State.ASKED
    with because(reason):
        Conflict.objects.filter(pk__in=[each.pk for each in waiting]).update(
            state=state, reason=reason, decided_at=timezone.now(), decided_by=by.id
        )
    trial_code = submission.trial_site.trial.code
    after = {"decision": state, "images": [each.instance.uid for each in waiting]}
    record(by=by, act="conflict.decided", obj=submission, trial_code=trial_code, after=after, reason=reason)
    if choice is Choice.KEEP:
        dropping.drop(submission, [each.file for each in waiting])
    else:
        _set_aside(by, waiting[0].instance.series.study.time_point, reason)
    return len(waiting)


def _set_aside(by: Actor, time_point: TimePoint, reason: str) -> None:
    """Take the time point back to quality control: until it is judged anew, nobody reads it."""
    if time_point.state not in (TimePoint.State.QUERIED, TimePoint.State.REFUSED):
        timepoints.move(by=by, time_point=time_point, to=TimePoint.State.QUERIED, reason=reason)
    queries.ask(by=by, time_point=time_point, text=reason)
